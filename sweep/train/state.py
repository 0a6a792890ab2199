"""What training changes and what a trial is trained with: stacked pytrees, and where they lie on a mesh."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jax.stages import Wrapped
from jaxtyping import Array

from sweep.models import functional
from sweep.models.layout import DATA
from sweep.models.shape import Shape
from sweep.train import effort, optimizer
from sweep.train.sharding import TRIAL, specs

BY_TRIAL = P(TRIAL)
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


def init_state(shape: Shape, hyper: Hyper) -> State:
    """A fresh trial."""
    params = functional.init(shape, jax.random.key(hyper.seed))
    return State(params, optimizer.init(params), jnp.zeros((), jnp.int32), jnp.zeros((), bool))


@functools.lru_cache(maxsize=256)
def specs_of(shape: Shape, data: int) -> State:
    """Specs of a stacked state: each moment lies as its weight does."""
    weights, by_trial = specs(shape, data), cast(Any, BY_TRIAL)
    return State(weights, optax.ScaleByAdamState(count=by_trial, mu=weights, nu=weights), by_trial, by_trial)


@functools.lru_cache(maxsize=256)
def state_sharding(shape: Shape, mesh: Mesh) -> State:
    """The sharding of every array of a stacked state: trials over `trial`, large arrays also over `data`."""
    return jax.tree.map(
        lambda spec: NamedSharding(mesh, spec), specs_of(shape, mesh.shape[DATA]), is_leaf=lambda x: isinstance(x, P)
    )


def on_cpu(mesh: Mesh, name: str) -> dict[str, Any] | None:
    """Options of a quick compile, on a CPU."""
    return effort.options(name) if mesh.devices.flat[0].platform == "cpu" else None


def make_init(shape: Shape, mesh: Mesh) -> Callable[[Hyper], State]:
    """Parameters are born sharded: nothing larger than a device's share ever exists on one device."""
    return jax.jit(
        jax.vmap(functools.partial(init_state, shape)),
        out_shardings=state_sharding(shape, mesh),
        compiler_options=on_cpu(mesh, "once"),
    )


@functools.lru_cache(maxsize=256)
def make_take(shape: Shape, mesh: Mesh) -> Callable[[State, Array], State]:
    """(states, indices[T]) -> the states of a few rows, picked."""

    def take(states: State, indices: Array) -> State:
        return jax.tree.map(lambda x: x.at[indices].get(mode="clip"), states)

    return jax.jit(take, out_shardings=state_sharding(shape, mesh), compiler_options=on_cpu(mesh, "cpu"))


def make_branch(shape: Shape, mesh: Mesh) -> Wrapped:
    """(states, pairs [T, 2], count) -> states in which row pairs[i, 1] is a copy of row pairs[i, 0], for i < count.

    A branch leaves its trunk. One row after another, in place: no second copy of the states is held.
    """
    trial = mesh.shape[TRIAL]

    def branch(states: State, pairs: Array, count: Array) -> State:
        here = jax.lax.axis_index(TRIAL)

        def one(i, states):
            return jax.tree.map(functools.partial(copied, trial, here, pairs[i, 0], pairs[i, 1]), states)

        return jax.lax.fori_loop(0, count, one, states)

    by_rows = specs_of(shape, mesh.shape[DATA])
    sharded = jax.shard_map(branch, mesh=mesh, in_specs=(by_rows, P(), P()), out_specs=by_rows, check_vma=False)
    return jax.jit(sharded, donate_argnums=0)


def copied(trial: int, here: Array, source: Array, to: Array, rows: Array) -> Array:
    """This device's `rows` of a stacked array, of which `trial` devices hold equal parts, with row `source` copied over
    row `to`: bit by bit, also from one device to another.
    """
    n = rows.shape[0]
    row = jax.lax.dynamic_index_in_dim(rows, source % n, keepdims=False)
    if trial > 1:
        bits = row.astype(jnp.int32) if row.dtype == bool else jax.lax.bitcast_convert_type(row, jnp.int32)
        bits = jax.lax.psum(jnp.where(source // n == here, bits, 0), TRIAL)
        row = bits.astype(bool) if row.dtype == bool else jax.lax.bitcast_convert_type(bits, row.dtype)
    old = jax.lax.dynamic_index_in_dim(rows, to % n, keepdims=False)
    return jax.lax.dynamic_update_index_in_dim(rows, jnp.where(to // n == here, row, old), to % n, 0)


@functools.lru_cache(maxsize=256)
def make_put(shape: Shape, mesh: Mesh) -> Callable[[State, State, Array], State]:
    """(states, some, indices[T]) -> states with those rows replaced; an index past the end is dropped."""

    def put(states: State, some: State, indices: Array) -> State:
        return jax.tree.map(lambda x, y: x.at[indices].set(y, mode="drop"), states, some)

    options = on_cpu(mesh, "cpu")
    return jax.jit(put, donate_argnums=0, out_shardings=state_sharding(shape, mesh), compiler_options=options)


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
