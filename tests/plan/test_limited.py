"""When text is short."""

import pytest

from sweep.errors import Refusal
from sweep.laws import additive
from sweep.plan.plan import plan

LAW = additive.PUBLISHED["besiroglu"].coefficients


def test_a_law_without_repetition_is_held_to_the_text_there_is():
    made = plan("besiroglu", compute=1e24, unique_tokens=5e11).to_json()
    assert made["tokens"] == 5e11
    assert made["params"] == pytest.approx(1e24 / 6 / 5e11)
    data = made["data"]
    assert data["binding"]
    assert "no term for repetition" in data["rule"]
    free = plan("besiroglu", compute=1e24).to_json()
    assert data["unlimited"]["params"] == pytest.approx(free["params"])
    assert data["unlimited"]["loss_gain"] == pytest.approx(made["loss"] - free["loss"])
    double = plan("besiroglu", compute=1e24, unique_tokens=1e12).to_json()
    assert data["double"]["loss_gain"] == pytest.approx(made["loss"] - double["loss"])
    assert 0 < data["double"]["loss_gain"] < data["unlimited"]["loss_gain"]


def test_a_loss_on_little_text_takes_a_larger_model():
    made = plan("besiroglu", loss=2.0, unique_tokens=7e11).to_json()
    assert made["tokens"] == 7e11
    assert additive.loss(LAW, made["params"], 7e11) == pytest.approx(2.0)
    assert made["data"]["unlimited"]["cost_saving"] > 0
    assert made["cost"]["saving"] < 0


def test_a_limit_that_does_not_bind_changes_nothing():
    made, free = (
        plan("besiroglu", compute=1e22, unique_tokens=1e12).to_json(),
        plan("besiroglu", compute=1e22).to_json(),
    )
    assert (made["params"], made["tokens"]) == (free["params"], free["tokens"])
    assert not made["data"]["binding"]
    assert free["data"] is None


def test_a_loss_that_the_text_cannot_give_is_refused():
    with pytest.raises(Refusal, match=r"no size reaches a loss of 1.95 on 2e\+11 unique tokens") as refusal:
        plan("besiroglu", loss=1.95, unique_tokens=2e11)
    assert refusal.value.code == "data_limited"


def test_repeats_are_priced_by_a_law_that_knows_them():
    made = plan("muennighoff_repeated", compute=1e22, unique_tokens=25e9).to_json()
    assert made["params"] == pytest.approx(7.026e9, rel=2e-3)
    assert made["data"]["epochs"] == pytest.approx(9.488, rel=2e-3)
    assert made["data"]["rule"] == "repeats are priced by the law"
    assert made["data"]["binding"]
    single = plan("muennighoff", compute=1e22).to_json()
    assert made["data"]["unlimited"]["loss"] == pytest.approx(single["loss"], rel=1e-6)


def test_more_tokens_than_there_are_held_fixed_is_warned_about():
    made = plan("besiroglu", params="1B", tokens="4T", unique_tokens="1T").to_json()
    told = {w["code"]: w["message"] for w in made["warnings"]}
    assert "4e+12 tokens are 4 passes over the 1e+12 unique ones" in told["repeats_data"]
    fresh = plan("besiroglu", params="1B", tokens="4T", unique_tokens="4T").to_json()
    assert "repeats_data" not in {w["code"] for w in fresh["warnings"]}
