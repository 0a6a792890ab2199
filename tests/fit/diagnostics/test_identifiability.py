"""Conditioning against SciPy, near ties and flat valleys of real tables, and verdicts for what is not there."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from sweep.fit.diagnostics.curvature import curvature
from sweep.fit.diagnostics.identifiability import identifiability
from sweep.laws.additive import Additive
from tests.fit.diagnostics.conftest import BUDGETS, solved


def test_correlations_and_the_error_of_the_optimum_equal_scipy(noisy):
    fitted = solved(noisy(), "log_mse")
    block = identifiability(fitted, curvature(fitted))
    runs = fitted.runs

    def ln_loss(_, E, ln_A, ln_B, alpha, beta):
        return np.log(E + np.exp(ln_A - alpha * np.log(runs.params)) + np.exp(ln_B - beta * np.log(runs.tokens)))

    c = fitted.solution.coefficients
    start = [c.E, np.log(c.A), np.log(c.B), c.alpha, c.beta]
    at, covariance = curve_fit(ln_loss, np.zeros(35), np.log(runs.loss), start, ftol=1e-14, xtol=1e-14)
    sd = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sd, sd)
    for pair, (i, j) in {"A,alpha": (1, 3), "B,beta": (2, 4), "E,alpha": (0, 3), "alpha,beta": (3, 4)}.items():
        assert block["correlation"][pair] == pytest.approx(correlation[i, j], abs=2e-4)

    def ln_size(z):
        _, ln_a, ln_b, alpha, beta = z
        s = alpha + beta
        return (np.log(alpha / beta) + ln_a - ln_b) / s + beta / s * np.log(fitted.target / fitted.k)

    steps = 1e-5 * np.eye(5)
    slope = np.array([(ln_size(at + s) - ln_size(at - s)) / 2e-5 for s in steps])
    assert np.log(block["params_ratio"]) == pytest.approx(2 * 1.645 * np.sqrt(slope @ covariance @ slope), rel=1e-3)
    assert block["verdicts"] == []
    assert block["starts"]["agree"] >= 8


def test_a_narrow_table_is_worse_conditioned(noisy, simulate):
    wide = solved(noisy(), "log_mse")
    narrow = solved(simulate(np.geomspace(1e19, 3e19, 5), noise=0.005, span=2.0), "log_mse")
    wide, narrow = (identifiability(f, curvature(f)) for f in (wide, narrow))
    assert narrow["condition"] > 3 * wide["condition"]
    assert narrow["params_ratio"] > 1.5 * wide["params_ratio"]


def test_a_law_without_a_floor_has_no_curvature_there(simulate):
    table = simulate(BUDGETS, law=Additive(1e-12, 40.0, 60.0, 0.15, 0.14), noise=0.02, seed=3)
    fitted = solved(table, "log_mse")
    assert fitted.solution.status == "at_bound"
    codes = {v["code"] for v in identifiability(fitted, curvature(fitted))["verdicts"]}
    assert {"at_bound", "hessian_not_pd"} <= codes


REAL = [
    ("misfitting_final", "best_lr == 1", "huber", "near_tie"),
    ("misfitting_final", "best_lr == 1", "mse", "flat"),
    ("steplaw_dense_best", None, "huber", "flat"),
    ("gemstone_hot_sampled_like_chinchilla", None, "mse", "flat"),
    ("porian_rw_base_long_kaplan_kaplan_train", None, "mse", "hessian_not_pd"),
]


@pytest.mark.parametrize(("table", "where", "kind", "code"), REAL)
def test_real_tables_that_do_not_pin_the_law_down(datasets, table, where, kind, code):
    fitted = solved(datasets / f"{table}.csv", kind, where=where)
    assert code in {v["code"] for v in identifiability(fitted, curvature(fitted))["verdicts"]}


def test_a_real_table_that_does(datasets):
    fitted = solved(datasets / "epoch_chinchilla_svg.csv", where="outlier == 0")
    block = identifiability(fitted, curvature(fitted))
    assert block["verdicts"] == []
    assert block["params_ratio"] < 1.5
