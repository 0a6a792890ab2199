"""The compiled part against LAPACK, automatic differentiation and itself in chunks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sweep.fit import newton
from sweep.laws import additive, get

LAW = get("additive")
TRUTH = additive.Additive(1.8, 480.0, 2100.0, 0.35, 0.37)


def problem(rows=40, lanes=3, delta=1e-2):
    """(theta [5, lanes], Problem) near the optimum of noisy tables."""
    rng = np.random.default_rng(0)
    params, tokens = 10 ** rng.uniform(7, 10, rows), 10 ** rng.uniform(9, 12, rows)
    features, shift = additive.features(params, tokens)
    target = np.log(additive.loss(TRUTH, params, tokens)) + 0.01 * rng.standard_normal(rows)
    weight = rng.integers(0, 3, (rows, lanes)).astype(float)
    theta = additive.theta(TRUTH, shift)[:, None] + 0.01 * rng.standard_normal((5, lanes))
    return theta, newton.Problem(features, target[:, None], weight, np.full(lanes, delta))


@pytest.mark.parametrize("delta", [1e-2, np.inf])
@pytest.mark.parametrize("in_loss", [False, True])
def test_sums_are_derivatives_of_the_objective(in_loss, delta):
    """Gradient and exact Hessian by jax.grad; both are smooth as no residual lies on the threshold."""
    theta, given = problem(delta=delta)
    with jax.enable_x64(True):
        target = jnp.exp(given.target) if in_loss else jnp.asarray(given.target)
        given = newton.Problem(*map(jnp.asarray, given._replace(target=target)))
        found = newton.sums(LAW, in_loss, True, jnp.asarray(theta), given, jnp.zeros(3))

        def value(point, lane):
            predicted = LAW.log_loss(point, given.features)[0]
            r = jnp.abs((jnp.exp(predicted) if in_loss else predicted) - given.target[:, 0])
            huber = jnp.where(
                r <= delta, r**2 / 2, (delta if np.isfinite(delta) else 0.0) * r - jnp.minimum(delta, 1e9) ** 2 / 2
            )
            return jnp.sum(given.weight[:, lane] * huber)

        for lane in range(3):
            point = jnp.asarray(theta[:, lane])
            assert float(value(point, lane)) == pytest.approx(float(found.objective[lane]), rel=1e-12)
            np.testing.assert_allclose(jax.grad(value)(point, lane), found.gradient[:, lane], rtol=1e-9, atol=1e-12)
            hessian = jax.hessian(value)(point, lane)
            ours = found.damped + found.curvature
            expected = np.array([hessian[i, j] for i, j in newton.pairs(5)])
            np.testing.assert_allclose(ours[:, lane], expected, rtol=1e-8, atol=1e-9)


def test_chunks_add_up(monkeypatch):
    theta, given = problem(rows=64)
    with jax.enable_x64(True):
        given = newton.Problem(*map(jnp.asarray, given))
        whole = newton.chunked_sums(LAW, False, False, jnp.asarray(theta), given, jnp.ones(3))
        monkeypatch.setattr(newton, "CHUNK", 16)
        parts = newton.chunked_sums(LAW, False, False, jnp.asarray(theta), given, jnp.ones(3))
    for a, b in zip(whole[:3], parts[:3], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_small_systems_against_lapack():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((4, 5, 5))
    matrix, vector = root @ root.transpose(0, 2, 1), rng.standard_normal((4, 5))
    with jax.enable_x64(True):
        lower = [jnp.asarray(matrix[:, i, j]) for i, j in newton.pairs(5)]
        x = newton.solve_spd(lower, list(jnp.asarray(vector.T)))
        y, promise = newton.solve_absolute(lower, list(jnp.asarray(vector.T)), jnp.zeros(4))
    expected = np.linalg.solve(matrix, vector[..., None])[..., 0]
    np.testing.assert_allclose(x.T, expected, rtol=1e-8)
    np.testing.assert_allclose(y.T, expected, rtol=1e-8)
    np.testing.assert_allclose(promise, np.sum(vector * expected, axis=1), rtol=1e-8)


def test_indefinite_systems_give_directions_of_descent():
    rng = np.random.default_rng(1)
    axes, _ = np.linalg.qr(rng.standard_normal((6, 5, 5)))
    values, vector = rng.standard_normal((6, 5)), rng.standard_normal((6, 5))
    matrix = np.einsum("lij,lj,lkj->lik", axes, values, axes)
    with jax.enable_x64(True):
        lower = [jnp.asarray(matrix[:, i, j]) for i, j in newton.pairs(5)]
        x, _ = newton.solve_absolute(lower, list(jnp.asarray(vector.T)), jnp.full(6, 0.5))
    whole = np.einsum("lij,lj,lkj->lik", axes, np.abs(values) + 0.5, axes)
    np.testing.assert_allclose(x.T, np.linalg.solve(whole, vector[..., None])[..., 0], rtol=1e-8)
    assert (np.sum(np.asarray(x.T) * vector, axis=1) > 0).all()
