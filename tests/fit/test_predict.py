"""Predictions beyond the fitted range: how far, how much wider, and said so."""

import dataclasses

import numpy as np
import pytest

from sweep import laws
from sweep.errors import InputError
from sweep.fit import fit
from sweep.fit import predict as ask
from sweep.fit.predict import backtest_widening, widening_of
from sweep.laws import additive


@pytest.fixture(scope="module")
def found(simulate):
    return fit(simulate(np.geomspace(1e18, 1e20, 4), noise=0.005, seed=2), bootstrap=100, diagnostics=False)


def missed(found, *scores):
    """The fit with a backtest of these scores."""
    block = {"status": "ok", "origins": [{"score_rms": s} for s in scores]}
    return dataclasses.replace(found, record={**found.record, "diagnostics": {"backtest": block}})


def test_the_rule_of_widening():
    assert widening_of(np.array([])) == 1
    assert widening_of(np.array([0.2, 0.9])) == 1  # a lucky backtest narrows nothing
    assert widening_of(np.array([1.0, 1.0])) == 1
    assert widening_of(np.array([3.0])) == pytest.approx(np.sqrt(5))
    assert widening_of(np.full(1000, 3.0)) == pytest.approx(3, rel=1e-2)


def test_a_missed_backtest_widens_loss_beyond_the_fitted_compute_only(found):
    bad = missed(found, 3.0)
    assert backtest_widening(bad.record) == pytest.approx(np.sqrt(5))
    inside, beyond = found.optimum(1e19), found.optimum(1e22)
    assert bad.optimum(1e19) == inside
    wide = bad.optimum(1e22)
    assert wide.params_interval == beyond.params_interval
    for i in (0, 1):
        distance = np.sqrt(5) * (beyond.loss_interval[i] - beyond.loss)
        assert wide.loss_interval[i] - wide.loss == pytest.approx(distance)
    n, d = additive.optimum(found.coefficients, 1e22)
    (low, high), (bad_low, bad_high) = found.predict(n, d).interval, bad.predict(n, d).interval
    assert 1.3 < (bad_high - bad_low) / (high - low) < np.sqrt(5)  # the scatter of runs stays as it is
    n, d = additive.optimum(found.coefficients, 1e19)
    assert bad.predict(n, d) == found.predict(n, d)


def test_how_far_is_said(found):
    low, high = found.record["range"]["tokens_per_param"]
    n = np.sqrt(310 * found.record["range"]["flops"][1] / 6 / (14 * high))
    answer = found.predict(n, 14 * high * n)
    assert answer.extrapolation == pytest.approx({"compute": 310, "tokens_per_param": 14})
    text = ", ".join(w["message"] for w in answer.warnings)
    assert "extrapolation 310x in C" in text
    assert f"14x beyond the largest D/N seen, {high:.3g}" in text
    assert "smallest D/N seen" in found.predict(1e9, 1e9 * low / 5).warnings[0]["message"]


def test_intervals_grow_with_the_distance(found):
    def width(flops):
        low, high = found.optimum(flops).loss_interval
        return high - low

    assert width(1e19) < width(1e21) < width(1e23)


def test_other_levels(found):
    (a, b), (c, d) = found.predict(1e9, 2e10).interval, found.predict(1e9, 2e10, level=0.5).interval
    assert a < c < d < b
    (a, b), (c, d) = found.optimum(1e21).loss_interval, found.optimum(1e21, level=0.5).loss_interval
    assert a < c < d < b


def test_without_resamples_there_is_a_point_and_no_interval(simulate):
    bare = fit(simulate([1e18, 1e19, 1e20], noise=0.005), bootstrap=0, diagnostics=False)
    assert bare.predict(1e9, 2e10).interval == [None, None]
    assert bare.optimum(1e21).loss_interval == [None, None]


def test_a_fit_that_does_not_stand_says_so_with_every_answer(found):
    """That it did not converge, and that its backtest missed: in predictions and in optima."""
    missed = {"code": "backtest_missed", "message": "held-out larger runs miss their prediction", "cure": "trust less"}
    record = {**found.record, "status": "not_converged", "warnings": [missed]}
    other = dataclasses.replace(found, record=record)
    inside = found.record["points"][0]
    for answer in (other.predict(inside["params"], inside["tokens"]), other.optimum(1e20)):
        assert [w["code"] for w in answer.warnings][:2] == ["not_converged", "backtest_missed"]
        assert "where the solver stopped" in answer.warnings[0]["message"]
        assert "held-out larger runs miss" in answer.warnings[1]["message"]
    assert found.predict(inside["params"], inside["tokens"]).warnings == []


def test_passes_over_the_text_beyond_those_fitted_are_said():
    """A law of repeated text: one epoch to eight were fitted, sixteen are asked for."""
    law = laws.get("data_constrained")
    span = {"flops": [1e18, 1e21], "tokens_per_param": [1.0, 1e4], "unique_tokens": [1e9, 1e11], "epochs": [1.0, 8.0]}
    question = ask.asked(law, {"params": 1e8, "tokens": 3.2e10, "unique_tokens": 2e9}, 6.0)
    far = ask.reach(law, {"range": span}, question)
    assert far["epochs"] == pytest.approx(2.0)
    told = {w["code"]: w["message"] for w in ask.about_reach({"range": span}, question, far)}
    assert told == {"epochs": "16 passes over the unique tokens, 2x the most seen, 8"}


def test_a_question_that_contradicts_itself_is_refused(found):
    """FLOPs are counted in several ways, which differ by less than a factor of two; beyond it they are of two runs."""
    with pytest.raises(InputError, match=r"1e\+25 FLOPs, but 1e\+09 params on 1e\+10 tokens take 6e\+19; leave out"):
        found.predict(1e9, 1e10, flops=1e25)
    assert found.predict(1e9, 1e10, flops=7e19).loss == found.predict(1e9, 1e10).loss


def test_a_factor_is_read_in_digits_until_nobody_can():
    assert [ask.times(x) for x in (4.631, 312.4, 2.1534e6, 4.62e38)] == ["4.63", "312", "2,150,000", "4.62e+38"]
