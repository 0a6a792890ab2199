"""Quantities as people write them, and those nobody can mean."""

import pytest

from sweep.errors import InputError
from sweep.plan import quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (3e21, 3e21),
        (10**22, 1e22),
        ("3e21", 3e21),
        ("1PFday", 8.64e19),
        ("2.5 PF-days", 2.16e20),
        ("1e21FLOPs", 1e21),
        ("1_000_000_000", 1e9),
    ],
)
def test_compute(text, value):
    assert quantity.flops("--compute", text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["10", 10, "0", "-1e21", "1e21 joules", "many", "nan", "inf", "", "1e400"])
def test_compute_that_nobody_means(text):
    with pytest.raises(InputError, match=r"--compute"):
        quantity.flops("--compute", text)


def test_what_is_too_small_says_how_to_write_it():
    with pytest.raises(InputError, match=r"10 FLOPs is too small to mean it; write FLOPs such as 1e21, or 10PFday"):
        quantity.flops("--compute", "10")
    with pytest.raises(InputError, match=r"7 params is too small to mean it; write 7e9 or 7B"):
        quantity.count("--params", "7", "params")


@pytest.mark.parametrize(("text", "value"), [("7B", 7e9), ("1.5t", 1.5e12), ("70k", 7e4), ("350M", 3.5e8), (7e9, 7e9)])
def test_counts(text, value):
    assert quantity.count("--params", text, "params") == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(("text", "value"), [("$300k", 3e5), ("3e5", 3e5), ("$1,500", 1500.0), (250, 250.0)])
def test_dollars(text, value):
    assert quantity.positive("--usd", text) == value


def test_a_range_of_demand_and_its_middle():
    low, middle, high = quantity.demand("--inference-tokens", "1e12:100T")
    assert (low, high) == (1e12, 1e14)
    assert middle == pytest.approx(1e13)
    assert quantity.demand("--inference-tokens", 2e12) == (2e12, 2e12, 2e12)
    assert quantity.demand("--inference-tokens", 0) == (0, 0, 0)


@pytest.mark.parametrize("text", ["1e14:1e12", "1e12:", ":1e12", "1e12:1e13:1e14", "-1", "5"])
def test_bad_demands(text):
    with pytest.raises(InputError, match="--inference-tokens"):
        quantity.demand("--inference-tokens", text)


def test_pairs():
    assert quantity.pairs("--explain", "params=8e9, tokens=15e12") == {"params": "8e9", "tokens": "15e12"}
    for text in ("params", "params=", "=3", "params=1,,"):
        with pytest.raises(InputError, match="NAME=VALUE"):
            quantity.pairs("--explain", text)
