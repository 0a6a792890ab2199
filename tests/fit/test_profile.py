"""A coefficient at its bound has a one-sided interval, from its profile."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize

from sweep import laws
from sweep.fit import fit
from sweep.fit.approach3 import fit_law
from sweep.fit.objective import Objective
from sweep.fit.profile import one_sided
from sweep.laws.additive import Additive
from sweep.tables.load import load
from sweep.verbs.fit_text import describe

FLAT = Additive(0.0, 30.0, 80.0, 0.12, 0.15)  # no floor at all


@pytest.fixture(scope="module")
def bounded(simulate):
    """A table in which the best floor is none, by the luck of its noise."""
    table = simulate(np.geomspace(1e18, 1e21, 5), law=FLAT, noise=0.004, seed=2)
    runs = load(table)
    solution = fit_law(laws.get("additive"), runs, Objective("log_mse"))
    assert solution.status == "at_bound"
    return table, runs, solution


def test_the_end_is_where_scipys_profile_rises_by_chance(bounded):
    _, runs, solution = bounded
    level = 0.9
    low, high = one_sided(laws.get("additive"), runs, Objective("log_mse"), solution, level)["E"]
    assert low == 0.0

    def profile(floor):
        def squares(theta):
            a, b, alpha, beta = theta
            rest = np.exp(a - alpha * np.log(runs.params)) + np.exp(b - beta * np.log(runs.tokens))
            return 1e4 * float(np.sum(np.log((floor + rest) / runs.loss) ** 2)) / 2

        c = solution.coefficients
        start = np.array([np.log(c.A), np.log(c.B), c.alpha, c.beta])
        options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000}
        return minimize(squares, start, method="Nelder-Mead", options=options).fun / 1e4

    at_zero = profile(0.0)
    variance = 2 * at_zero / (len(runs) - 5)
    z = 1.2815515655446004
    end = brentq(lambda e: profile(e) - at_zero - z**2 * variance / 2, 1e-3, 0.9 * runs.loss.min(), xtol=1e-4)
    assert high == pytest.approx(end, rel=0.02)


def test_the_fit_says_one_sided(bounded):
    table, _, _ = bounded
    found = fit(table, objective="log_mse", bootstrap=60, diagnostics=False)
    low, high = found.record["interval"]["E"]
    assert low == 0.0
    assert high > 0.01
    assert found.record["one_sided"] == ["E"]
    assert found.interval("E") == [low, high]
    assert found.interval("E", level=0.5) == [None, None]  # of another level only the table could say
    line = next(line for line in describe(found).splitlines() if line.strip().startswith("E "))
    assert "one-sided" in line
    alpha_low, alpha_high = found.record["interval"]["alpha"]
    assert alpha_high > alpha_low


def test_without_a_bound_nothing_is_one_sided(simulate):
    runs = load(simulate(np.geomspace(1e18, 1e21, 5), noise=0.003))
    solution = fit_law(laws.get("additive"), runs, Objective("log_mse"))
    assert one_sided(laws.get("additive"), runs, Objective("log_mse"), solution, 0.9) == {}
