"""The compiled part of the solver: damped semismooth Newton on blocks of lanes.

A lane minimises sum_i w_i huber(r_i, delta), huber(r, d) = r^2 / 2 where |r| <= d, else d (|r| - d / 2), with r the
residual of ln loss (or of loss). With J the Jacobian of the residuals and p = clip(r, -delta, delta):

    newton    = J' diag(w [|r| <= delta]) J           curvature of the piecewise-quadratic objective
    majorant  = J' diag(w min(1, delta / |r|)) J      positive definite, used as the damping
    curvature = sum_i w_i p_i d2 r_i                  what the law's own curvature adds; exact, but of any sign
    step      = (newton + damping * majorant [+ curvature])^-1 J' (w p)

The damping falls when a step lowers the objective; where it does not, a ridge on the diagonal shortens and turns the
step (Levenberg and Marquardt), which needs no new matrix, and the next matrix is damped more. The law's curvature
costs as much as the rest and changes little near the optimum: the float32 program computes it once, at its end, and
the float64 program keeps that, where the matrix with it is positive definite. The curved program computes it in every
pass and uses the absolute values of the eigenvalues (saddle-free Newton, Dauphin et al. 2014), so that steps descend
and follow a bent valley.

All arrays of rows are [lanes, rows]. The sums over rows of a lane, all of them, are one small product of matrices,
(bend J, pull, summands of the objective) times (J, 1): a library's routine, where sums one by one would write out each
product first. One pass reads the weights once and keeps nothing of the size of the rows between steps.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, PartitionSpec

from sweep import platforms
from sweep.fit.levels import in_blocks, in_levels, transposed
from sweep.fit.linear import pairs, solve_absolute, solve_spd
from sweep.fit.programs import CHUNK, KEPT
from sweep.laws import Law

STOP = {"float32": 1e-6, "float64": 1e-12}  # relative decrease still promised at which a lane ends
NEARBY = 1e-10  # the same by a matrix from nearby, whose promise is right to some percent
CALM = {"float32": 1e-1, "float64": 1e-3}  # damping at which that promise is believed
ROUNDING = {"float32": 0.0, "float64": 1e-15}  # of a residual, about 4 ulp, times 1 + the largest target
CERTIFIED = 1e-9  # relative decrease that an optimum may still promise
RIDGE = {"float32": 1e-6, "float64": 1e-14}  # of the scaled matrix
LEAST_RIDGE = {False: 1e-3, True: 1e-10}  # first ridge after a failure; small enough for the flattest valley if curved
STUCK = 1e12  # ridge at which no step of any length has helped


class Problem(NamedTuple):
    """What the lanes of a block minimise over.

    Attributes:
        features: of the law, centred, [f, n].
        target: ln loss, or loss where the objective is in loss, [1, n] or [lanes, n].
        weight: of the rows, [lanes, n].
        delta: threshold of the Huber function [lanes], in the unit of the residual; infinity for least squares.
        matrix: one from nearby to be used throughout, [k (k + 1) / 2, lanes], or None: each pass has its own.
    """

    features: Any
    target: Any
    weight: Any
    delta: Any
    matrix: Any = None


class Sums(NamedTuple):
    """Sums over rows at one point: objective [lanes], gradient [k, lanes], matrices [k (k + 1) / 2, lanes]."""

    objective: jax.Array
    gradient: jax.Array
    damped: jax.Array
    curvature: jax.Array | None


class Carry(NamedTuple):
    """A block under way: the sums `here` at theta [k, lanes], the step to try next, the certificate of theta."""

    theta: jax.Array
    here: Sums
    damping: jax.Array
    ridge: jax.Array
    step: jax.Array
    gradient: jax.Array
    decrement: jax.Array
    steps: jax.Array
    done: jax.Array


def predict(law: Law, in_loss: bool, features: jax.Array, theta: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(prediction [lanes, n], Jacobian [k, lanes, n]) at theta [k, lanes], in ln loss or in loss."""
    predicted, jacobian = law.log_loss(theta[:, :, None], features[:, None, :])
    if in_loss:
        predicted = jnp.exp(predicted)
        jacobian = jacobian * predicted[None]
    return predicted, jacobian


def sums(law: Law, in_loss: bool, curved: bool, theta: jax.Array, problem: Problem, damping: jax.Array) -> Sums:
    """One pass over the rows at theta [k, lanes]."""
    features, target, weight = problem[:3]
    delta, damping = problem.delta[:, None], damping[:, None]
    tiny = jnp.finfo(theta.dtype).tiny
    predicted, jacobian = predict(law, in_loss, features, theta)
    residual = predicted - target
    size = jnp.abs(residual)
    inner = jnp.minimum(size, delta)  # huber = inner (size - inner / 2) on both branches
    pull, huber = weight * jnp.where(residual < 0, -inner, inner), weight * inner * (size - 0.5 * inner)
    if problem.matrix is not None:
        gradient = jnp.einsum("iln,ln->il", jacobian, pull, precision="highest")
        return Sums(jnp.sum(huber, axis=1), gradient, problem.matrix, None)
    inside = jnp.where(size <= delta, weight, 0.0)
    bend = inside + damping * weight * (inner / jnp.maximum(size, tiny))
    k = len(theta)
    left = jnp.concatenate([bend[None] * jacobian, pull[None], huber[None]])
    right = jnp.concatenate([jacobian, jnp.ones_like(predicted)[None]])
    products = jnp.einsum("iln,jln->ijl", left, right, precision="highest")
    return Sums(
        products[k + 1, k],
        products[k, :k],
        jnp.stack([products[i, j] for i, j in pairs(k)]),
        law_curvature(law, in_loss, features, theta, pull) if curved else None,
    )


def law_curvature(law: Law, in_loss: bool, features: jax.Array, theta: jax.Array, pull: jax.Array) -> jax.Array:
    """sum_i pull_i d2 r_i as lower triangles [k (k + 1) / 2, lanes]: the derivative of the gradient at a fixed pull."""

    gradient = jax.grad(lambda point: jnp.sum(pull * predict(law, in_loss, features, point)[0]))
    rows = []
    for i in range(len(theta)):
        along = jnp.zeros_like(theta).at[i].set(1.0)
        rows += list(jax.jvp(gradient, (theta,), (along,))[1][: i + 1])
    return jnp.stack(rows)


def chunked_sums(law: Law, in_loss: bool, curved: bool, theta: jax.Array, problem: Problem, damping: jax.Array) -> Sums:
    """`sums`, for large tables chunk by chunk, so that memory holds the weights and little else."""
    rows = problem.weight.shape[1]
    if rows <= CHUNK:
        return sums(law, in_loss, curved, theta, problem, damping)
    features, target, weight, delta, _ = problem

    def part(first: jax.Array) -> Sums:
        cut = functools.partial(jax.lax.dynamic_slice_in_dim, start_index=first, slice_size=CHUNK, axis=1)
        chunk = Problem(cut(features), cut(target), cut(weight), delta)
        return sums(law, in_loss, curved, theta, chunk, damping)

    def add(total: Sums, first: jax.Array) -> tuple[Sums, None]:
        return jax.tree.map(jnp.add, total, part(first)), None

    firsts = jnp.arange(0, rows, CHUNK)
    return jax.lax.scan(add, part(firsts[0]), firsts[1:])[0]


def clip(law: Law, theta: jax.Array) -> jax.Array:
    """Theta [k, lanes] within the law's bounds."""
    return jnp.clip(theta, *(jnp.asarray(x, theta.dtype)[:, None] for x in (law.lower, law.upper)))


def arithmetic(objective: Any, weight: Any, rounding: Any) -> Any:
    """By how much rounding blurs an objective: below that no decrease can be seen, and none means anything.

    |sum w p dr| <= rounding sum w |p| <= rounding sqrt(2 weight objective), as p^2 / 2 <= huber, and dr dr / 2 itself.

    Args:
        weight: sum of the rows' weights.
        rounding: of one residual.
    """
    return rounding * ((2 * weight * objective) ** 0.5 + 0.5 * rounding * weight)


def direction(
    law: Law, theta: jax.Array, here: Sums, kept: jax.Array, ridge: jax.Array, blur: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(step [k, lanes], scaled gradient [lanes], decrement [lanes]) from the sums at theta.

    `kept` [k (k + 1) / 2, lanes] is the law's curvature at a point nearby, or zero; sums with their own do not need it.
    `blur` [lanes] is `arithmetic` at theta: a promise below it is certified, so the decrement has a floor.
    """
    k, dtype = len(theta), theta.dtype
    index = {pair: n for n, pair in enumerate(pairs(k))}
    lower, upper = (jnp.asarray(x, dtype)[:, None] for x in (law.lower, law.upper))
    pinned = jnp.where(here.gradient > 0, theta <= lower, theta >= upper)  # the data do not call it back from its bound
    diagonal = jnp.stack([here.damped[index[i, i]] for i in range(k)])
    small = jnp.finfo(dtype).tiny * 1e30
    scale = jnp.where(pinned, 0.0, jax.lax.rsqrt(diagonal + small))
    gradient = list(here.gradient * scale)

    def scaled(matrix: jax.Array, ridge: jax.Array | float) -> list[jax.Array]:
        """Rows [m, lanes] of matrices [k (k + 1) / 2, m, lanes], with the ridge on the diagonal."""
        rows = [matrix[index[i, j]] * (scale[i] * scale[j])[None] for i, j in pairs(k)]
        return [row + jnp.where(pinned[i], 1.0, ridge)[None] if i == j else row
                for row, (i, j) in zip(rows, pairs(k), strict=True)]  # fmt: skip

    if here.curvature is None:
        matrices = [here.damped + kept, here.damped] if dtype == jnp.float64 else [here.damped]
        matrix = scaled(jnp.stack(matrices, axis=1), ridge + RIDGE[dtype.name])  # solved in one go
        steps, pivot = solve_spd(matrix, [row[None] for row in gradient])
        step = jnp.where((pivot[0] > 1e-9)[None], steps[:, 0], steps[:, -1])
        promise = jnp.sum(jnp.stack(gradient) * step, axis=0)
    else:
        whole = (here.damped + here.curvature)[:, None]
        step, promise = solve_absolute([row[0] for row in scaled(whole, 0.0)], gradient, ridge)
    floor = jnp.maximum(here.objective, blur / CERTIFIED + small)
    size = jnp.max(jnp.abs(jnp.stack(gradient)), axis=0) * jax.lax.rsqrt(floor)
    return jnp.clip(step * scale, -3.0, 3.0), size, 0.5 * promise / floor


def choose(where: jax.Array, new, old):
    """`new` where the lane is chosen, else `old`, leaf by leaf."""
    return jax.tree.map(lambda a, b: jnp.where(jnp.broadcast_to(where, a.shape), a, b), new, old)


def begin(curved: bool, theta: jax.Array, damping: jax.Array, idle: jax.Array) -> Carry:
    """Lanes that have seen no row yet, at theta [k, lanes] with damping [lanes]; the `idle` are done."""
    zero, unknown = jnp.zeros_like(damping), jnp.full_like(damping, jnp.inf)
    blank = jnp.zeros((len(pairs(len(theta))), len(damping)), theta.dtype)
    nowhere = Sums(unknown, jnp.zeros_like(theta), blank, blank if curved else None)
    steps = jnp.zeros(damping.shape, jnp.int32)
    return Carry(theta, nowhere, damping, zero, jnp.zeros_like(theta), unknown, unknown, steps, idle)


def solve_block(
    law: Law, in_loss: bool, curved: bool, start: Carry, kept: jax.Array, problem: Problem, most: jax.Array
) -> Carry:
    """The lanes of a block after at most `most` passes more; kept as in `direction`."""
    dtype = start.theta.dtype
    weight = jnp.sum(problem.weight, axis=1)
    largest = jnp.max(jnp.abs(problem.target), axis=1)
    rounding = ROUNDING[dtype.name] * (largest if in_loss else 1 + largest)
    evaluate = functools.partial(chunked_sums, law, in_loss, curved)

    def one_pass(carry: Carry) -> Carry:
        point = clip(law, carry.theta - carry.step)
        first = jnp.isinf(carry.here.objective)
        calmer = jnp.where(first, carry.damping, jnp.maximum(carry.damping / 10, 1e-9))
        found = evaluate(point, problem, calmer)
        better = (found.objective < carry.here.objective) & ~carry.done
        theta, here = choose(better, (point, found), (carry.theta, carry.here))
        least = LEAST_RIDGE[curved]
        less = jnp.where(carry.ridge > least, carry.ridge / 10, 0.0) if curved else 0.0
        ridge = jnp.where(better, less, jnp.maximum(carry.ridge * 10, least))
        blur = arithmetic(here.objective, weight, rounding)
        step, gradient, decrement = direction(law, theta, here, kept, ridge, blur)
        stop = STOP[dtype.name] if problem.matrix is None else NEARBY
        stop = jnp.where(blur > CERTIFIED * here.objective, CERTIFIED, stop)  # the promise is arithmetic
        settled = (decrement <= stop) & (calmer <= CALM[dtype.name]) | ~(here.objective > 0)
        gradient, decrement = choose(better, (gradient, decrement), (carry.gradient, carry.decrement))
        done = carry.done | (better & settled) | (ridge > STUCK)
        damping = jnp.where(better, calmer, jnp.minimum(carry.damping * 10, 1.0))
        damping, ridge, step = choose(carry.done, (carry.damping, carry.ridge, carry.step), (damping, ridge, step))
        return Carry(theta, here, damping, ridge, step, gradient, decrement, carry.steps + ~carry.done, done)

    def unfinished(state: tuple[Carry, jax.Array]) -> jax.Array:
        return ~jnp.all(state[0].done) & (state[1] < most)

    return jax.lax.while_loop(unfinished, lambda state: (one_pass(state[0]), state[1] + 1), (start, jnp.int32(0)))[0]


class End(NamedTuple):
    """Where the lanes of a call are, lanes first: theta [lanes, k], the others [lanes]."""

    theta: Any
    objective: Any
    damping: Any
    kept: Any  # [lanes, k (k + 1) / 2], the law's curvature, after float32
    gradient: Any
    decrement: Any
    steps: Any
    done: Any


@functools.lru_cache(3 * KEPT)
def program(
    law: Law, in_loss: bool, own_target: bool, curved: bool, dtype: str, block: int, devices: int, size: tuple[int, int]
):
    """The compiled solver of many blocks, spread over devices; `size` are the lanes and rows of its calls.

    (theta [lanes, k], damping [lanes], kept [lanes, k (k + 1) / 2], delta [lanes], weight [lanes, n], target [lanes, n]
    or [n], features [f, n], passes [levels]) -> End.
    """
    platforms.keep_programs()
    mesh = jax.make_mesh((devices,), ("lane",), axis_types=(AxisType.Auto,), devices=platforms.fitting_devices())
    split, shared = PartitionSpec("lane"), PartitionSpec()
    specs = (split, split, split, split, split, split if own_target else shared, shared, shared)

    @jax.jit
    @functools.partial(jax.shard_map, mesh=mesh, in_specs=specs, out_specs=split, check_vma=False)
    def run(theta, damping, kept, delta, weight, target, features, passes):
        theta, damping, kept, delta, weight, target, features = (
            x.astype(dtype) for x in (theta, damping, kept, delta, weight, target, features)
        )

        def given(delta, weight, own):
            return Problem(features, own if own_target else target[None], weight, delta)

        def more(state, data, most):
            kept, *problem = data
            return transposed(solve_block(law, in_loss, curved, transposed(state), kept.T, given(*problem), most))

        own = target if own_target else None
        start = transposed(begin(curved, theta.T, damping, jnp.all(weight <= 0, axis=1)))
        end = in_levels(more, start, (kept, delta, weight, own), block, passes)
        point = end.theta
        if dtype == "float32":  # it only leads the way: its last step is free

            def lead(lanes):
                end, problem = transposed(lanes[0]), given(*lanes[1])
                point = clip(law, end.theta - end.step)
                return transposed((point, chunked_sums(law, in_loss, True, point, problem, end.damping).curvature))

            point, kept = in_blocks(lead, (end, (delta, weight, own)), block)
        return End(point, end.here.objective, end.damping, kept, *end[-4:])

    return run
