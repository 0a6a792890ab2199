"""The compiled part against automatic differentiation and itself in chunks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sweep.fit import newton
from sweep.fit.linear import pairs
from sweep.laws import additive, get

LAW = get("additive")
TRUTH = additive.Additive(1.8, 480.0, 2100.0, 0.35, 0.37)


def problem(rows=40, lanes=3, delta=1e-2):
    """(theta [5, lanes], Problem) near the optimum of noisy tables."""
    rng = np.random.default_rng(0)
    params, tokens = 10 ** rng.uniform(7, 10, rows), 10 ** rng.uniform(9, 12, rows)
    features, shift = additive.features(params, tokens)
    target = np.log(additive.loss(TRUTH, params, tokens)) + 0.01 * rng.standard_normal(rows)
    weight = rng.integers(0, 3, (lanes, rows)).astype(float)
    theta = additive.theta(TRUTH, shift)[:, None] + 0.01 * rng.standard_normal((5, lanes))
    return theta, newton.Problem(features, target[None], weight, np.full(lanes, delta))


@pytest.mark.parametrize("delta", [1e-2, np.inf])
@pytest.mark.parametrize("in_loss", [False, True])
def test_sums_are_derivatives_of_the_objective(in_loss, delta):
    """Gradient and exact Hessian by jax.grad; both are smooth as no residual lies on the threshold."""
    theta, given = problem(delta=delta)
    with jax.enable_x64(True):
        target = jnp.exp(given.target) if in_loss else jnp.asarray(given.target)
        given = jax.tree.map(jnp.asarray, given._replace(target=target))
        found = newton.sums(LAW, in_loss, True, jnp.asarray(theta), given, jnp.zeros(3))

        def value(point, lane):
            predicted = LAW.log_loss(point, given.features)[0]
            r = jnp.abs((jnp.exp(predicted) if in_loss else predicted) - given.target[0])
            huber = jnp.where(
                r <= delta, r**2 / 2, (delta if np.isfinite(delta) else 0.0) * r - jnp.minimum(delta, 1e9) ** 2 / 2
            )
            return jnp.sum(given.weight[lane] * huber)

        assert found.curvature is not None
        ours = found.damped + found.curvature
        for lane in range(3):
            point = jnp.asarray(theta[:, lane])
            assert float(value(point, lane)) == pytest.approx(float(found.objective[lane]), rel=1e-12)
            np.testing.assert_allclose(jax.grad(value)(point, lane), found.gradient[:, lane], rtol=1e-9, atol=1e-12)
            hessian = jax.hessian(value)(point, lane)
            expected = np.array([hessian[i, j] for i, j in pairs(5)])
            np.testing.assert_allclose(ours[:, lane], expected, rtol=1e-8, atol=1e-9)


def test_chunks_add_up(monkeypatch):
    theta, given = problem(rows=64)
    with jax.enable_x64(True):
        given = jax.tree.map(jnp.asarray, given)
        whole = newton.chunked_sums(LAW, False, False, jnp.asarray(theta), given, jnp.ones(3))
        monkeypatch.setattr(newton, "CHUNK", 16)
        parts = newton.chunked_sums(LAW, False, False, jnp.asarray(theta), given, jnp.ones(3))
    for a, b in zip(whole[:3], parts[:3], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
