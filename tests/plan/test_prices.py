"""Rates, peaks and the load that serving puts on a plan."""

import pytest

from sweep.errors import InputError
from sweep.plan.plan import plan
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
        ("b7:2@mfu=0.4", "unknown device 'b7'; known: a100-40.*state any other .* b7:2@peak=1e15,memory=80,mfu=0.40"),
        (":2@peak=1e15,mfu=0.4", "unknown device ''"),
        ("b7:2@peak=2500,mfu=0.4", "peak 2500 is in another unit; it is in FLOP/s, such as 2.5e15"),
        ("b7:2@peak=1e15,memory=192e9,mfu=0.4", r"memory 1.92e\+11 is in another unit; it is in GB, such as 192"),
        ("b7:2@peak=1e15,memory=much,mfu=0.4", "memory"),
        ("b7:2@peak=1e15,precision=int3,mfu=0.4", "no precision 'int3'; known: bf16, fp8, int8"),
        ("b7:2@peak=1e15", "what share of the peak"),
        ("h100:2", "what share of the peak"),
        ("h100:2@mfu=1.2", "above 1"),
        ("h100:2@mfu=0", "positive"),
        ("h100:-2@mfu=0.4", "not negative"),
        ("h100:0@mfu=0.4", "positive"),
        ("h100:2@mfu=0.4,speed=3", "unknown 'speed'"),
        ("h100:2@mfu=0.4,precision=fp4", "no precision 'fp4'; known: bf16, fp8, int8"),
        ("tpu-v4:2@mfu=0.4,precision=int8", "peaks for bf16; state that of int8: peak="),
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
    assert DEVICES["tpu7x"].peaks["bf16"] == 2 * devices.KINDS["TPU7x"].flops  # jax calls half a chip a device
    for name, device in DEVICES.items():
        assert "2026-11" in device.source, name
        assert all(1e14 < peak < 5.1e15 for peak in device.peaks.values()), name  # sparse figures would be twice these
        assert device.memory is not None
        assert 14e9 < device.memory < 220e9, name


@pytest.mark.parametrize(
    ("name", "bf16", "memory"),
    [
        ("b200", 2.25e15, 180e9),
        ("gb200", 2.5e15, 186e9),
        ("mi300x", 1.3074e15, 192e9),
        ("rtx4090", 165.2e12, 25.8e9),
        ("rtx-5090", 209.5e12, 34.4e9),
        ("tpu7x", 2.307e15, 203e9),  # of 192 GiB, what libtpu lets programs use
        ("v5p", 459e12, 102.8e9),
    ],
)
def test_newer_parts_and_other_names(name, bf16, memory):
    found = rate("--train", f"{name}:3@mfu=0.4")
    assert found is not None
    assert found.peak == bf16
    assert found.facts.memory == pytest.approx(memory, rel=0.01)


def test_a_device_by_statement():
    found = rate("--train", "b7:6@peak=2.5e15,memory=192,mfu=0.4")
    assert found is not None
    assert (found.device, found.usd_per_hour, found.peak, found.facts.memory) == ("b7", 6.0, 2.5e15, 192e9)
    assert found.flops_per_hour == pytest.approx(3600 * 1e15)
    assert "b7 bf16 at 0.4 of 2.5e+15 FLOP/s (as you stated), $6 an hour as you stated" in found.source
    known = rate("--train", "gb200:6@peak=2.4e15,mfu=0.4")  # the table's memory, another peak
    assert known is not None
    assert (known.peak, known.facts.memory) == (2.4e15, 186e9)
    other = rate("--serve", "l4:1@peak=485T,precision=fp8,memory=24GB,mfu=0.1")
    assert other is not None
    assert (other.peak, other.facts.memory, other.facts.peaks["bf16"]) == (485e12, 24e9, 121e12)
    bare = rate("--train", "mine@peak=1e15,mfu=0.5")
    assert bare is not None
    assert bare.facts.memory is None


def test_a_plan_on_a_stated_device_knows_its_hours_and_its_memory():
    made = plan("besiroglu", usd=3e5, train="b7:6@peak=2.5e15,memory=192,mfu=0.4")
    assert made.record["flops"] == pytest.approx(3e5 / 6 * 3600 * 1e15)
    shape = made.record["buildable"]["shapes"][0]
    assert shape["hours"] == pytest.approx(shape["flops_exact"] / 1e15 / 3600)
    assert shape["held_by"].keys() == {"b7"}
    assert shape["fits"] is not None
    unknown = plan("besiroglu", usd=3e5, train="b7:6@peak=2.5e15,mfu=0.4")
    assert {x["fits"] for x in unknown.record["buildable"]["shapes"]} == {None}
    assert "how many b7 hold it is not known: state its memory" in unknown.text


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
