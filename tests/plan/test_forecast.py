"""Forecasts: of the run that can be built, written once, scored whatever comes out."""

import dataclasses

import numpy as np
import pytest

from configs import gpu
from sweep.errors import Refusal
from sweep.fit import fit
from sweep.laws import additive
from sweep.plan import forecast

LAW = additive.PUBLISHED["besiroglu"].coefficients
SWEEP = dataclasses.replace(gpu.SWEEP, budgets=(1e15, 3e15, 9e15), target_compute=3e16)
CORPUS = {"vocab": 8192, "data": "made-up", "unique_tokens": 10**9, "platform": "gpu"}


@pytest.fixture(scope="module")
def fitted():
    """A fit of three families of the law itself with a little noise."""
    rng, rows = np.random.default_rng(2), []
    for budget in SWEEP.budgets:
        best, _ = additive.optimum(LAW, budget)
        for n in best * np.geomspace(0.25, 4, 6):
            d = budget / (6 * n)
            rows.append((n, d, budget, additive.loss(LAW, n, d) * np.exp(0.003 * rng.standard_normal())))
    params, tokens, flops, loss = np.array(rows).T
    return fit({"params": params, "tokens": tokens, "flops": flops, "loss": loss}, bootstrap=200)


def test_the_forecast_is_the_law_at_the_run_that_will_be_trained(fitted, tmp_path):
    trial, written = forecast.foretell(fitted, SWEEP, tmp_path, **CORPUS)
    best, _ = additive.optimum(LAW, SWEEP.target)
    assert trial.flops_exact == pytest.approx(SWEEP.target, rel=0.01)
    assert best / 3 < trial.params.with_head < best * 3
    assert (written["params"], written["tokens"]) == (trial.params.with_head, trial.tokens)
    assert (written["trial"], written["flops"]) == (trial.id, trial.flops_exact)
    assert written["loss"] == pytest.approx(additive.loss(LAW, trial.params.with_head, trial.tokens), rel=0.02)
    assert written["interval"][0] < written["loss"] < written["interval"][1]
    assert forecast.read(tmp_path) == [written]


def test_a_forecast_is_made_once_and_scored_once(fitted, tmp_path):
    trial, written = forecast.foretell(fitted, SWEEP, tmp_path, **CORPUS)
    assert forecast.foretell(fitted, SWEEP, tmp_path, **CORPUS) == (trial, written)
    row = {"trial": trial.id, "status": "done", "loss": written["interval"][1] + 0.1, "loss_se": 0.01}
    outcome = forecast.write_outcome(tmp_path, written, row)
    assert outcome["error"] == pytest.approx(row["loss"] - written["loss"])
    assert outcome["inside"] is False
    assert forecast.write_outcome(tmp_path, written, {**row, "loss": written["loss"]}) == outcome
    assert [line["kind"] for line in forecast.read(tmp_path)] == ["forecast", "outcome"]


def test_a_run_that_diverged_is_an_outcome_without_a_score(fitted, tmp_path):
    trial, written = forecast.foretell(fitted, SWEEP, tmp_path, **CORPUS)
    row = {"trial": trial.id, "status": "diverged", "loss": None, "loss_se": None}
    outcome = forecast.write_outcome(tmp_path, written, row)
    assert (outcome["status"], outcome["error"], outcome["inside"]) == ("diverged", None, None)


def test_a_fit_that_did_not_converge_foretells_nothing(fitted, tmp_path):
    doubtful = dataclasses.replace(fitted, record={**fitted.record, "status": "not_converged"})
    with pytest.raises(Refusal, match="did not converge") as refused:
        forecast.foretell(doubtful, SWEEP, tmp_path, **CORPUS)
    assert refused.value.code == "no_forecast"
    assert forecast.read(tmp_path) == []
