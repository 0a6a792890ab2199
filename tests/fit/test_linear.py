"""Small systems against LAPACK."""

import jax
import jax.numpy as jnp
import numpy as np

from sweep.fit.linear import pairs, solve_absolute, solve_spd


def test_small_systems_against_lapack():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((4, 5, 5))
    matrix, vector = root @ root.transpose(0, 2, 1), rng.standard_normal((4, 5))
    with jax.enable_x64(True):
        lower = [jnp.asarray(matrix[:, i, j]) for i, j in pairs(5)]
        x, pivot = solve_spd(lower, list(jnp.asarray(vector.T)))
        y, promise = solve_absolute(lower, list(jnp.asarray(vector.T)), jnp.zeros(4))
    expected = np.linalg.solve(matrix, vector[..., None])[..., 0]
    np.testing.assert_allclose(x.T, expected, rtol=1e-8)
    assert (np.asarray(pivot) > 0).all()
    np.testing.assert_allclose(y.T, expected, rtol=1e-8)
    np.testing.assert_allclose(promise, np.sum(vector * expected, axis=1), rtol=1e-8)


def test_indefinite_systems_give_directions_of_descent():
    rng = np.random.default_rng(1)
    axes, _ = np.linalg.qr(rng.standard_normal((6, 5, 5)))
    values, vector = rng.standard_normal((6, 5)), rng.standard_normal((6, 5))
    matrix = np.einsum("lij,lj,lkj->lik", axes, values, axes)
    with jax.enable_x64(True):
        lower = [jnp.asarray(matrix[:, i, j]) for i, j in pairs(5)]
        x, _ = solve_absolute(lower, list(jnp.asarray(vector.T)), jnp.full(6, 0.5))
        _, pivot = solve_spd(lower, list(jnp.asarray(vector.T)))
    np.testing.assert_array_equal(np.asarray(pivot) > 0, (values > 0).all(axis=1))
    whole = np.einsum("lij,lj,lkj->lik", axes, np.abs(values) + 0.5, axes)
    np.testing.assert_allclose(x.T, np.linalg.solve(whole, vector[..., None])[..., 0], rtol=1e-8)
    assert (np.sum(np.asarray(x.T) * vector, axis=1) > 0).all()
