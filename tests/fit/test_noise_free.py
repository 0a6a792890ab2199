"""Losses of an exact law: only sizes and floats are rounded, and no verdict or resample is lost to that."""

from pathlib import Path

import numpy as np
import pytest

from sweep.fit import fit
from sweep.fit.newton import arithmetic
from sweep.fit.result import Fit
from sweep.plan.plan import plan
from tests.fit.conftest import LAW

FIELD = Path(__file__).parents[1] / "field"
COLUMNS = {
    "params": "parameters", "flops": "compute_budget", "budget": "compute_budget",
    "tokens": "compute_budget/(6*parameters)", "loss": "final_loss",
}  # fmt: skip
RIGHT = {"E": 2.69, "A": 1606.4, "B": 3210.7, "alpha": 0.34, "beta": 0.36}


@pytest.fixture(scope="module")
def exact() -> Fit:
    """72 points of an exact law at sizes rounded to whole numbers: residuals of 2e-10."""
    return fit(FIELD / "exact_isoflop.csv", columns=COLUMNS, target_compute=1e23, bootstrap=300)


def test_converged_with_every_resample(exact):
    assert exact.status == "converged"
    assert exact.params == pytest.approx(RIGHT, rel=1e-6)
    assert exact.record["approach3"]["lanes"]["converged"] == 300
    assert exact.record["diagnostics"]["floor"]["identified"]
    assert not {"lanes_dropped", "not_converged", "near_tie"} & {w["code"] for w in exact.record["warnings"]}


def test_the_optimum_and_a_plan(exact):
    best = exact.record["target"]["approach3"]
    assert best["params"] == pytest.approx(9.19e10, rel=1e-3)
    assert best["tokens"] == pytest.approx(1.814e11, rel=1e-3)
    assert best["loss"] == pytest.approx(3.2750, abs=5e-5)
    assert best["params_interval"][0] < best["params"] < best["params_interval"][1]
    assert best["params_interval"][1] / best["params_interval"][0] < 1.0001


def test_it_can_be_planned_with(exact):
    assert plan(exact, compute=1e23).to_json()["params"] == pytest.approx(9.19e10, rel=1e-3)


@pytest.mark.parametrize("objective", ["lad", "log_mse"])
def test_other_objectives(objective):
    found = fit(FIELD / "exact_isoflop.csv", columns=COLUMNS, objective=objective, bootstrap=100, diagnostics=False)
    assert found.status == "converged"
    assert found.record["approach3"]["lanes"]["converged"] == 100
    assert found.params == pytest.approx(RIGHT, rel=1e-6)


@pytest.mark.parametrize("decimals", [6, 10, 14, 17])
def test_losses_rounded_to_any_place_converge(simulate, decimals):
    """From rounding that is noise to rounding that is arithmetic."""
    table = simulate(np.geomspace(1e18, 1e21, 5))
    table["loss"] = np.round(table["loss"], decimals)
    found = fit(table, bootstrap=50, diagnostics=False)
    assert found.status == "converged"
    assert found.record["approach3"]["lanes"]["converged"] == 50
    assert found.params["E"] == pytest.approx(LAW.E, rel=1e-3)


def test_what_rounding_blurs():
    """The sum of w p dr for errors dr of one size and worst signs is never larger."""
    rng = np.random.default_rng(0)
    for scale in (1e-12, 1e-6, 1e-2):
        residual, weight, error = scale * rng.standard_normal(50), rng.integers(1, 4, 50), 1e-15
        objective = float(weight @ residual**2) / 2
        worst = float(weight @ (np.abs(residual) + error) ** 2) / 2 - objective
        assert worst <= arithmetic(objective, weight.sum(), error) * (1 + 1e-9)
