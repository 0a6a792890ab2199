"""The solver against SciPy, automatic differentiation and hand-made edge cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from sweep.fit import solver
from sweep.fit.objective import Objective
from sweep.laws import additive, get
from sweep.laws.law import FLOOR

LAW = get("additive")
TRUTH = additive.Additive(1.8, 480.0, 2100.0, 0.35, 0.37)


def table(seed=0, n=40, noise=0.01):
    rng = np.random.default_rng(seed)
    params, tokens = 10 ** rng.uniform(7, 10, n), 10 ** rng.uniform(9, 12, n)
    loss = additive.loss(TRUTH, params, tokens) * np.exp(noise * rng.standard_t(3, n))
    features, shift = additive.features(params, tokens)
    return features, loss, additive.theta(TRUTH, shift)


def solve_one(features, loss, theta, weight, objective):
    target = loss if objective.in_loss else np.log(loss)
    return solver.solve(
        LAW, features, target, theta[None], weight[None], delta=objective.deltas[0], in_loss=objective.in_loss
    )


@pytest.mark.parametrize(
    "objective", [Objective("huber"), Objective("log_mse"), Objective("mse")], ids=lambda o: o.kind
)
@pytest.mark.parametrize("seed", range(3))
def test_optimum_is_scipys(objective, seed):
    features, loss, theta = table(seed)
    weight = np.random.default_rng(seed).integers(0, 3, len(loss)).astype(float)
    lanes = solve_one(features, loss, theta, weight, objective)

    def value_and_gradient(t):
        columns = np.exp(t[:3])[:, None] * additive.basis(t[3:], features)
        predicted = columns.sum(axis=0)
        jacobian = np.concatenate([columns, -columns[:2] * features])
        residual = predicted - loss if objective.in_loss else np.log(predicted / loss)
        jacobian = jacobian if objective.in_loss else jacobian / predicted
        pull = np.clip(residual, -1e-3, 1e-3) if objective.kind == "huber" else 2 * residual / weight.sum()
        return objective.value(predicted, loss, weight) * 1e4, jacobian @ (weight * pull) * 1e4

    found = minimize(value_and_gradient, theta, jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 5000})
    assert lanes.converged.all()
    assert lanes.gradient[0] < 1e-6
    assert value_and_gradient(lanes.theta[0])[0] <= found.fun * (1 + 1e-9)
    assert value_and_gradient(lanes.theta[0])[0] == pytest.approx(found.fun, rel=1e-6)


def test_gradient_vanishes_by_automatic_differentiation():
    features, loss, theta = table()
    lanes = solve_one(features, loss, theta, np.ones(len(loss)), Objective("huber", 1e-2))
    with jax.enable_x64(True):

        def value(t):
            r = jnp.abs(additive.log_loss(t, jnp.asarray(features))[0] - jnp.log(loss))
            return jnp.sum(jnp.where(r <= 1e-2, r**2 / 2, 1e-2 * (r - 5e-3)))

        gradient = jax.grad(value)(jnp.asarray(lanes.theta[0]))
        assert float(value(jnp.asarray(lanes.theta[0]))) == pytest.approx(lanes.objective[0], rel=1e-12)
    assert np.abs(gradient).max() < 1e-8


def test_weights_are_repeated_rows():
    features, loss, theta = table()
    weight = np.arange(len(loss)) % 3 + 0.0
    repeat = np.repeat(np.arange(len(loss)), weight.astype(int))
    weighted = solve_one(features, loss, theta, weight, Objective())
    repeated = solve_one(features[:, repeat], loss[repeat], theta, np.ones(len(repeat)), Objective())
    assert weighted.objective == pytest.approx(repeated.objective, rel=1e-12)
    np.testing.assert_allclose(weighted.theta, repeated.theta, rtol=1e-6)


def test_lanes_are_independent_and_padding_is_dropped():
    features, loss, theta = table()
    rng = np.random.default_rng(0)
    weight = rng.multinomial(len(loss), np.full(len(loss), 1 / len(loss)), size=1100).astype(float)
    many = solver.solve(LAW, features, np.log(loss), np.tile(theta, (1100, 1)), weight, delta=1e-3)
    assert many.theta.shape == (1100, 5)
    assert many.converged.mean() > 0.99
    for lane in (0, 17, 1099):
        alone = solve_one(features, loss, theta, weight[lane], Objective())
        assert alone.objective[0] == pytest.approx(many.objective[lane], rel=1e-10)


def test_lanes_with_their_own_targets_and_thresholds():
    """As one call for each lane; least squares among them."""
    features, loss, theta = table()
    rng = np.random.default_rng(2)
    targets = np.log(loss) + 0.01 * rng.standard_normal((6, len(loss)))
    deltas = np.array([1e-4, 1e-3, 1e-2, 0.1, 1.0, np.inf])
    done = []
    lanes = solver.solve(
        LAW, features, targets, np.tile(theta, (6, 1)), np.ones(len(loss)), delta=deltas,
        progress=lambda now, of: done.append((now, of)),
    )  # fmt: skip
    assert lanes.converged.all()
    assert done[-1] == (6, 6)
    assert done == sorted(done)
    for i in range(6):
        alone = solver.solve(LAW, features, targets[i], theta[None], np.ones(len(loss)), delta=float(deltas[i]))
        assert alone.objective[0] == pytest.approx(lanes.objective[i], rel=1e-10)


def test_starts_around_the_optimum_reach_it():
    features, loss, theta = table()
    starts = theta + np.random.default_rng(3).normal(0, 0.1, (20, 5))
    lanes = solver.solve(LAW, features, np.log(loss), starts, np.ones(len(loss)), delta=1e-3)
    assert np.ptp(lanes.objective) < 1e-9 * lanes.objective.min()


def test_a_perfect_table_is_solved_exactly():
    features, loss, theta = table(noise=0.0)
    lanes = solver.solve(LAW, features, np.log(loss), theta[None] + 0.1, np.ones(len(loss)), delta=1e-3)
    np.testing.assert_allclose(lanes.theta[0], theta, atol=1e-9)
    assert lanes.converged.all()


def test_a_lane_that_ran_out_of_steps_is_not_converged(monkeypatch):
    features, loss, theta = table()
    monkeypatch.setattr(solver, "FIRM", solver.Stage("float64", False, (2,)))
    monkeypatch.setattr(solver, "LAST", solver.Stage("float64", False, (1,)))
    lanes = solver.solve(LAW, features, np.log(loss), theta[None] + 0.5, np.ones(len(loss)), delta=1e-3)
    assert not lanes.converged.any()
    assert lanes.finished.all()
    assert lanes.decrement[0] > 1e-6


def test_a_floor_at_zero_is_reached_and_certified():
    features, _, theta = table()
    flat = np.exp(additive.log_loss(jnp.asarray(theta), jnp.asarray(features))[0]) - 1.9  # the best floor is negative
    start = np.concatenate([theta[:2], [FLOOR], theta[3:]])
    lanes = solver.solve(LAW, features, flat, start[None], np.ones(len(flat)), delta=np.inf, in_loss=True)
    assert lanes.theta[0, 2] == FLOOR
    assert lanes.converged.all()


@pytest.mark.parametrize("rows", [16, 240, 4096, 12_000, 100_000, 1_000_000])
def test_blocks_of_every_stage_fill_a_call(rows):
    plan = solver.layout(rows)
    for block in plan[:4]:
        assert plan.call % (block * plan.devices) == 0
    assert plan.last_call % (plan.last * plan.devices) == 0


def test_float64_does_not_leak():
    before = jnp.ones(3) / 3
    features, loss, theta = table()
    solve_one(features, loss, theta, np.ones(len(loss)), Objective())
    after = jnp.ones(3) / 3
    assert before.dtype == after.dtype == jnp.float32
    assert not jax.config.read("jax_enable_x64")
    np.testing.assert_array_equal(before, after)


def test_an_interrupt_between_calls_keeps_what_is_finished(monkeypatch):
    """Ctrl-C after some groups of lanes: these are whole and right, the others say that they are not finished."""
    features, loss, theta = table()
    plan = solver.layout(len(loss))._replace(group=2048)
    monkeypatch.setattr(solver, "layout", lambda rows: plan)
    rng = np.random.default_rng(0)
    weight = rng.multinomial(len(loss), np.full(len(loss), 1 / len(loss)), size=4200).astype(float)

    def stop(done, of):
        if done >= 1900:
            raise KeyboardInterrupt

    starts = np.tile(theta, (4200, 1))
    lanes = solver.solve(LAW, features, np.log(loss), starts, weight, delta=1e-3, partial=True, progress=stop)
    whole = solver.solve(LAW, features, np.log(loss), starts, weight, delta=1e-3)
    done = lanes.finished
    assert 1900 <= done.sum() < 4200
    assert not lanes.converged[~done].any()
    assert whole.finished.all()
    np.testing.assert_allclose(lanes.objective[done], whole.objective[done], rtol=1e-10)


def test_an_interrupt_keeps_problems_of_several_starts(monkeypatch):
    """A start that is above its rival's optimum is given up with its group, not when all groups are done."""
    features, loss, theta = table()
    plan = solver.layout(len(loss))._replace(group=2048)
    monkeypatch.setattr(solver, "layout", lambda rows: plan)
    weight = np.random.default_rng(0).multinomial(len(loss), np.full(len(loss), 1 / len(loss)), size=2100).astype(float)
    far = theta + np.array([0, 0, FLOOR - theta[2], 0, 0])  # a law without a floor, which this table has

    def stop(done, of):
        if done >= 2500:
            raise KeyboardInterrupt

    starts = np.tile(np.stack([theta, far]), (2100, 1))
    lanes = solver.solve(
        LAW, features, np.log(loss), starts, np.repeat(weight, 2, axis=0), delta=1e-3, rivals=2, partial=True,
        progress=stop,
    )  # fmt: skip
    whole = lanes.finished.reshape(-1, 2).all(axis=1)
    assert 900 <= whole.sum() < 2100


@pytest.mark.parametrize("scale", [1e-310, 1e-300, 1e300])
def test_extreme_losses_give_no_nan(scale):
    """Subnormal and huge losses: an answer, or no convergence; never NaN."""
    features, loss, theta = table()
    start = theta + np.array([1, 1, 1, 0, 0]) * np.log(scale)
    for in_loss in (False, True):
        target = loss * scale if in_loss else np.log(loss * scale)
        lanes = solver.solve(
            LAW, features, target, start[None], np.ones(len(loss)), delta=np.inf if in_loss else 1e-3, in_loss=in_loss
        )
        assert not np.isnan(lanes.theta).any()
        assert not np.isnan(lanes.objective).any()
        assert lanes.finished.all()
        assert in_loss or np.isfinite(lanes.objective).all()
