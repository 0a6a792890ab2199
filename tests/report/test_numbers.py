"""Numbers as a person reads them."""

import math

import pytest

from sweep.report import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (512, "512"), (999.4, "999"), (999.6, "1.00k"), (12_412, "12.4k"), (99_960, "100k"),
        (1_300_000, "1.30M"), (14.7e6, "14.7M"), (70.2e9, "70.2B"), (1.4e12, "1.40T"), (None, "–"), (math.nan, "–"),
    ],
)  # fmt: skip
def test_count_has_three_digits(value, text):
    assert numbers.count(value) == text


@pytest.mark.parametrize(("value", "text"), [(3e11, "3.0e11"), (9.96e11, "1.0e12"), (5.76e23, "5.8e23"), (None, "–")])
def test_flops(value, text):
    assert numbers.flops(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.2, "1.20"),
        (477.83, "478"),
        (2143.4, "2143"),
        (0.021, "0.0210"),
        (2.1e-7, "2.10e−7"),
        (-0.5, "−0.500"),
    ],
)
def test_short_keeps_three_digits(value, text):
    assert numbers.short(value) == text


def test_signs_are_typographic():
    assert (numbers.signed(0.0121), numbers.signed(-0.004)) == ("+0.012", "−0.004")


def test_an_interval_needs_both_ends():
    assert numbers.with_interval(2.0, [1.9, 2.1], numbers.loss) == "2.000 (1.900 to 2.100)"
    assert numbers.with_interval(2.0, [None, None], numbers.loss) == "2.000"
    assert numbers.with_interval(2.0, None, numbers.loss) == "2.000"


def test_plural():
    assert [numbers.plural(n, "family") for n in (1, 2)] == ["1 family", "2 families"]


def test_factors_and_shares():
    assert (numbers.times(10.0), numbers.times(3.333), numbers.percent(0.9)) == ("10×", "3.3×", "90\N{NO-BREAK SPACE}%")
