"""Leaving one run out: equal to SciPy's refits, nothing without noise, trunks together, a sound shortlist."""

import numpy as np
import pytest

from sweep.fit.diagnostics.curvature import curvature
from sweep.fit.diagnostics.influence import influence
from sweep.laws import additive
from sweep.laws.additive import Additive
from tests.fit.diagnostics.conftest import solved
from tests.fit.diagnostics.peer import log_theta, scipy_fit


def test_equal_to_refits_by_scipy(noisy):
    fitted = solved(noisy(1), "log_mse")
    block = influence(fitted, curvature(fitted))
    runs, start = fitted.runs, log_theta(fitted.solution.coefficients)
    here = additive.optimum(fitted.solution.coefficients, fitted.target, fitted.k)[0]
    factors = []
    for i in range(len(runs)):
        kept = np.arange(len(runs)) != i
        a, b, e, alpha, beta = scipy_fit(runs.params[kept], runs.tokens[kept], runs.loss[kept], start=start)
        law = Additive(np.exp(e), np.exp(a), np.exp(b), alpha, beta)
        factors.append(additive.optimum(law, fitted.target, fitted.k)[0] / here)
    order = np.argsort(-np.abs(np.log(factors)))[:5]
    assert [entry["rows"] for entry in block["params"]] == [[i + 1] for i in order]
    assert [entry["params_factor"] for entry in block["params"]] == pytest.approx(np.array(factors)[order], rel=1e-5)
    assert block["refitted"] == block["groups"] == 35


def test_the_shortlist_finds_the_same_run(noisy, monkeypatch):
    fitted = solved(noisy(1), "log_mse")
    shape = curvature(fitted)
    everything = influence(fitted, shape)
    monkeypatch.setattr("sweep.fit.diagnostics.influence.EXACT", 8)
    short = influence(fitted, shape)
    assert short["refitted"] == 8
    assert [e["rows"] for e in short["params"][:3]] == [e["rows"] for e in everything["params"][:3]]


def test_without_noise_no_run_decides(clean):
    fitted = solved(clean)
    block = influence(fitted, curvature(fitted))
    assert [e["params_factor"] for e in block["params"]] == pytest.approx([1] * 5, abs=1e-6)
    assert [e["loss_change"] for e in block["loss"]] == pytest.approx([0] * 5, abs=1e-8)


def test_runs_of_one_trunk_leave_together(noisy):
    table = noisy() | {"trunk": np.array(["a"] * 3 + [""] * 32, dtype=object)}
    fitted = solved(table, "log_mse")
    block = influence(fitted, curvature(fitted))
    assert block["groups"] == 33
    assert {tuple(e["rows"]) for e in block["params"]} <= {(1, 2, 3), *((i,) for i in range(4, 36))}
