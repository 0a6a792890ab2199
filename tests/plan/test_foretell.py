"""A forecast speaks of the run that will be trained, and says what the law says there."""

import dataclasses

import numpy as np
import pytest

from sweep.configs import gpu
from sweep.errors import Refusal
from sweep.fit import fit
from sweep.laws import additive
from sweep.plan import forecast
from sweep.plan.foretell import foretell

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
    trial, written = foretell(fitted, SWEEP, tmp_path, **CORPUS)
    best, _ = additive.optimum(LAW, SWEEP.target)
    assert trial.flops_exact == pytest.approx(SWEEP.target, rel=0.01)
    assert best / 3 < trial.params.with_head < best * 3
    assert (written["params"], written["tokens"]) == (trial.params.with_head, trial.tokens)
    assert (written["trial"], written["flops"]) == (trial.id, trial.flops_exact)
    assert written["loss"] == pytest.approx(additive.loss(LAW, trial.params.with_head, trial.tokens), rel=0.02)
    assert written["interval"][0] < written["loss"] < written["interval"][1]
    assert forecast.read(tmp_path) == [written]


def test_asked_again_it_is_the_same_forecast(fitted, tmp_path):
    first = foretell(fitted, SWEEP, tmp_path, **CORPUS)
    assert foretell(fitted, SWEEP, tmp_path, **CORPUS) == first
    assert len(forecast.read(tmp_path)) == 1


def test_a_fit_that_did_not_converge_foretells_nothing(fitted, tmp_path):
    doubtful = dataclasses.replace(fitted, record={**fitted.record, "status": "not_converged"})
    with pytest.raises(Refusal, match="did not converge") as refused:
        foretell(doubtful, SWEEP, tmp_path, **CORPUS)
    assert refused.value.code == "no_forecast"
    assert forecast.read(tmp_path) == []
