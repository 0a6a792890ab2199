"""Resamples near one start: Newton on the law's expansion there, in which all lanes share the matrices.

Resamples of a table are refitted from the optimum of the table itself and do not go far. Let u be coordinates in which
the table's own information matrix is the identity (theta = start + out u), J and S the law's first and second
derivatives in them, and v the coordinates of a prediction along the tangent space of the start,

    v = J (prediction - prediction at the start) / n = u + S_t(u, u) / 2 + R_t(u, u, u) / 6

with the parts S_t, R_t of second and third derivatives that lie along J. Then, with the rest S_n, normal to it,

    prediction = prediction at the start + J' v + S_n(v, v) / 2

up to a third order that is small: nearly all curvature of a law is of its parameters (Bates and Watts 1980), and v
takes it out. In v a matrix from J at the start serves everywhere, so a pass over the rows is three products of shared
matrices with a block of lanes, and no exponential, logarithm or sum of its own:

    residuals  J' v + S_n' (v v)  [n, lanes]     gradient, curvature  (J, S_n) pull     matrix  (J J) bend

(names as in `newton`). float32 serves: the residuals at the start are formed in float64, and v needs no conditioning.
The end is a start for the float64 program, which alone certifies a lane.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, PartitionSpec

from sweep.fit.linear import pairs, solve_spd
from sweep.fit.newton import choose, predict
from sweep.laws import Law

STOP = 1e-7  # relative decrease still promised at which a lane ends
RIDGE, LEAST_RIDGE, STUCK = 1e-6, 1e-2, 1e3  # of a matrix scaled to 1: always, first after a failure, at the end
FLAT = 1e-10  # directions with less than this share of the largest information stay where they are
BACK = 4  # Newton steps from v to u
product = functools.partial(jnp.matmul, precision="highest")  # an accelerator's default rounds float32 to 10 bits


class Expansion(NamedTuple):
    """The law around a start, in the coordinates u and v.

    Attributes:
        predicted: [n].
        tangent, normal: J [k, n], and S_n of the pairs [k (k + 1) / 2, n], which multiplies v_a v_b once a pair.
        products: J_a J_b of the pairs, [k (k + 1) / 2, n].
        second, third: S_t and R_t, [k, k, k] and [k, k, k, k]; the first axis is that of v.
        out, back: theta = start + out u, u = back (theta - start), [k, k].
    """

    predicted: jax.Array
    tangent: jax.Array
    normal: jax.Array
    products: jax.Array
    second: jax.Array
    third: jax.Array
    out: jax.Array
    back: jax.Array


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


def derivatives(law: Law, in_loss: bool, start: jax.Array, features: jax.Array) -> tuple[jax.Array, ...]:
    """The prediction [n] at `start` [k], its first, second and third derivatives [k, n], [k, k, n], [k, k, k, n]."""

    def slopes(theta: jax.Array) -> jax.Array:
        return predict(law, in_loss, features, theta[:, None])[1][:, 0]

    def along(f: Callable[[jax.Array], jax.Array], theta: jax.Array) -> jax.Array:
        return jax.vmap(lambda axis: jax.jvp(f, (theta,), (axis,))[1])(jnp.eye(len(theta), dtype=theta.dtype))

    def bends(theta: jax.Array) -> jax.Array:
        return along(slopes, theta)

    predicted, first = predict(law, in_loss, features, start[:, None])
    return predicted[0], first[:, 0], bends(start), along(bends, start)


def scaling(information: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(out, back) [k, k], with out' information out = 1 but for directions of no information, which are zero."""
    diagonal = jnp.diagonal(information)
    seen = diagonal > 1e-24 * jnp.max(diagonal)
    scale = jnp.where(seen, jnp.sqrt(jnp.where(seen, diagonal, 1.0)), 1.0)[:, None]
    values, vectors = jnp.linalg.eigh(information / scale / scale.T * seen[None] * seen[:, None])
    known = values > FLAT * values[-1]
    root = jnp.sqrt(jnp.where(known, values, 1.0))[:, None]
    return vectors / scale / root.T * known[None] * seen[:, None], root * vectors.T * scale.T * known[:, None]


def expand(law: Law, in_loss: bool, start: jax.Array, features: jax.Array, share: jax.Array) -> Expansion:
    """The law around `start` [k]; `share` [n] is the mean weight of a row over the lanes."""
    share = share / jnp.sum(share)
    predicted, first, second, third = derivatives(law, in_loss, start, features)
    out, back = scaling(jnp.einsum("an,bn,n->ab", first, first, share))
    tangent = out.T @ first
    onto = tangent * share[None]
    second = jnp.einsum("xa,xyn,yb->abn", out, second, out)
    third = jnp.einsum("cn,xyzn,xa,yb,zd->cabd", onto, third, out, out, out)
    along = jnp.einsum("cn,abn->cab", onto, second)
    rest = second - jnp.einsum("cab,cn->abn", along, tangent)
    index = pairs(len(start))
    normal = jnp.stack([rest[i, j] * (0.5 if i == j else 1.0) for i, j in index])
    products = jnp.stack([tangent[i] * tangent[j] for i, j in index])
    return Expansion(predicted, tangent, normal, products, along, third, out, back)


def look(
    around: Expansion, v: jax.Array, offset: jax.Array, weight: jax.Array, delta: jax.Array, damping: jax.Array
) -> Place:
    """The Place of v [k, lanes]: one pass over the rows; `offset` [n, lanes] are the residuals at the start."""
    index, delta, damping = pairs(len(v)), delta[None], damping[None]
    squares = jnp.stack([v[i] * v[j] for i, j in index])
    residual = offset + product(around.tangent.T, v) + product(around.normal.T, squares)
    size = jnp.abs(residual)
    inner = jnp.minimum(size, delta)  # huber = inner (size - inner / 2) on both branches
    pull = weight * jnp.where(residual < 0, -inner, inner)
    inside = jnp.where(size <= delta, weight, 0.0)
    bend = inside + damping * weight * (inner / jnp.maximum(size, jnp.finfo(size.dtype).tiny))
    gradient, curvature = list(product(around.tangent, pull)), product(around.normal, pull)
    for row, (i, j) in zip(curvature, index, strict=True):
        gradient[i] = gradient[i] + v[j] * row
        gradient[j] = gradient[j] + v[i] * row
    objective = jnp.sum(weight * inner * (size - 0.5 * inner), axis=0)
    return Place(v, objective, jnp.stack(gradient), product(around.products, bend), curvature)


def direction(place: Place, ridge: jax.Array, total: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(step [k, lanes], promised decrease over the objective [lanes]); `total` [lanes] is the lane's sum of weights."""
    index = pairs(len(place.v))
    mean = jnp.mean(jnp.stack([row for row, (i, j) in zip(place.matrix, index, strict=True) if i == j]), axis=0)
    ridge = (ridge + RIDGE) * mean + jnp.finfo(mean.dtype).tiny * 1e6
    whole = [a + (2 * b if i == j else b) for a, b, (i, j) in zip(place.matrix, place.curvature, index, strict=True)]

    def solved(rows: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
        matrix = [row + ridge if i == j else row for row, (i, j) in zip(rows, index, strict=True)]
        return solve_spd(matrix, list(place.gradient))

    bent, pivot = solved(whole)
    step = jnp.where((pivot > 1e-2 * mean)[None], bent, solved(list(place.matrix))[0])
    floor = jnp.maximum(place.objective, 1e-13 * total)
    return step, 0.5 * jnp.sum(place.gradient * step, axis=0) / floor


def solve_block(around: Expansion, offset: jax.Array, weight: jax.Array, delta: jax.Array, most: jax.Array) -> Carry:
    """The lanes of a block [n, lanes] after at most `most` passes, from the start."""
    k, lanes = len(around.tangent), weight.shape[1]
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
        return Carry(place, step, damping, ridge, carry.steps + ~carry.done, carry.done | settled)

    def unfinished(state: tuple[Carry, jax.Array]) -> jax.Array:
        return ~jnp.all(state[0].done) & (state[1] < most)

    zero = jnp.zeros(lanes, weight.dtype)
    nowhere, blank = jnp.zeros((k, lanes), weight.dtype), jnp.zeros((len(pairs(k)), lanes), weight.dtype)
    place = Place(nowhere, zero + jnp.inf, nowhere, blank, blank)
    start = Carry(place, nowhere, zero + 1, zero, jnp.zeros(lanes, jnp.int32), total <= 0)
    return jax.lax.while_loop(unfinished, lambda state: (one_pass(state[0]), state[1] + 1), (start, jnp.int32(0)))[0]


def unbend(around: Expansion, v: jax.Array) -> tuple[jax.Array, jax.Array]:
    """u [k, lanes] of v, and dv / du [k, k, lanes] there; u = 0 where the expansion has no such point."""
    k = len(v)

    def bent(u: jax.Array) -> tuple[jax.Array, jax.Array]:
        half = jnp.einsum("cab,bl->cal", around.second, u, precision="highest")
        sixth = jnp.einsum("cabd,bl,dl->cal", around.third, u, u, precision="highest")
        here = u + jnp.sum((half / 2 + sixth / 6) * u[None], axis=1)
        return here, jnp.eye(k, dtype=u.dtype)[..., None] + half + sixth / 2

    u = v
    for _ in range(BACK):
        here, slope = bent(u)
        gram = [jnp.sum(slope[:, i] * slope[:, j], axis=0) + (1e-6 if i == j else 0.0) for i, j in pairs(k)]
        u = u - solve_spd(gram, list(jnp.sum(slope * (here - v)[:, None], axis=0)))[0]
    here, slope = bent(u)
    sure = jnp.sum((here - v) ** 2, axis=0) <= 1e-4 * jnp.sum(v**2, axis=0) + 1e-12
    return jnp.where(sure[None], u, 0.0), jnp.where(sure[None, None], slope, jnp.eye(k, dtype=u.dtype)[..., None])


def outward(curvature: jax.Array, slope: jax.Array) -> jax.Array:
    """Curvature in theta of curvature in v [k (k + 1) / 2, lanes], by the slope dv / dtheta [k, k, lanes]."""
    index = pairs(len(slope))
    rows = {pair: row for (i, j), row in zip(index, curvature, strict=True) for pair in ((i, j), (j, i))}
    own = [[rows[i, j] * (2 if i == j else 1) for j in range(len(slope))] for i in range(len(slope))]
    whole = jnp.einsum("cxl,cdl,dyl->xyl", slope, jnp.stack([jnp.stack(row) for row in own]), slope)
    return jnp.stack([whole[i, j] for i, j in index])


class Near(NamedTuple):
    """Where lanes are: theta [lanes, k]; damping, kept [lanes, k (k + 1) / 2] and steps [lanes] as in `newton`."""

    theta: Any
    damping: Any
    kept: Any
    steps: Any


@functools.cache
def program(law: Law, in_loss: bool, own_target: bool, block: int, devices: int):
    """The compiled solver of many blocks around one start, spread over devices.

    (start [k], share [n], delta [lanes], weight [lanes, n], target [lanes, n] or [n], features [f, n], most) -> Near.
    """
    mesh = jax.make_mesh((devices,), ("lane",), axis_types=(AxisType.Auto,))
    split, shared = PartitionSpec("lane"), PartitionSpec()
    specs = (shared, shared, split, split, split if own_target else shared, shared, shared)

    @jax.jit
    @functools.partial(jax.shard_map, mesh=mesh, in_specs=specs, out_specs=split, check_vma=False)
    def run(start, share, delta, weight, target, features, most):
        exact = expand(law, in_loss, start, features, share)
        around = jax.tree.map(lambda x: x.astype(jnp.float32), exact)

        def one(lanes):
            delta, weight, own = lanes
            offset = exact.predicted[:, None] - (own.T if own_target else target[:, None])
            offset, weight, delta = (x.astype(jnp.float32) for x in (offset, weight.T, delta))
            end = solve_block(around, offset, weight, delta, most)
            last = jnp.where(end.ridge <= 0, end.step, 0.0)  # it only leads the way: its last step is free
            u, slope = (x.astype(jnp.float64) for x in unbend(around, end.place.v - last))
            kept = outward(end.place.curvature.astype(jnp.float64), jnp.einsum("cal,ax->cxl", slope, exact.back))
            return Near((start[:, None] + exact.out @ u).T, end.damping.astype(jnp.float64), kept.T, end.steps)

        lanes = (delta, weight, target if own_target else None)
        blocks = jax.tree.map(lambda x: x.reshape(-1, block, *x.shape[1:]), lanes)
        return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), jax.lax.map(one, blocks))

    return run
