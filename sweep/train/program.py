"""The compiled program of a cohort: trials of equal shape, stepped together, sharded over a mesh (trial, data).

`trial` is manual (shard_map), so no collective can cross it and trials never wait for one another's data; `data` is
automatic, so a trial wider than a device splits its batch and its parameters. What is swept is traced: one compile
serves every learning rate, seed and horizon. The host touches the device once a chunk.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jax.stages import Wrapped
from jaxtyping import Array, Bool, Float, Int

from models import functional
from models.shape import Shape
from models.transformer import pin_batch
from sweep.train import optimizer
from sweep.train.data.order import window_starts
from sweep.train.schedule import learning_rate
from sweep.train.sharding import fsdp_spec

Mode = Literal["vmap", "map"]
QUICK_COMPILE = {"xla_backend_optimization_level": 1}  # runs once: LLVM would spend seconds to save microseconds
Leaf = Any  # an array, a NumPy scalar or the description of one: the same trees hold all three


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Hyper:
    """What differs between the rows of a cohort: traced, one scalar each, stacked along the leading trial axis."""

    seed: Leaf
    data_seed: Leaf
    peak: Leaf  # learning rate
    weight_decay: Leaf
    beta1: Leaf
    beta2: Leaf
    grad_clip: Leaf
    horizon: Leaf  # steps
    warmup: Leaf  # steps
    cooldown: Leaf  # steps
    schedule: Leaf  # index into schedule.SCHEDULES
    cooldown_shape: Leaf  # index into schedule.COOLDOWNS


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """Everything that training changes."""

    params: dict
    moments: optax.ScaleByAdamState
    step: Leaf  # updates done
    diverged: Leaf  # a non-finite loss or gradient froze the trial before its update


class Tokens(NamedTuple):
    """Token ids on the device: a flat training stream and fixed validation windows [batches, B, L + 1]."""

    train: Array
    val: Array


class Report(NamedTuple):
    """What a chunk tells the host, by row: the losses of each step it took (nan elsewhere) and the validation."""

    train_loss: Float[Array, "steps T"]
    val_loss: Float[Array, " T"]  # nats/token, nan where not asked for
    val_se: Float[Array, " T"]  # standard error over validation windows
    step: Int[Array, " T"]
    diverged: Bool[Array, " T"]


def init_state(shape: Shape, hyper: Hyper) -> State:
    """A fresh trial."""
    params = functional.init(shape, jax.random.key(hyper.seed))
    return State(params, optimizer.init(params), jnp.zeros((), jnp.int32), jnp.zeros((), bool))


def batch_at(shape: Shape, train: Array, step: Array, data_seed: Array) -> Int[Array, "B W"]:
    """The batch of a step, a pure function of (data_seed, step): a resumed run on any mesh sees the same."""
    windows = (train.shape[0] - 1) // shape.seq_len
    starts = window_starts(data_seed, step, batch=shape.batch, n_windows=windows, seq_len=shape.seq_len)
    return pin_batch(train[starts[:, None] + jnp.arange(shape.seq_len + 1)[None, :]].astype(jnp.int32))


def train_step(shape: Shape, corpus: Tokens, state: State, hyper: Hyper) -> tuple[State, Float[Array, ""]]:
    """One update of one trial. A non-finite loss or gradient leaves the trial as it was, marked diverged."""
    window = batch_at(shape, corpus.train, state.step, hyper.data_seed)
    loss, grads = jax.value_and_grad(lambda p: functional.token_losses(shape, p, window).mean())(state.params)
    lr = learning_rate(
        state.step,
        peak=hyper.peak,
        horizon=hyper.horizon,
        warmup=hyper.warmup,
        cooldown=hyper.cooldown,
        schedule=hyper.schedule,
        cooldown_shape=hyper.cooldown_shape,
    )
    params, moments, norm = optimizer.update(
        state.params,
        grads,
        state.moments,
        lr=lr,
        weight_decay=hyper.weight_decay,
        beta1=hyper.beta1,
        beta2=hyper.beta2,
        grad_clip=hyper.grad_clip,
    )
    finite = jnp.isfinite(loss) & jnp.isfinite(norm)
    stepped = State(params, moments, state.step + 1, state.diverged)
    return choose(finite, stepped, State(state.params, state.moments, state.step, ~finite)), loss


def choose(condition: Array, yes: State, no: State) -> State:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def validate(shape: Shape, val: Array, params: dict) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Mean loss over the validation windows (nats/token) and its standard error, windows taken as independent."""
    window_loss = jax.lax.map(lambda w: functional.token_losses(shape, params, pin_batch(w)).mean(-1), val).ravel()
    return window_loss.mean(), window_loss.std() / jnp.sqrt(window_loss.size - 1.0)


def live(state: State, until: Array) -> Array:
    return (state.step < until) & ~state.diverged


def chunk_by_vmap(shape, steps, corpus, states, hypers, until):
    """`steps` steps of every row at once: one batched kernel serves all; a finished row idles at full cost."""
    step_all = jax.vmap(functools.partial(train_step, shape, corpus))

    def step(states, _):
        stepped, loss = step_all(states, hypers)
        alive = live(states, until)
        frozen = jax.vmap(choose)(alive, stepped, states)
        return frozen, jnp.where(alive, loss, jnp.nan)

    return jax.lax.scan(step, states, length=steps)


def chunk_by_map(shape, steps, corpus, states, hypers, until):
    """Row after row, each to its own limit: bit-equal to training it alone; a finished row costs nothing."""

    def row(args):
        state, hyper, limit = args

        def step(state, _):
            run = functools.partial(train_step, shape, corpus)
            return jax.lax.cond(live(state, limit), run, lambda s, _: (s, jnp.float32(jnp.nan)), state, hyper)

        return jax.lax.scan(step, state, length=steps)

    states, losses = jax.lax.map(row, (states, hypers, until))
    return states, losses.T


def validate_rows(shape: Shape, mode: Mode, val: Array, params: dict, wanted: Array) -> tuple[Array, Array]:
    """Validation of the rows that ask for it; nan for the others. Skipped whole when none does."""
    nothing = jnp.full(wanted.shape, jnp.nan)

    def one(args):
        params, wanted = args
        skip = (jnp.float32(jnp.nan), jnp.float32(jnp.nan))
        return jax.lax.cond(wanted, lambda p: validate(shape, val, p), lambda _: skip, params)

    each = jax.vmap(one) if mode == "vmap" else functools.partial(jax.lax.map, one)
    return jax.lax.cond(wanted.any(), each, lambda _: (nothing, nothing), (params, wanted))


def make_chunk(shape: Shape, mesh: Mesh, *, steps: int, mode: Mode) -> Wrapped:
    """The jitted chunk: (corpus, states, hypers, until, wanted) -> (states, Report), states donated.

    Args:
        until: [T] int32; a row runs while its step is below it.
        wanted: [T] bool; rows to validate when the steps are done.
    """
    advance = chunk_by_vmap if mode == "vmap" else chunk_by_map

    def chunk(corpus, states, hypers, until, wanted):
        states, losses = advance(shape, steps, corpus, states, hypers, until)
        val_loss, val_se = validate_rows(shape, mode, corpus.val, states.params, wanted)
        return states, Report(losses, val_loss, val_se, states.step, states.diverged)

    by_trial = P("trial")
    sharded = jax.shard_map(
        chunk,
        mesh=mesh,
        in_specs=(P(), by_trial, by_trial, by_trial, by_trial),
        out_specs=(by_trial, Report._make([P(None, "trial"), by_trial, by_trial, by_trial, by_trial])),
        axis_names={"trial"},
        check_vma=False,
    )
    return jax.jit(sharded, donate_argnums=1, out_shardings=(state_sharding(shape, mesh), None))


@functools.lru_cache(maxsize=256)
def state_sharding(shape: Shape, mesh: Mesh) -> State:
    """The sharding of every array of a stacked state: trials over `trial`, large arrays also over `data`."""
    one = jax.eval_shape(functools.partial(init_state, shape), example_hyper())
    data = mesh.shape["data"]
    return jax.tree.map(lambda x: NamedSharding(mesh, fsdp_spec((1, *x.shape), data)), one)


def make_init(shape: Shape, mesh: Mesh) -> Callable[[Hyper], State]:
    """Parameters are born sharded: nothing larger than a device's share ever exists on one device."""
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    return jax.jit(
        jax.vmap(functools.partial(init_state, shape)),
        out_shardings=state_sharding(shape, mesh),
        compiler_options=QUICK_COMPILE if on_cpu else None,
    )


@functools.lru_cache(maxsize=256)
def make_take(shape: Shape, mesh: Mesh) -> Callable[[State, Array], State]:
    """(states, indices[T]) -> row r copies row indices[r]: a branch leaves its trunk, a few rows are picked."""

    def take(states: State, indices: Array) -> State:
        return jax.tree.map(lambda x: x.at[indices].get(mode="clip"), states)

    return jax.jit(take, out_shardings=state_sharding(shape, mesh))


@functools.lru_cache(maxsize=256)
def make_put(shape: Shape, mesh: Mesh) -> Callable[[State, State, Array], State]:
    """(states, some, indices[T]) -> states with those rows replaced; an index past the end is dropped."""

    def put(states: State, some: State, indices: Array) -> State:
        return jax.tree.map(lambda x, y: x.at[indices].set(y, mode="drop"), states, some)

    return jax.jit(put, donate_argnums=0, out_shardings=state_sharding(shape, mesh))


def abstract_states(shape: Shape, mesh: Mesh, rows: int) -> State:
    """Shapes, dtypes and shardings of a stacked state, for compiling ahead."""
    one = jax.eval_shape(functools.partial(init_state, shape), example_hyper())
    return jax.tree.map(
        lambda x, sharding: jax.ShapeDtypeStruct((rows, *x.shape), x.dtype, sharding=sharding),
        one,
        state_sharding(shape, mesh),
    )


def stack(hypers: list[Hyper]) -> Hyper:
    """Rows on the host, stacked along the leading trial axis."""
    return jax.tree.map(lambda *xs: np.stack(xs), *hypers)


def example_hyper() -> Hyper:
    """A row of zeros, for shapes and dtypes."""
    i, f = np.int32(0), np.float32(0)
    return Hyper(np.uint32(0), np.uint32(0), f, f, f, f, f, i, i, i, i, i)
