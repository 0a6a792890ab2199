"""Stacking weights against brute force, and how few origins draw them to equal ones."""

import numpy as np
import pytest

from sweep.fit import stacking


def objective(weight, density, origin):
    """Mean over origins of the mean ln mixture density of their runs, written out."""
    values = [np.log(np.exp(density[origin == o]) @ weight).mean() for o in np.unique(origin)]
    return np.mean(values)


@pytest.mark.parametrize("seed", range(4))
def test_stacked_weights_are_those_of_brute_force(seed):
    rng = np.random.default_rng(seed)
    origin = np.repeat(np.arange(4), [3, 20, 5, 9])
    density = stacking.log_density(rng.normal(0, [0.01, 0.02, 0.03], (37, 3)), np.full((37, 3), 0.01))
    found = stacking.stacked(density, origin)
    a, b = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 1, 101))
    grid = np.stack([a, b, 1 - a - b], axis=-1).reshape(-1, 3)
    best = max(objective(w, density, origin) for w in grid if w.min() >= 0)
    assert found.sum() == pytest.approx(1)
    assert objective(found, density, origin) >= best - 1e-9
    nearest = max((w for w in grid if w.min() >= 0), key=lambda w: objective(w, density, origin))
    assert np.abs(found - nearest).max() < 0.03


def test_an_origin_counts_as_one_however_many_runs_lie_above_it():
    good, bad = np.log([0.9, 0.1]), np.log([0.1, 0.9])
    few = stacking.stacked(np.stack([good, bad]), np.array([0, 1]))
    many = stacking.stacked(np.stack([good] * 50 + [bad]), np.array([0] * 50 + [1]))
    np.testing.assert_allclose(few, [0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(many, few, atol=1e-6)


def test_one_origin_leaves_weights_equal():
    density = np.log(np.array([[1.0, 1e-6, 1e-6]] * 30))
    np.testing.assert_array_equal(stacking.weights(density, np.zeros(30)), np.full(3, 1 / 3))
    two, nine = (stacking.weights(density, np.repeat(np.arange(m), 30 // m + 1)[:30])[0] for m in (2, 9))
    assert 1 / 3 < two < nine < 1


def test_a_law_that_predicts_nothing_has_no_density():
    error, sd = np.array([[0.0, np.nan], [0.01, 0.0]]), np.array([[0.01, 0.01], [0.01, np.inf]])
    found = stacking.log_density(error, sd)
    assert np.isneginf(found[:, 1]).all()
    np.testing.assert_allclose(stacking.stacked(found, np.array([0, 1])), [1, 0], atol=1e-9)


def test_the_density_has_area_one():
    x = np.linspace(-4, 4, 400_001)
    area = np.trapezoid(np.exp(stacking.log_density(x, np.full_like(x, 0.02))), x)
    assert area == pytest.approx(1, abs=1e-4)
