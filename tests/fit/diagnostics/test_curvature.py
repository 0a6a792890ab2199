"""Derivatives against automatic differentiation, and the scale of chance against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sweep.fit.diagnostics.curvature import curvature, moments
from tests.fit.diagnostics.conftest import solved


@pytest.mark.parametrize("kind", ["log_mse", "mse", "huber"])
def test_derivatives_equal_automatic_ones(noisy, kind):
    fitted = solved(noisy(), kind)
    shape = curvature(fitted)
    delta = fitted.objective.deltas[-1]

    def residual(theta):
        ln_loss = fitted.law.log_loss(theta, jnp.asarray(fitted.features))[0]
        return jnp.exp(ln_loss) - fitted.runs.loss if kind == "mse" else ln_loss - np.log(fitted.runs.loss)

    def total(theta):
        size = jnp.abs(residual(theta))
        inner = jnp.minimum(size, delta)
        return jnp.sum(inner * (size - inner / 2))

    with jax.enable_x64(True):
        theta = jnp.asarray(fitted.theta)
        jacobian, hessian = (np.asarray(f(theta)) for f in (jax.jit(jax.jacfwd(residual)), jax.jit(jax.hessian(total))))
    assert shape.jacobian == pytest.approx(jacobian.T, rel=1e-5, abs=1e-7)
    assert shape.hessian == pytest.approx(hessian, rel=1e-4, abs=1e-4 * hessian.max())
    assert shape.free.all()


def test_least_squares_is_the_textbook_case(noisy):
    fitted = solved(noisy(), "log_mse")
    shape = curvature(fitted)
    variance = float(np.sum(fitted.residual**2)) / (35 - 5)
    assert shape.rise(0.9) == pytest.approx(1.6448536**2 * variance / 2, rel=1e-6)
    expected = variance * np.linalg.inv(shape.jacobian @ shape.jacobian.T)
    assert shape.covariance == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("delta", [1e-4, 1e-2, 0.1])
def test_moments_of_the_score_under_normal_noise(delta):
    sd = 0.01
    noise = sd * np.random.default_rng(1).standard_normal(200_000)
    slope, square = moments(noise, delta, 0)
    assert slope == pytest.approx(np.mean(np.abs(noise) <= delta), rel=0.06)  # of a window half a sd wide
    assert square == pytest.approx(np.mean(np.clip(noise, -delta, delta) ** 2), rel=1e-9)
