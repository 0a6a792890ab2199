"""The compiled programs of a cohort: trials of equal shape, stepped together, sharded over a mesh (trial, data).

Both axes are manual (one shard_map). No collective can cross `trial`, so trials never wait for one another's data.
Along `data` each device takes its rows of every batch and its part of every large weight; what travels is written in
models.layout and sweep.train.sharding: weights, a block at a time, and gradients. What is swept is traced: one compile
serves every learning rate, seed and horizon. The host touches the device once a chunk.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jax.stages import Wrapped
from jaxtyping import Array, Float, Int, Integer

from sweep.design.cost import Mode
from sweep.models import functional
from sweep.models.layout import DATA, Layout, Remat
from sweep.models.shape import Shape
from sweep.train import optimizer
from sweep.train.data.order import window_starts
from sweep.train.schedule import learning_rate
from sweep.train.sharding import TRIAL, gradient_norm, local_rows, mean_gradient, specs
from sweep.train.state import BY_TRIAL, Hyper, Leaf, State, specs_of


@dataclass(frozen=True)
class Execution:
    """What is static about how a cohort runs and changes no loss but by rounding."""

    mode: Mode = "map"  # how rows share a device: batched, or one after another
    remat: Remat = "none"  # what the backward pass computes again: models.layout
    micro_batches: int = 1  # parts of a device's batch, one after another, gradients added up in float32


class Report(NamedTuple):
    """What a chunk tells the host, by row."""

    train_loss: Leaf  # [steps, T] float32; of each step that a row took, nan elsewhere
    step: Leaf  # [T] int32
    diverged: Leaf  # [T] bool


class Validation(NamedTuple):
    """The validation of each row, nan where not asked for."""

    loss: Leaf  # [T] float32, nats/token
    se: Leaf  # [T] float32; standard error over validation windows


def batches_spec(data: int) -> P:
    """Of the batches [T, steps, B, L + 1] of a chunk, on a mesh with `data` devices a trial."""
    return P(TRIAL, None, DATA) if data > 1 else BY_TRIAL  # an axis of one would turn up in the specs of results


def batch_at(shape: Shape, train: Array, step: Array, data_seed: Array, data: int = 1) -> Integer[Array, "b W"]:
    """The batch of a step, this device's part of it where `data` devices share one: a pure function of (data_seed,
    step), so that a resumed run on any mesh sees the same.
    """
    windows = (train.shape[0] - 1) // shape.seq_len
    starts = window_starts(data_seed, step, batch=shape.batch, n_windows=windows, seq_len=shape.seq_len)
    return train[local_rows(starts, data)[:, None] + jnp.arange(shape.seq_len + 1)[None, :]]


@dataclass(frozen=True)
class Step:
    """One update of one trial, on this device's rows of the batch."""

    shape: Shape
    execution: Execution
    data: int  # devices of a trial

    def __call__(self, window: Int[Array, "b W"], state: State, hyper: Hyper) -> tuple[State, Float[Array, ""]]:
        """The stepped state and the batch's mean loss. A non-finite loss or gradient leaves the trial as it was,
        marked diverged.
        """
        loss, grads = self.loss_and_gradient(state.params, window)
        norm = gradient_norm(grads, self.shape, self.data)
        lr = learning_rate(
            state.step,
            peak=hyper.peak,
            horizon=hyper.horizon,
            warmup=hyper.warmup,
            cooldown=hyper.cooldown,
            schedule=hyper.schedule,
            cooldown_shape=hyper.cooldown_shape,
        )
        params, moments = optimizer.update(
            state.params,
            grads,
            state.moments,
            norm=norm,
            lr=lr,
            weight_decay=hyper.weight_decay,
            beta1=hyper.beta1,
            beta2=hyper.beta2,
            grad_clip=hyper.grad_clip,
        )
        finite = jnp.isfinite(loss) & jnp.isfinite(norm)
        stepped = State(params, moments, state.step + 1, state.diverged)
        return choose(finite, stepped, State(state.params, state.moments, state.step, ~finite)), loss

    def loss_and_gradient(self, params: dict, window: Int[Array, "b W"]) -> tuple[Float[Array, ""], dict]:
        """Mean loss of the whole batch and its gradient, each device's part of what is split."""
        placed, parts = Layout(self.data, self.execution.remat), self.execution.micro_batches
        one = jax.value_and_grad(lambda p, w: functional.token_losses(self.shape, p, w, placed).mean())
        if parts == 1:
            loss, grads = one(params, window)
        else:

            def add(total, part):
                return jax.tree.map(jnp.add, total, one(params, part)), None

            nothing = jnp.float32(0), jax.tree.map(jnp.zeros_like, params)
            total, _ = jax.lax.scan(add, nothing, window.reshape(parts, -1, window.shape[-1]))
            loss, grads = jax.tree.map(lambda x: x / parts, total)
        if self.data > 1:
            loss = jax.lax.pmean(loss, DATA)
        return loss, mean_gradient(grads, self.shape, self.data)


def choose(condition: Array, yes: State, no: State) -> State:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def live(state: State, until: Array) -> Array:
    return (state.step < until) & ~state.diverged


def at(tree: Any, row: Array) -> Any:
    return jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, row, keepdims=False), tree)


def chunk_by_vmap(step: Step, batch_of: Callable, steps: int, states: State, hypers: Hyper, until: Array):
    """`steps` steps of every row at once: one batched kernel serves all; a finished row idles at full cost."""
    rows = jnp.arange(until.shape[0])

    def one(row, number, state, hyper):
        return step(batch_of(row, number), state, hyper)

    def all_rows(states, number):
        stepped, loss = jax.vmap(one, in_axes=(0, None, 0, 0))(rows, number, states, hypers)
        alive = live(states, until)
        return jax.vmap(choose)(alive, stepped, states), jnp.where(alive, loss, jnp.nan)

    return jax.lax.scan(all_rows, states, jnp.arange(steps))


def chunk_by_map(step: Step, batch_of: Callable, steps: int, states: State, hypers: Hyper, until: Array):
    """Row after row, each to its own limit: bit-equal to training it alone; a finished row costs nothing.

    The rows are updated in place, so that no second copy of the stacked state is held.
    """

    def one(row, carry):
        states, losses = carry
        hyper, limit = at(hypers, row), until[row]

        def go_on(carry):
            number, state, _ = carry
            return (number < steps) & live(state, limit)

        def advance(carry):
            number, state, losses = carry
            state, loss = step(batch_of(row, number), state, hyper)
            return number + 1, state, losses.at[number].set(loss)

        start = jnp.int32(0), at(states, row), jnp.full(steps, jnp.nan)
        _, state, mine = jax.lax.while_loop(go_on, advance, start)
        states = jax.tree.map(lambda x, new: jax.lax.dynamic_update_index_in_dim(x, new, row, 0), states, state)
        return states, losses.at[:, row].set(mine)

    rows = until.shape[0]
    return jax.lax.fori_loop(0, rows, one, (states, jnp.full((steps, rows), jnp.nan)))


def make_chunk(shape: Shape, mesh: Mesh, execution: Execution, *, steps: int) -> Wrapped:
    """The jitted chunk: (batches, states, hypers, until) -> (states, Report), states donated.

    Args:
        batches: [T, steps, B, L + 1] of each row's steps, cut on the devices or by the hosts: one program trains on
            both, so that losses are bit-equal.
        until: [T] int32; a row runs while its step is below it.
    """
    data = mesh.shape[DATA]
    advance = chunk_by_vmap if execution.mode == "vmap" else chunk_by_map

    def chunk(batches, states, hypers, until):
        def batch_of(row, number):
            return batches[row, number].astype(jnp.int32)

        states, losses = advance(Step(shape, execution, data), batch_of, steps, states, hypers, until)
        return states, Report(losses, states.step, states.diverged)

    state_specs = specs_of(shape, data)
    sharded = jax.shard_map(
        chunk,
        mesh=mesh,
        in_specs=(batches_spec(data), state_specs, BY_TRIAL, BY_TRIAL),
        out_specs=(state_specs, Report(P(None, TRIAL), BY_TRIAL, BY_TRIAL)),
        check_vma=False,
    )
    return jax.jit(sharded, donate_argnums=1)


def make_cutting(shape: Shape, mesh: Mesh, *, steps: int) -> Wrapped:
    """The jitted (train, seeds, first, taken) -> batches [T, steps, B, L + 1] of a chunk.

    Args:
        train: [tokens] the stream, a copy on every device.
        seeds, first, taken: [T] data seed of each row, the step it begins at, and how many it takes: 0 where it idles,
            and nothing is cut.
    """
    data = mesh.shape[DATA]

    def cutting(train, seeds, first, taken):
        def one(row):
            seed, start, number = row
            cut = jax.vmap(lambda step: batch_at(shape, train, start + step, seed, data))
            dims = (steps, shape.batch // data, shape.seq_len + 1)
            return jax.lax.cond(number > 0, lambda: cut(jnp.arange(steps)), lambda: jnp.zeros(dims, train.dtype))

        return jax.lax.map(one, (seeds, first, taken))

    sharded = jax.shard_map(
        cutting, mesh=mesh, in_specs=(P(), BY_TRIAL, BY_TRIAL, BY_TRIAL), out_specs=batches_spec(data), check_vma=False
    )
    return jax.jit(sharded)


def make_validation(shape: Shape, mesh: Mesh, execution: Execution, windows: int) -> Wrapped:
    """The jitted validation: (val, params, wanted) -> Validation.

    Args:
        windows: how many of `val` count, whatever the batch, its parts and the mesh.
        val: [batches, B, L + 1] windows, B split over `data`; those beyond `windows` fill the last batch.
        wanted: [T] bool; rows to validate.
    """
    data = mesh.shape[DATA]

    def validation(val, params, wanted):
        def one(args):
            params, wanted = args
            skip = Validation(jnp.float32(jnp.nan), jnp.float32(jnp.nan))
            return jax.lax.cond(wanted, lambda p: validate(shape, data, val, p, windows), lambda _: skip, params)

        each = jax.vmap(one) if execution.mode == "vmap" else functools.partial(jax.lax.map, one)
        return each((params, wanted))

    sharded = jax.shard_map(
        validation,
        mesh=mesh,
        in_specs=(P(None, DATA), specs(shape, data), BY_TRIAL),
        out_specs=Validation(BY_TRIAL, BY_TRIAL),
        check_vma=False,
    )
    return jax.jit(sharded)


@functools.lru_cache(maxsize=256)
def make_readable(mesh: Mesh) -> Wrapped:
    """The jitted (report, votes) -> (report, vote): on every device, so that each host of a mesh can read it.

    Args:
        votes: [trial, data] int32, one of each device: what its host would have the cohort do. The largest counts.
    """
    return jax.jit(lambda report, votes: (report, votes.max()), out_shardings=NamedSharding(mesh, P()))


def validate(shape: Shape, data: int, val: Array, params: dict, windows: int) -> Validation:
    """Mean loss over the first `windows` windows (nats/token) and its standard error, taken as independent."""
    window_loss = jax.lax.map(lambda w: functional.token_losses(shape, params, w, Layout(data)).mean(-1), val)
    if data > 1:
        window_loss = jax.lax.all_gather(window_loss, DATA, axis=1, tiled=True)
    counted = window_loss.ravel()[:windows]
    return Validation(counted.mean(), counted.std() / jnp.sqrt(windows - 1.0))
