"""The profile over E against SciPy, its interval against simulated truth, and tables that show no floor."""

import numpy as np
import pytest

from sweep.fit.diagnostics.curvature import curvature
from sweep.fit.diagnostics.floor import crossings, floor, pinned
from sweep.laws import additive
from sweep.laws.additive import Additive
from tests.fit.diagnostics.conftest import BUDGETS, solved
from tests.fit.diagnostics.peer import log_theta, scipy_fit


def test_pinned_floors_equal_scipy(noisy):
    fitted = solved(noisy(), "log_mse")
    pins = np.array([1.5, 1.75, 1.9])
    coefficients, converged = pinned(fitted, pins)
    assert converged.all()
    np.testing.assert_allclose(coefficients.E, pins, rtol=1e-5)
    runs, start = fitted.runs, log_theta(fitted.solution.coefficients)
    for i, pin in enumerate(pins):
        peer = scipy_fit(runs.params, runs.tokens, runs.loss, start=start, floor=pin)
        here = type(coefficients)(*(v[i] for v in coefficients))
        assert log_theta(here) == pytest.approx(peer, rel=1e-4)


@pytest.mark.parametrize("kind", ["log_mse", "huber", "lad"])
def test_the_profile_interval_covers_the_truth(noisy, law, kind):
    inside = []
    for seed in range(30):
        fitted = solved(noisy(seed), kind)
        low, high = floor(fitted, curvature(fitted))["interval"]
        inside.append(low <= law.E <= high)
    assert sum(inside) >= 23  # binomial(30, 0.9): fewer have a chance of 1 percent


def test_a_wide_table_shows_its_floor(noisy, law):
    fitted = solved(noisy())
    block = floor(fitted, curvature(fitted))
    assert block["identified"]
    assert block["interval"][0] < fitted.solution.coefficients.E < block["interval"][1]
    least = min(block["profile"], key=lambda row: row["rise"])
    assert abs(least["E"] - law.E) < 0.15
    low, high = block["params_range"]
    assert low <= fitted.at_target(fitted.solution.coefficients)["params"] <= high


def test_a_table_without_a_floor_says_so(simulate):
    none = Additive(1e-9, 40.0, 60.0, 0.15, 0.14)
    table = simulate(BUDGETS, law=none, noise=0.01, seed=2)
    fitted = solved(table)
    block = floor(fitted, curvature(fitted))
    assert not block["identified"]
    assert block["interval"][0] == 0.0


def test_where_a_profile_crosses():
    values, rise = np.linspace(0, 2, 5), (np.linspace(0, 2, 5) - 1) ** 2
    assert crossings(values, rise, 0.49) == pytest.approx([0.3, 1.7])
    assert crossings(values, rise, 4.0) == [0.0, 2.0]  # never passed: the ends


def test_closed_form_of_the_pinned_law(clean, law):
    """Without noise the true floor is the only one that fits exactly."""
    fitted = solved(clean, "log_mse")
    coefficients, _ = pinned(fitted, np.array([law.E]))
    assert coefficients.alpha[0] == pytest.approx(law.alpha, rel=1e-5)
    assert additive.allocation(coefficients)[0][0] == pytest.approx(additive.allocation(law)[0], rel=1e-5)
