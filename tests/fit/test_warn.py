"""Warnings that follow from the diagnostics: each from what causes it, with its cure, and silence on clean tables."""

import numpy as np
import pytest

from sweep.fit import fit
from sweep.fit.warn import CURES, about_diagnostics

FROM_DIAGNOSTICS = {
    "suspects_matter",
    "objective_matters",
    "floor_not_identified",
    "residual_pattern",
    "influential_run",
    "near_tie",
    "flat",
    "hessian_not_pd",
    "backtest_missed",
}
BUDGETS = np.geomspace(1e18, 1e21, 5)


def codes(table, **options) -> set[str]:
    found = fit(table, bootstrap=0, **options).to_json()["warnings"]
    assert all(w.get("cure") == CURES.get(w["code"]) for w in found)
    return {w["code"] for w in found} & FROM_DIAGNOSTICS


def test_every_code_has_a_cure():
    assert set(CURES) >= FROM_DIAGNOSTICS


def test_a_clean_table_raises_none(simulate):
    assert codes(simulate(BUDGETS, noise=0.003, seed=4), objective="log_mse") == set()


def test_an_outlier_at_the_edge_matters(simulate):
    table = simulate(BUDGETS, noise=0.003, seed=4)
    table["loss"][0] *= 1.3
    found = codes(table, objective="log_mse")
    assert {"suspects_matter", "objective_matters", "influential_run"} <= found


def test_a_break_at_the_largest_budget_is_missed(simulate):
    table = simulate(BUDGETS, noise=0.003, seed=4)
    table["loss"][table["flops"] > 5e20] *= 1.04
    assert "backtest_missed" in codes(table)


def test_one_narrow_stretch_of_compute_shows_no_floor(simulate):
    assert "floor_not_identified" in codes(simulate(np.geomspace(1e19, 3e19, 5), noise=0.01, span=2.0, seed=1))


def test_real_tables_are_told_apart(datasets):
    flat = codes(datasets / "steplaw_dense_best.csv")
    assert {"flat", "floor_not_identified", "influential_run"} <= flat
    tied = codes(datasets / "misfitting_final.csv", where="best_lr == 1")
    assert {"near_tie", "floor_not_identified"} <= tied


def test_nothing_asked_is_nothing_said():
    assert about_diagnostics({}, "nats/token") == []


@pytest.mark.parametrize(("factor", "said"), [(1.05, False), (1.2, True), (0.8, True), (None, True)])
def test_suspects_matter_from_a_tenth_on(factor, said):
    block = {"status": "ok", "limit": 4.0, "rows": [{"row": 3, "sd": 9.0}], "params_factor": factor}
    assert bool(about_diagnostics({"suspects": block}, "nats/token")) is said
