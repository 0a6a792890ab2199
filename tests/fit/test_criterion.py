"""The information criterion against closed forms and numerical integration."""

import math

import numpy as np
import pytest

from sweep.fit.criterion import bic, log_normaliser, negative_log_likelihood
from sweep.fit.objective import Objective, huber

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("scale", "delta"), [(1e-6, 1e-3), (1e-5, 1e-2), (4e-4, 0.02), (1.0, 1.0)])
def test_the_density_integrates_to_one(scale, delta):
    r = np.linspace(-60 * max(scale / delta, math.sqrt(scale)), 60 * max(scale / delta, math.sqrt(scale)), 2_000_001)
    density = np.exp(-huber(r, delta) / scale)
    assert log_normaliser(scale, delta) == pytest.approx(math.log(np.trapezoid(density, r)), abs=1e-6)


def test_least_squares_is_the_normal_likelihood():
    residual = 0.01 * RNG.standard_normal(50)
    loss = np.exp(RNG.uniform(0.5, 1.5, 50))
    variance = np.mean(residual**2)
    expected = 50 * (math.log(2 * math.pi * variance) + 1) + 6 * math.log(50)
    assert bic(Objective("log_mse"), loss * np.exp(residual), loss, 5, 50) == pytest.approx(expected, rel=1e-9)


def test_a_small_threshold_is_the_laplace_likelihood():
    residual = 0.01 * RNG.laplace(size=400)
    mean = float(huber(residual, 1e-8).mean())
    expected = math.log(2 * np.mean(np.abs(residual))) + 1
    assert negative_log_likelihood(mean, 1e-8) == pytest.approx(expected, abs=1e-5)


def test_rows_of_one_group_count_as_one_run():
    loss = np.exp(RNG.uniform(0.5, 1.5, 40))
    predicted = loss * np.exp(0.01 * RNG.standard_normal(40))
    one, other = (Objective("huber"), predicted, loss, 5, 40), (Objective("huber"), predicted, loss, 5, 10)
    assert bic(*other) - 6 * math.log(10) == pytest.approx((bic(*one) - 6 * math.log(40)) / 4)
