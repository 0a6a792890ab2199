"""Rates, peaks and the load that serving puts on a plan."""

import pytest

from sweep.errors import InputError
from sweep.plan.prices import DEVICES, FLOPS, HOURS, USD, Costs, costs, rate
from sweep.train import devices

TRAIN, SERVE = "h100:2.00@mfu=0.40", "h100:2.00@mfu=0.10"


def test_a_rate():
    found = rate("--train", "A100:1.40@mfu=0.5,precision=int8")
    assert found is not None
    assert (found.device, found.usd_per_hour, found.mfu, found.precision) == ("a100-80", 1.40, 0.5, "int8")
    assert found.flops_per_hour == pytest.approx(3600 * 6.24e14 * 0.5)
    assert "NVIDIA datasheet, dense" in found.source
    assert "$1.4 an hour as you stated" in found.source
    assert rate("--train", None) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("b7:2@mfu=0.4", "unknown device 'b7'; known: a100-40"),
        ("h100:2", "what share of the peak"),
        ("h100:2@mfu=1.2", "above 1"),
        ("h100:2@mfu=0", "positive"),
        ("h100:-2@mfu=0.4", "not negative"),
        ("h100:0@mfu=0.4", "positive"),
        ("h100:2@mfu=0.4,speed=3", "unknown 'speed'"),
        ("h100:2@mfu=0.4,precision=fp4", "peaks for bf16, fp8, int8"),
        ("tpu-v4:2@mfu=0.4,precision=int8", "peaks for bf16"),
        ("h100:2@40%", "NAME=VALUE"),
    ],
)
def test_bad_rates(text, why):
    with pytest.raises(InputError, match=why):
        rate("--serve", text)


def test_peaks_are_dense_and_agree_with_the_trainer():
    names = {
        "h100": "NVIDIA H100",
        "h200": "NVIDIA H200",
        "a100-80": "NVIDIA A100",
        "l4": "NVIDIA L4",
        "tpu-v4": "TPU v4",
    }
    names |= {"tpu-v5e": "TPU v5e", "tpu-v5p": "TPU v5p", "tpu-v6e": "TPU v6e"}
    for device, kind in names.items():
        assert DEVICES[device].peaks["bf16"] == devices.KINDS[kind].flops
    assert all(peak < 2e15 for device in DEVICES.values() for peak in device.peaks.values())


def test_the_load_in_flops_is_a_third_of_the_demand():
    assert Costs().load(1e12, 2e12) == pytest.approx(1e12)  # 6 N per trained token, 2 N per served one


def test_the_load_of_sardana_et_al_eq_6():
    a100 = "a100-40:0.60@mfu={},precision=int8"
    found = costs("a100-80:1.40@mfu=0.5", a100.format(0.2), a100.format(0.4), None, True)
    assert found.unit == USD
    ratio = (0.60 / 6.24e14) / (1.40 / 3.12e14)
    assert found.load(1e13, 2.5e12) == pytest.approx(ratio * 0.5 * (1e13 / 0.4 + 2.5e12 / 0.2) / 3)


def test_prompts_cost_what_generated_tokens_do_where_no_rate_says_otherwise():
    found = costs(TRAIN, SERVE, None, None, True)
    assert found.load(1e12, 0.0) == found.load(0.0, 1e12) == pytest.approx(4e12 / 3)


def test_dollars_are_hours_times_the_price():
    dollars, hours = (costs(TRAIN, None, None, unit, False) for unit in (USD, HOURS))
    assert dollars.per_flop(dollars.train) == pytest.approx(2.0 * hours.per_flop(hours.train))
    assert hours.per_flop(hours.train) == pytest.approx(1 / (3600 * 989e12 * 0.4))


def test_the_unit():
    assert costs(None, None, None, None, True).unit == FLOPS
    assert costs("h100@mfu=0.4", None, None, None, False).unit == HOURS
    assert costs(TRAIN, SERVE, None, HOURS, True).unit == HOURS


@pytest.mark.parametrize(
    ("train", "serve", "unit", "served", "why"),
    [
        (None, SERVE, None, True, "need --train"),
        (TRAIN, None, None, True, "needs --serve"),
        (None, None, USD, False, "a budget in USD needs --train"),
        (None, None, HOURS, False, "a budget in device-hours needs --train"),
        ("h100@mfu=0.4", None, USD, False, "there is no default price"),
        (TRAIN, "h200@mfu=0.1", None, True, "h200: no price"),
    ],
)
def test_missing_rates(train, serve, unit, served, why):
    with pytest.raises(InputError, match=why):
        costs(train, serve, None, unit, served)
