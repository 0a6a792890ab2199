"""Words of a plan: numbers in the units a person reads."""

from typing import Any

import pytest

from sweep.plan import plan
from sweep.plan.short import short
from sweep.plan.words import money, span

RATES: dict[str, Any] = {"train": "h100:2.00@mfu=0.40", "serve": "h100:2.00@mfu=0.10"}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (12.345, "12.3"),
        (999, "999"),
        (999_600, "1M"),
        (2.229e9, "2.23B"),
        (3.52e12, "3.52T"),
        (1.9e16, "1.9e+16"),
    ],
)
def test_short(number, text):
    assert short(number) == text


def test_money_and_intervals():
    assert money(316_574.0, "USD") == "$317k"
    assert money(1e22, "FLOPs") == "1e+22 FLOPs"
    assert money(None, "USD") == "unknown"
    assert span([1e9, 3e9]) == " [1B, 3B]"
    assert span([None, None]) == span([7e9, 7e9]) == ""


def test_a_plan_reads_aloud():
    text = plan("besiroglu", like_compute=1e22, inference_tokens=1e13, unique_tokens=4e12, **RATES).text
    for said in (
        "the loss of a compute-optimal run of 1e+22 FLOPs on text without limit, not on 4T tokens: 2.1411 nats/token, "
        "serving 10T tokens",
        "recommended  2.23B params on 3.52T tokens   loss 2.1411 nats/token   1,579 tokens a parameter",
        "$66.1k to train and $250k to serve, $317k in all; 69% less than the compute-optimal 9.05B at equal loss",
        "h100 bf16 at 0.4 of 9.89e+14 FLOP/s (NVIDIA datasheet, dense, SXM, 2026-11), $2 an hour as you stated",
        "sizes from 2.06B to 2.48B lose less than 0.005 nats at equal spend",
        "x1.64 the cost at equal loss",
        "9.05B on 184B tokens costs the same at 680B served tokens, less below",
        "0.88 passes over 4T unique tokens (tokens <= unique tokens: the law has no term for repetition); the",
        "D/N = 1,579; the largest D/N behind the law is 341, 4.63x away: untested",
    ):
        assert said in text


def test_what_serving_is_paid_from_is_said():
    text = plan("besiroglu", compute=1e22, inference_tokens=1e12).text
    assert "1e+22 FLOPs for training and serving together, serving 1T tokens" in text
    assert "for the same spend" not in text


def test_a_run_that_is_judged():
    text = plan("besiroglu", params="7B", tokens="2T").text
    assert "this run     7B params on 2T tokens" in text
    assert "for the same spend 26.9B params on 520B tokens: 0.0259 nats less" in text
    assert "sensitivity" not in text


def test_without_intervals_there_are_no_brackets(found):
    line = next(x for x in plan("besiroglu", compute=1e21).text.splitlines() if x.startswith("recommended"))
    assert "[" not in line
    line = next(x for x in plan(found, compute=1e21).text.splitlines() if x.startswith("recommended"))
    assert line.count("[") == 4
    assert "(90% intervals)" in line
