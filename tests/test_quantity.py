"""Quantities as people write them, and those nobody can mean."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep import quantity
from sweep.errors import InputError


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
        ("1,000,000,000", 1e9),
        ("1.5PFday", 1.296e20),
        ("1 PFLOP/s-day", 8.64e19),
        ("2 EF-days", 1.728e23),
        ("10 ZFLOPs", 1e22),
        ("10^21", 1e21),
        ("3x10^21", 3e21),
        ("3×10^21", 3e21),
        ("3*10**21", 3e21),
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


def test_what_is_too_large_to_mean_is_refused():
    with pytest.raises(InputError, match=r"--compute 1e60: 1e\+60 FLOPs is too large to mean it"):
        quantity.flops("--compute", "1e60")
    with pytest.raises(InputError, match=r"1e\+31 tokens is too large to mean it"):
        quantity.count("--tokens", 1e31, "tokens")
    assert quantity.flops("--compute", 1e40) == 1e40


@pytest.mark.parametrize(("text", "value"), [("7B", 7e9), ("1.5t", 1.5e12), ("70k", 7e4), ("350M", 3.5e8), (7e9, 7e9)])
def test_counts(text, value):
    assert quantity.count("--params", text, "params") == pytest.approx(value, rel=1e-12)


@given(st.integers(0, 10**6), st.integers(0, 6), st.sampled_from(sorted(quantity.SUFFIX)))
def test_a_suffix_is_a_power_of_ten_to_the_last_bit(digits, places, suffix):
    number = f"{digits / 10**places:.{places}f}"
    assert quantity.nonnegative("--n", number + suffix) == float(f"{number}e{quantity.SUFFIX[suffix]}")


@given(st.floats(0, 1e300))
def test_numbers_of_python_come_back(number):
    assert quantity.nonnegative("--n", number) == quantity.nonnegative("--n", str(number)) == number


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_one_line(text):
    try:
        number = quantity.nonnegative("--n", text)
    except InputError as error:
        number = 0.0 if len(str(error).splitlines()) == 1 else math.nan
    assert 0 <= number < math.inf


@pytest.mark.parametrize(
    ("text", "value"), [("7 billion", 7e9), ("1.5 trillion", 1.5e12), ("2.3bn", 2.3e9), ("1 000 000", 1e6)]
)
def test_words_and_groups(text, value):
    assert quantity.nonnegative("--n", text) == value


@pytest.mark.parametrize("value", ["1,5B", "1 5B", "10,00", "1,000,00", "7QB", True, None, [7e9], {}, 1j, b"7B"])
def test_what_is_no_number(value):
    with pytest.raises(InputError, match=r"^--n "):
        quantity.nonnegative("--n", value)


def test_signs():
    assert quantity.signed("--n", "-1.5k") == -1500
    assert quantity.signed("--n", -0.25) == -0.25
    assert quantity.signed("--n", 3) == 3
    assert quantity.whole("--n", "64k") == 64_000
    with pytest.raises(InputError, match="whole number"):
        quantity.whole("--n", 1.5)


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
