"""The quick fit: planted rows stand out, and what it calls identified agrees with the real fit's doubt."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from sweep import laws
from sweep.fit.quick import differences, quick, sample, solve
from sweep.laws import additive
from sweep.tables.load import load

LAW = laws.get("additive")
BUDGETS = np.geomspace(1e18, 1e21, 5)


def test_planted_rows_stand_out(simulate):
    table = simulate(BUDGETS, sizes=9, noise=0.004, seed=3)
    table["loss"][[4, 30]] *= [1.08, 0.93]
    found = quick(LAW, load(table))
    assert found.sd == pytest.approx(0.004, rel=0.35)
    away = found.residual / found.sd
    assert set(np.flatnonzero(np.abs(away) > 6)) == {4, 30}
    assert away[4] > 0 > away[30]
    assert found.weak == []


def test_a_singular_step_is_the_shortest_one():
    for matrix, moment in ((np.zeros((3, 3)), np.zeros(3)), (np.ones((3, 3)), np.arange(3.0)), (np.eye(3), np.ones(3))):
        step = solve(matrix, moment)
        np.testing.assert_allclose(step, np.linalg.lstsq(matrix, moment, rcond=None)[0], atol=1e-12)


def test_it_reaches_the_optimum_of_scipy(simulate, law):
    """Where noise is normal: the same Huber threshold, minimised by SciPy from the truth."""
    table = simulate(BUDGETS, sizes=9, noise=0.004, seed=4)
    runs = load(table)
    found = quick(LAW, runs)
    _, shift = LAW.features(runs.params, runs.tokens)

    def residual(theta):
        return np.log(additive.loss(LAW.coefficients(theta, shift), runs.params, runs.tokens)) - np.log(runs.loss)

    theirs = least_squares(residual, LAW.theta(law, shift), loss="huber", f_scale=1.345 * found.sd).x
    np.testing.assert_allclose(found.residual, -residual(theirs), atol=0.1 * found.sd)


def test_what_a_poor_design_does_not_tell(simulate):
    narrow = simulate([1e19], sizes=9, span=1.5, noise=0.01, seed=0)
    assert quick(LAW, load(narrow)).weak
    wide = quick(LAW, load(simulate(BUDGETS, sizes=9, span=8.0, noise=0.01, seed=0)))
    assert wide.weak == []
    assert wide.condition < quick(LAW, load(narrow)).condition


def test_the_scatter_of_an_exponent_is_its_standard_error(simulate, law):
    """Refits of 40 simulated tables scatter as one t-ratio says."""
    found = [quick(LAW, load(simulate(BUDGETS, sizes=9, noise=0.004, seed=seed))).t_ratio for seed in range(40)]
    for name, value in (("alpha", law.alpha), ("beta", law.beta)):
        assert np.median([t[name] for t in found]) > 10
        low, high = np.percentile([value / t[name] for t in found], [10, 90])
        assert high < 3 * low


def test_noise_free_and_small_tables(simulate):
    found = quick(LAW, load(simulate(BUDGETS)))
    assert found.sd < 1e-6
    few = {key: v[:5] for key, v in simulate(BUDGETS).items()}
    assert len(quick(LAW, load(few)).residual) == 5


def test_pieces():
    jacobian = differences(lambda t: np.array([t[0] ** 2, t[0] * t[1]]), np.array([3.0, 2.0]))
    np.testing.assert_allclose(jacobian, [[6.0, 2.0], [0.0, 3.0]], atol=1e-8)
    values = np.random.default_rng(0).standard_normal(1000)
    rows = sample(values, 11)
    assert values[rows].tolist() == sorted(values[rows].tolist())
    assert {values.argmin(), values.argmax()} <= set(rows.tolist())
    assert sample(values, 1000).tolist() == list(range(1000))
