"""Break-even: the known table, and the demand at which two sizes cost the same."""

from typing import Any

import pytest

from sweep.plan import breakeven
from sweep.plan.plan import plan
from sweep.plan.prices import costs
from sweep.plan.question import Question
from tests.plan.conftest import surface

RATES: dict[str, Any] = {"train": "h100:2.00@mfu=0.40", "serve": "h100:2.00@mfu=0.10"}
KNOWN = [  # served, params, tokens, tokens per param, train $, serve $, saving; the loss of 1e22 FLOPs, besiroglu
    (0.0, 9.05e9, 184e9, 20, 14e3, 0.0, 0.0),
    (1e11, 5.77e9, 315e9, 55, 15.3e3, 6.5e3, 0.10),
    (1e12, 3.34e9, 883e9, 265, 25e3, 37e3, 0.46),
    (1e13, 2.23e9, 3.5e12, 1_580, 66e3, 250e3, 0.69),
    (1e14, 1.76e9, 16.4e12, 9_320, 244e3, 1.98e6, 0.78),
]


def test_the_known_table():
    made = plan("besiroglu", like_compute=1e22, inference_tokens="1e11:1e14", **RATES).to_json()
    rows = made["break_even"]["rows"]
    assert [row["inference_tokens"] for row in rows] == pytest.approx([row[0] for row in KNOWN])
    for row, (_, params, tokens, ratio, train, serve, saving) in zip(rows, KNOWN, strict=True):
        found = [row[x] for x in ("params", "tokens", "tokens_per_param", "train", "serve")]
        assert found == pytest.approx([params, tokens, ratio, train, serve], rel=0.02)
        assert row["saving"] == pytest.approx(saving, abs=0.005)


def test_two_sizes_cost_the_same_at_the_break_even():
    at, asked = (
        surface("besiroglu"),
        Question("like_compute", 1e22, generated=1e13, costs=costs(RATES["train"], RATES["serve"], None, None, True)),
    )
    run = asked.answer(at)
    for row in breakeven.against(at, asked, run, [1.8e9, 4e9, 9e9]):
        there = asked.serving(row["equal_cost_inference_tokens"])
        one = there.run(at, run.params, run.tokens).total
        other = there.run(at, row["params"], row["tokens"])
        assert other.loss == pytest.approx(float(run.loss), rel=1e-12)
        assert other.total == pytest.approx(float(one), rel=1e-9)
        more = asked.serving(2 * row["equal_cost_inference_tokens"])
        smaller_wins = row["params"] < run.params
        assert (
            more.run(at, row["params"], row["tokens"]).total < more.run(at, run.params, run.tokens).total
        ) == smaller_wins
        assert row["cheaper"] == ("above" if smaller_wins else "below")


def test_a_size_that_never_reaches_the_loss():
    made = plan("besiroglu", like_compute=1e22, versus=["500M", "9B"], inference_tokens=1e12).to_json()
    small, large = made["break_even"]["sizes"][:2]
    assert small["tokens"] is None
    assert small["equal_cost_inference_tokens"] is None
    assert large["tokens"] == pytest.approx(185e9, rel=0.02)


def test_without_a_demand_there_is_no_table():
    assert plan("besiroglu", compute=1e22).to_json()["break_even"] is None
    made = plan("besiroglu", compute=1e22, versus=["7B"]).to_json()
    assert made["break_even"]["rows"] == []
    assert made["break_even"]["sizes"][0]["params"] == 7e9


def test_demands_around_one_or_across_a_range():
    assert breakeven.demands(1e12, 1e12, 1e12) == pytest.approx([0, 1e10, 1e11, 1e12, 1e13, 1e14])
    assert breakeven.demands(1e12, 1e13, 1e14) == pytest.approx([0, 1e12, 1e13, 1e14])
