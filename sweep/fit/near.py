"""Resamples near one start: Newton on the law's expansion there, in which all lanes share the matrices.

Resamples of a table are refitted from the optimum of the table itself and do not go far. In the coordinates v of
`expansion` a matrix from J at the start serves everywhere, so a pass over the rows is three products of shared
matrices with a block of lanes, and no exponential, logarithm or sum of its own:

    residuals  J' v + S_n' (v v)  [n, lanes]     gradient, curvature  (J, S_n) pull     matrix  (J J) bend

(names as in `newton`). float32 serves: the residuals at the start are formed in float64, and v needs no conditioning.

Where the expansion ends, some passes over the exact law in float64 settle a lane: exact objective and gradient, and
the matrix of the expansion, which is right to some percent and thus takes three or four digits off the promise a pass.
Only that promise certifies a lane; the lanes that it does not are left to `newton`.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, PartitionSpec

from sweep import platforms
from sweep.fit import newton
from sweep.fit.expansion import Expansion, expand, outward, unbend
from sweep.fit.levels import in_blocks, in_levels, transposed
from sweep.fit.linear import pairs, solve_spd
from sweep.fit.newton import End, Problem, choose
from sweep.fit.programs import KEPT
from sweep.laws import Law

STOP = 1e-7  # relative decrease still promised at which a lane ends
RIDGE, LEAST_RIDGE, STUCK = 1e-6, 1e-2, 1e3  # of a matrix scaled to 1: always, first after a failure, at the end
DAMPING = 0.3  # to begin with
product = functools.partial(jnp.matmul, precision="highest")  # an accelerator's default rounds float32 to 10 bits


class Place(NamedTuple):
    """Where a block is, v [k, lanes], with the objective [lanes], gradient, matrix and own curvature there."""

    v: jax.Array
    objective: jax.Array
    gradient: jax.Array
    matrix: jax.Array
    curvature: jax.Array


class Carry(NamedTuple):
    """A block under way and its step to try next; damping and ridge [lanes] as in `newton`."""

    place: Place
    step: jax.Array
    damping: jax.Array
    ridge: jax.Array
    steps: jax.Array
    done: jax.Array


def look(
    around: Expansion, v: jax.Array, offset: jax.Array, weight: jax.Array, delta: jax.Array, damping: jax.Array
) -> Place:
    """The Place of v [k, lanes]: one pass over the rows; `offset` [n, lanes] or [n, 1], residuals at the start."""
    k, index, delta, damping = len(v), pairs(len(v)), delta[None], damping[None]
    squares = jnp.stack([v[i] * v[j] for i, j in index])
    residual = offset + product(around.straight.T, jnp.concatenate([v, squares]))
    size = jnp.abs(residual)
    inner = jnp.minimum(size, delta)  # huber = inner (size - inner / 2) on both branches
    pull = weight * jnp.where(residual < 0, -inner, inner)
    inside = jnp.where(size <= delta, weight, 0.0)
    bend = inside + damping * weight * (inner / jnp.maximum(size, jnp.finfo(size.dtype).tiny))
    pulled = product(around.straight, pull)
    gradient, curvature = list(pulled[:k]), pulled[k:]
    for row, (i, j) in zip(curvature, index, strict=True):
        gradient[i] = gradient[i] + v[j] * row
        gradient[j] = gradient[j] + v[i] * row
    objective = jnp.sum(weight * inner * (size - 0.5 * inner), axis=0)
    return Place(v, objective, jnp.stack(gradient), product(around.products, bend), curvature)


def own_curvature(place: Place) -> jax.Array:
    """The law's curvature in v, [k (k + 1) / 2, lanes]: S_n has half of it on the diagonal."""
    index = pairs(len(place.v))
    return jnp.stack([2 * row if i == j else row for row, (i, j) in zip(place.curvature, index, strict=True)])


def direction(place: Place, ridge: jax.Array, total: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(step [k, lanes], promised decrease over the objective [lanes]); `total` [lanes] is the lane's sum of weights."""
    index = pairs(len(place.v))
    mean = jnp.mean(jnp.stack([row for row, (i, j) in zip(place.matrix, index, strict=True) if i == j]), axis=0)
    ridge = (ridge + RIDGE) * mean + jnp.finfo(mean.dtype).tiny * 1e6

    both = jnp.stack([place.matrix + own_curvature(place), place.matrix], axis=1)  # solved in one go
    matrix = [row + ridge[None] if i == j else row for row, (i, j) in zip(both, index, strict=True)]
    steps, pivot = solve_spd(matrix, [row[None] for row in place.gradient])
    step = jnp.where((pivot[0] > 1e-2 * mean)[None], steps[:, 0], steps[:, 1])
    floor = jnp.maximum(place.objective, 1e-13 * total)
    return step, 0.5 * jnp.sum(place.gradient * step, axis=0) / floor


def begin(k: int, idle: jax.Array) -> Carry:
    """Lanes at the start; the `idle` [lanes] are done."""
    zero = jnp.zeros(idle.shape, jnp.float32)
    nowhere, blank = jnp.zeros((k, len(idle)), zero.dtype), jnp.zeros((len(pairs(k)), len(idle)), zero.dtype)
    place = Place(nowhere, zero + jnp.inf, nowhere, blank, blank)
    return Carry(place, nowhere, zero + DAMPING, zero, jnp.zeros(idle.shape, jnp.int32), idle)


def solve_block(
    around: Expansion, start: Carry, offset: jax.Array, weight: jax.Array, delta: jax.Array, most: jax.Array
) -> Carry:
    """The lanes of a block [n, lanes] after at most `most` passes more."""
    total = jnp.sum(weight, axis=0)

    def one_pass(carry: Carry) -> Carry:
        first = jnp.isinf(carry.place.objective)
        calmer = jnp.where(first, carry.damping, jnp.maximum(carry.damping / 10, 1e-6))
        found = look(around, carry.place.v - carry.step, offset, weight, delta, calmer)
        better = (found.objective < carry.place.objective) & ~carry.done
        place = choose(better, found, carry.place)
        ridge = jnp.where(better, 0.0, jnp.maximum(carry.ridge * 10, LEAST_RIDGE))
        step, promise = direction(place, ridge, total)
        settled = (better & (promise <= STOP) & (calmer <= 1e-1)) | (ridge > STUCK)
        damping = jnp.where(better, calmer, jnp.minimum(carry.damping * 10, 1.0))
        step, damping, ridge = choose(carry.done, (carry.step, carry.damping, carry.ridge), (step, damping, ridge))
        return Carry(place, step, damping, ridge, carry.steps + ~carry.done, carry.done | settled)

    def unfinished(state: tuple[Carry, jax.Array]) -> jax.Array:
        return ~jnp.all(state[0].done) & (state[1] < most)

    return jax.lax.while_loop(unfinished, lambda state: (one_pass(state[0]), state[1] + 1), (start, jnp.int32(0)))[0]


@functools.lru_cache(KEPT)
def program(
    law: Law, in_loss: bool, own_target: bool, block: int, exact_block: int, devices: int, size: tuple[int, int]
):
    """The compiled solver of many blocks around one start, spread over devices; `size` as in `newton.program`.

    (start [k], share [n], delta [lanes], weight [lanes, n], target [lanes, n] or [n], features [f, n], passes over the
    expansion [levels], over the exact law [levels]) -> End.
    """
    platforms.keep_programs()
    mesh = jax.make_mesh((devices,), ("lane",), axis_types=(AxisType.Auto,), devices=platforms.fitting_devices())
    split, shared = PartitionSpec("lane"), PartitionSpec()
    specs = (shared, shared, split, split, split if own_target else shared, shared, shared, shared)

    @jax.jit
    @functools.partial(jax.shard_map, mesh=mesh, in_specs=specs, out_specs=split, check_vma=False)
    def run(start, share, delta, weight, target, features, passes, exact_passes):
        exact = expand(law, in_loss, start, features, share)
        around = jax.tree.map(lambda x: x.astype(jnp.float32), exact)
        idle, own = jnp.all(weight <= 0, axis=1), target if own_target else None

        def lead(state, data, most):
            delta, weight, own = data
            offset = exact.predicted[:, None] - (target[:, None] if own is None else own.T)  # [n, 1] serves all lanes
            offset, weight, delta = (x.astype(jnp.float32) for x in (offset, weight.T, delta))
            return transposed(solve_block(around, transposed(state), offset, weight, delta, most))

        def arrive(state):
            end = transposed(state)
            last = jnp.where(end.ridge <= 0, end.step, 0.0)  # it only leads the way: its last step is free
            u, slope = (x.astype(jnp.float64) for x in unbend(around, end.place.v - last))
            slope = jnp.einsum("cal,ax->cxl", slope, exact.back)
            matrices = (outward(x.astype(jnp.float64), slope) for x in (end.place.matrix, own_curvature(end.place)))
            return transposed((start[:, None] + exact.out @ u, *matrices))

        def settle(state, data, most):
            delta, weight, own, matrix, kept = data
            problem = Problem(features, target[None] if own is None else own, weight, delta, matrix.T)
            return transposed(newton.solve_block(law, in_loss, False, transposed(state), kept.T, problem, most))

        near = in_levels(lead, transposed(begin(len(start), idle)), (delta, weight, own), block, passes)
        theta, matrix, kept = in_blocks(arrive, near, block)
        damping = near.damping.astype(jnp.float64)
        state = transposed(newton.begin(False, theta.T, damping, idle))
        end = in_levels(settle, state, (delta, weight, own, matrix, kept), exact_block, exact_passes)
        steps = end.steps + near.steps
        return End(end.theta, end.here.objective, damping, kept, end.gradient, end.decrement, steps, end.done)

    return run
