"""Residual patterns: a planted bend is flagged, noise is not, one outlier is no pattern."""

import numpy as np
import pytest

from sweep.fit.diagnostics.residuals import group_means, residual_patterns, trend
from tests.fit.diagnostics.conftest import solved


@pytest.mark.parametrize("amount", [-0.03, 0.03])
def test_a_planted_bend_by_budget_is_flagged(noisy, amount):
    table = noisy()
    u = np.log(table["flops"] / 10**19.5) / np.log(10**1.5)
    table["loss"] = table["loss"] * np.exp(amount * u**2)
    block = residual_patterns(solved(table, "log_mse"))
    assert block["pattern"]
    assert block["worst"]["term"] == "bend"
    assert abs(block["flops"]["bend_t"]) > 3
    assert [g["n"] for g in block["flops"]["groups"]] == [7] * 5


def test_noise_is_rarely_a_pattern(noisy):
    flags = [residual_patterns(solved(noisy(seed), "log_mse"))["pattern"] for seed in range(40)]
    assert sum(flags) <= 6  # six trends at |t| > 3 each


def test_an_outlier_is_no_pattern(noisy):
    table = noisy()
    table["loss"][0] *= 2
    assert not residual_patterns(solved(table))["pattern"]


def test_no_noise_is_no_pattern(clean):
    block = residual_patterns(solved(clean))
    assert not block["pattern"]


def test_trend_equals_a_regression(noisy):
    """Slope and bend reach over the runs as numpy's polynomial does; every run by itself is the White sandwich."""
    fitted = solved(noisy())
    x, rng = np.log(fitted.runs.flops), np.random.default_rng(0)
    noise = 0.01 * rng.standard_normal(35) + 0.004 * (x - x.mean())
    found = trend(x, noise, np.arange(35), fitted)
    slope = np.polyfit(x, noise, 1)[0]
    assert found["slope"] == pytest.approx(slope * np.ptp(x) / 2, rel=1e-6)
    together = trend(x, noise, np.arange(35) // 7, fitted)
    assert together["slope_t"] is None  # five clusters carry no trend of their own


def test_group_means():
    values = np.repeat([1.0, 10.0, 100.0], 4)
    residual = np.concatenate([np.full(4, 0.1), [0.0, 0.2, 0.0, 0.2], np.zeros(4)])
    groups = group_means(values, residual)
    assert [g["mean"] for g in groups] == pytest.approx([0.1, 0.1, 0.0])
    assert groups[1]["se"] == pytest.approx(np.std([0, 0.2, 0, 0.2], ddof=1) / 2)
    spread = group_means(np.geomspace(1, 1e4, 60), np.zeros(60))
    assert len(spread) == 8
    assert {g["n"] for g in spread} == {7, 8}
    assert sum(g["n"] for g in spread) == 60


@pytest.mark.parametrize("sign", [-1, 1])
def test_signs_are_those_of_the_data(noisy, sign):
    """Rising residuals have a positive slope, a positive bend its ends above its middle, in any order of the rows."""
    fitted = solved(noisy())
    x = np.log(fitted.runs.flops)
    u = (x - x.mean()) / np.ptp(x)
    noise = 1e-4 * np.random.default_rng(0).standard_normal(35)
    for order in (np.arange(35), np.random.default_rng(1).permutation(35)):
        rising = trend(x[order], (sign * 0.01 * u + noise)[order], np.arange(35), fitted)
        bent = trend(x[order], (sign * 0.01 * u**2 + noise)[order], np.arange(35), fitted)
        assert np.sign(rising["slope_t"]) == np.sign(bent["bend_t"]) == sign
