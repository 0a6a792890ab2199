"""Flat band, regret, sensitivity and the end of the evidence."""

import dataclasses

import numpy as np
import pytest

from sweep.plan import sureness
from sweep.plan.plan import plan
from sweep.plan.prices import costs
from sweep.plan.question import Question
from sweep.plan.source import source_of

RATES = ("h100:2.00@mfu=0.40", "h100:2.00@mfu=0.10", None, None, True)


@pytest.mark.parametrize("served", [0.0, 1e12])
def test_the_flat_band_by_looking_at_every_size(served):
    source = source_of("besiroglu")
    asked = Question("compute", 1e22, generated=served)
    run = asked.answer(source.surface)
    low, high = sureness.flat_band(source.surface, asked, float(run.params), float(run.tokens), 0.005)
    sizes = np.geomspace(run.params / 10, run.params * 10, 200_001)
    tokens = (1e22 / (2 * sizes) - served) / 3
    loss = np.where(tokens > 0, source.surface.loss(sizes, np.where(tokens > 0, tokens, 1)), np.inf)
    good = sizes[loss <= run.loss + 0.005]
    assert (low, high) == pytest.approx((good[0], good[-1]), rel=1e-4)


def test_the_optimum_is_as_flat_as_known():
    """2.7 times wide at 1e22 FLOPs, and half or double the size cost 0.010 nats there and 0.005 at 5.76e23."""
    found = plan("besiroglu", compute=1e22).to_json()
    low, high = found["flat_band"]["params"]
    assert high / low == pytest.approx(2.68, abs=0.02)
    assert [row["loss_increase"] for row in found["regret"]] == pytest.approx([0.0099, 0.0100], abs=2e-4)
    assert plan("besiroglu", compute=1e24).to_json()["regret"][1]["loss_increase"] == pytest.approx(0.004, abs=5e-4)


def test_equal_loss_with_half_the_size_is_the_known_trade():
    """Tokens grow by 25.9 % over twice the tokens at half the size (H. de Vries' trade-off), at any budget."""
    for flops in (1e20, 1e24):
        row = plan("besiroglu", compute=flops).to_json()["regret"][0]
        assert row["cost_factor_for_equal_loss"] == pytest.approx(1.259, abs=1e-3)


def test_sizes_that_serving_alone_would_exceed_have_no_loss():
    found = plan("besiroglu", like_compute=1e22, inference_tokens=1e13, train=RATES[0], serve=RATES[1]).to_json()
    half, double = found["regret"]
    assert double["loss_increase"] is None
    assert double["cost_factor_for_equal_loss"] == pytest.approx(1.64, abs=0.01)
    assert half["cost_factor_for_equal_loss"] is None or half["cost_factor_for_equal_loss"] > 1


def test_sensitivity_is_the_answer_to_the_changed_question():
    source = source_of("besiroglu")
    asked = Question("like_compute", 1e22, generated=1e13, costs=costs(*RATES))
    params = float(asked.answer(source.surface).params)
    rows = {row["input"]: row for row in sureness.sensitivity(source, asked, params)}
    assert {"quality target", "demand", "training mfu", "serving mfu", "serving price"} == set(rows)
    slow = costs(RATES[0], "h100:2.00@mfu=0.05", None, None, True)
    want = Question("like_compute", 1e22, generated=1e13, costs=slow).answer(source.surface).params
    assert rows["serving mfu"]["params"][0] == pytest.approx(float(want))
    assert rows["serving mfu"]["factors"] == pytest.approx(rows["serving price"]["factors"][::-1])
    assert rows["training mfu"]["factors"] == pytest.approx(rows["serving price"]["factors"])
    spans = [sureness.span(row) for row in sureness.sensitivity(source, asked, params)]
    assert spans == sorted(spans, reverse=True)
    assert rows["demand"]["factors"][0] > 1 > rows["demand"]["factors"][1]


def test_a_share_of_the_peak_is_never_moved_above_one():
    high = costs("h100:2@mfu=0.8", "h100:2@mfu=0.7", None, None, True)
    asked = Question("like_compute", 1e22, generated=1e13, costs=high)
    rows = {row["input"]: row for row in sureness.sensitivity(source_of("besiroglu"), asked, 1e9)}
    assert (rows["training mfu"]["high"], rows["serving mfu"]["high"]) == ("1", "1")


def test_the_fit_itself_moves_the_answer(found):
    made = plan(found, compute=1e21).to_json()
    row = next(row for row in made["sensitivity"] if row["input"] == "the fit")
    assert row["params"] == made["interval"]["params"]


def test_warnings_carry_factors():
    codes = {w["code"]: w["message"] for w in plan("besiroglu", params="8B", tokens="15T").to_json()["warnings"]}
    assert "55.4x the largest run" in codes["extrapolation"]
    assert "5.5x away" in codes["tokens_per_param"]
    assert "D/N = 1,875" in codes["tokens_per_param"]
    inside = plan("besiroglu", compute=1e21).to_json()
    assert {w["code"] for w in inside["warnings"]} == {"no_interval"}
    assert inside["extrapolation"] == pytest.approx({"compute": 1 / 13, "tokens_per_param": 1.0})
    tiny = plan("besiroglu", compute=1e8).to_json()
    assert (
        "14,000,000,000x below the smallest run" in {w["code"]: w["message"] for w in tiny["warnings"]}["extrapolation"]
    )
    assert tiny["extrapolation"]["compute_below"] == pytest.approx(1.4e10)
    small = plan("besiroglu", params=1e10, tokens=1e9).to_json()
    assert "smallest D/N behind the law is 0.456" in small["warnings"][-1]["message"]
    assert "no_range" in {w["code"] for w in plan("xlstm", compute=1e21).to_json()["warnings"]}


def test_the_best_run_for_the_spend_of_a_fixed_one():
    made = plan("besiroglu", params=7e9, tokens=2e12).to_json()
    best = plan("besiroglu", compute=6 * 7e9 * 2e12).to_json()
    assert made["best_at_equal_spend"]["params"] == pytest.approx(best["params"])
    assert made["best_at_equal_spend"]["loss"] == pytest.approx(best["loss"])
    assert made["flat_band"] == best["flat_band"]


def test_a_largest_size_ends_the_flat_band():
    made = plan("besiroglu", compute=1e22, max_params="8B")
    low, high = made.to_json()["flat_band"]["params"]
    assert high == pytest.approx(8e9)
    assert low < 8e9
    assert "not possible at equal spend" in made.text
    assert "up to 8B params" in made.text


def test_an_interval_that_is_withheld_is_said_to_be(found):
    """Nineteen resamples are too few for an interval; the plan stands, and says that nothing is known of its doubt."""
    few = dataclasses.replace(
        found,
        lanes={name: x[:19] for name, x in found.lanes.items()},
        verdict=found.verdict[:19],
        drawn=found.drawn[:19],
    )
    made = plan(few, compute=1e21).to_json()
    assert made["interval"]["params"] == [None, None]
    assert "interval_withheld" in {w["code"] for w in made["warnings"]}
    assert "interval_withheld" not in {w["code"] for w in plan(found, compute=1e21).to_json()["warnings"]}
