"""Widening by what backtests missed: 1 inside the fitted range, never below it, and as large as the rule says."""

import math

import numpy as np
import pytest

from sweep.fit.calibration import axis, beyond, calibrated, from_json
from sweep.fit.mixture import pooled, quantile


def test_scores_as_claimed_widen_nothing():
    exact = axis(np.array([1.0, -1.0, 1.0, -1.0]), np.full(4, 2.0), np.array([0, 0, 1, 1]))
    less = axis(np.array([0.1, -0.1]), np.full(2, 2.0), np.zeros(2))
    assert exact.excess == pytest.approx(0)
    assert less.excess == 0
    assert calibrated(exact, less).widening(5.0, 5.0) == pytest.approx(1)


def test_the_rule_written_out():
    found = axis(np.array([3.0, -3.0, 2.0]), np.array([1.0, 1.0, 2.0]), np.array([0, 0, 1]))
    assert found.scores == (3.0, 2.0)
    assert found.excess == pytest.approx((1 + 9 + 4) / 3 - 1)
    assert found.reach == pytest.approx(math.sqrt(2))
    both = calibrated(found, axis(np.array([5.0]), np.array([4.0]), np.array([0])))
    assert both.widening(0.0, 0.0) == 1
    assert both.widening(math.sqrt(2) / 2, 0.0) == pytest.approx(math.sqrt(1 + found.excess / 2))
    assert both.widening(9.0, 4.0) == pytest.approx(math.sqrt(1 + found.excess + 12))
    assert from_json(both.to_json()) == both


def test_without_origins_of_its_own_the_ratio_takes_those_of_compute():
    compute = axis(np.array([3.0]), np.array([1.0]), np.array([0]))
    nothing = axis(np.array([np.nan]), np.array([1.0]), np.array([0]))
    assert calibrated(compute, nothing).ratio == compute


def test_beyond_is_the_distance_outside():
    np.testing.assert_allclose(beyond(np.array([1.0, 3.0, 20.0]), 2.0, 10.0), [math.log(2), 0, math.log(2)])


def test_quantiles_of_a_mixture_are_those_of_repeated_values():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 4000), rng.normal(5, 1, 1000)
    value, weight = pooled([a, np.append(b, np.nan)], np.array([0.5, 0.5]))
    assert weight.sum() == pytest.approx(1)
    whole = np.concatenate([a, np.repeat(b, 4)])
    for q in (0.05, 0.3, 0.5, 0.95):
        assert quantile(value, weight, q) == pytest.approx(np.quantile(whole, q), abs=0.01)
    assert math.isnan(quantile(*pooled([np.empty(0)], np.ones(1)), 0.5))
