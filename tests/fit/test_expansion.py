"""The law near a start as a polynomial: against the law itself, by how the difference shrinks, and the way back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sweep.fit import expansion, near, solver
from sweep.fit.newton import predict
from sweep.laws import additive, get

LAW = get("additive")
TRUTH = additive.Additive(1.8, 480.0, 2100.0, 0.35, 0.37)


@pytest.fixture(scope="module")
def table():
    """(features [2, n], ln loss [n], theta [5]) of a noisy table, and the truth."""
    rng = np.random.default_rng(0)
    params, tokens = 10 ** rng.uniform(7, 10, 64), 10 ** rng.uniform(9, 12, 64)
    features, shift = additive.features(params, tokens)
    ln_loss = np.log(additive.loss(TRUTH, params, tokens)) + 0.01 * rng.standard_normal(64)
    return features, ln_loss, additive.theta(TRUTH, shift)


def around(features, theta, in_loss=False):
    return expansion.expand(LAW, in_loss, jnp.asarray(theta), jnp.asarray(features), jnp.ones(features.shape[1]))


@pytest.mark.parametrize("in_loss", [False, True])
def test_the_prediction_is_right_to_third_order(table, in_loss):
    """Along a random direction, halving the way divides the error by eight at least."""
    features, _, theta = table
    with jax.enable_x64(True):
        law = around(features, theta, in_loss)
        way = np.random.default_rng(1).standard_normal(5)
        errors = []
        for size in (0.004, 0.002):
            v = jnp.asarray(size * way)[:, None]
            u, _ = expansion.unbend(law, v)
            exact, _ = predict(LAW, in_loss, jnp.asarray(features), jnp.asarray(theta)[:, None] + law.out @ u)
            place = near.look(law, v, law.predicted[:, None], jnp.ones((64, 1)), jnp.full(1, jnp.inf), jnp.zeros(1))
            squares = jnp.stack([v[i] * v[j] for i, j in expansion.pairs(5)])
            ours = law.predicted[:, None] + law.straight.T @ jnp.concatenate([v, squares])
            assert float(place.objective[0]) == pytest.approx(float(jnp.sum(ours**2) / 2), rel=1e-12)
            errors.append(float(jnp.max(jnp.abs(ours[:, 0] - exact[0]))))
    assert errors[0] < 1e-4
    assert errors[1] < errors[0] / 7


def test_v_is_the_prediction_along_the_tangent(table):
    features, _, theta = table
    with jax.enable_x64(True):
        law = around(features, theta)
        v = jnp.asarray(1e-3 * np.random.default_rng(2).standard_normal((5, 7)))
        u, slope = expansion.unbend(law, v)
        exact, _ = predict(LAW, False, jnp.asarray(features), jnp.asarray(theta)[:, None] + law.out @ u)
        np.testing.assert_allclose(law.straight[:5] @ (exact - law.predicted[None]).T / 64, v, atol=1e-6)
        np.testing.assert_allclose(law.back @ law.out, np.eye(5), atol=1e-8)
        step = 1e-6
        for axis in range(5):
            ahead, _ = expansion.unbend(law, v.at[axis].add(step))
            np.testing.assert_allclose(jnp.einsum("cal,al->cl", slope, (ahead - u) / step),
                                       np.eye(5)[axis][:, None] * np.ones(7), atol=1e-3)  # fmt: skip


def test_the_gradient_is_of_the_objective(table):
    features, ln_loss, theta = table
    with jax.enable_x64(True):
        law = around(features, theta)
        offset = (law.predicted - ln_loss)[:, None]
        weight, delta = jnp.asarray(np.random.default_rng(3).integers(0, 3, (64, 1)).astype(float)), jnp.full(1, 1e-3)

        def at(v):
            return near.look(law, v, offset, weight, delta, jnp.zeros(1))

        v = jnp.asarray(np.random.default_rng(4).standard_normal((5, 1)) * 0.003)
        slope = jax.grad(lambda v: at(v).objective[0])(v)
        np.testing.assert_allclose(at(v).gradient, slope, rtol=1e-9, atol=1e-12)


def test_a_direction_without_information_stays(table):
    """A floor that has vanished tells the table nothing: the expansion leaves it alone."""
    features, _, theta = table
    with jax.enable_x64(True):
        law = around(features, np.array([*theta[:2], -30.0, *theta[3:]]))
        assert np.isfinite(law.out).all()
        assert np.abs(law.out[2]).max() == 0
        assert (np.linalg.norm(law.straight[:5], axis=1) < 1e-9).sum() == 1


def test_resamples_of_one_start_end_where_others_do(table):
    """The lanes that go by the expansion and the same lanes from starts of their own: one optimum each, certified."""
    features, ln_loss, theta = table
    rng = np.random.default_rng(5)
    weight = rng.multinomial(64, np.full(64, 1 / 64), 96).astype(float)
    together = solver.solve(LAW, features, ln_loss, np.tile(theta, (96, 1)), weight, delta=1e-3)
    scattered = np.tile(theta, (96, 1)) + 1e-3 * rng.standard_normal((96, 5))
    apart = solver.solve(LAW, features, ln_loss, scattered, weight, delta=1e-3)
    assert together.converged.mean() > 0.9
    both = together.converged & apart.converged
    np.testing.assert_allclose(together.objective[both], apart.objective[both], rtol=1e-6)
