"""The peer of the multiverse benchmark is a fair one: its gradients are right, and its objective is the solver's."""

import numpy as np
import pytest

from benchmarks.multiverse import TRANSCENDENTAL, budgets, objective, predict
from sweep import laws

PARAMS = np.geomspace(1e7, 1e10, 20)
TOKENS = np.random.default_rng(0).permutation(np.geomspace(1e9, 1e12, 20))
THETA = {"additive_tied": (0.5, 6.0, 7.0, 0.35), "gamma": (0.1, 14.0, 16.0, 0.64, 0.62, 0.25),
         "kaplan_lnd": (31.0, 32.0, 0.1, 0.12), "additive": (0.1, 0.2, 0.5, 0.34, 0.36)}  # fmt: skip


@pytest.mark.parametrize("name", TRANSCENDENTAL)
def test_predictions_and_gradients(name):
    law, theta = laws.get(name), np.array(THETA[name])
    features, shift = law.features(PARAMS, TOKENS)
    loss, slopes = predict(name, features[0], features[1], theta)
    assert loss == pytest.approx(law.loss(law.coefficients(theta, shift), PARAMS, TOKENS), rel=1e-10)
    for i, slope in enumerate(slopes):
        step = 1e-6 * np.eye(len(theta))[i]
        up, down = (predict(name, features[0], features[1], theta + sign * step)[0] for sign in (1, -1))
        assert slope == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("in_loss", [False, True])
def test_objective(in_loss):
    law = laws.get("additive")
    features, shift = law.features(PARAMS, TOKENS)
    theta, rng = np.array(THETA["additive"]), np.random.default_rng(1)
    truth = np.asarray(law.loss(law.coefficients(theta, shift), PARAMS, TOKENS))
    job = {"law": "additive", "features": features, "in_loss": in_loss, "delta": 0.01,
           "loss": truth * np.exp(0.02 * rng.standard_normal(20))}  # fmt: skip
    weight = rng.integers(0, 3, 20).astype(float)
    value, gradient = objective(job, theta, weight)
    residual = truth - job["loss"] if in_loss else np.log(truth / job["loss"])
    size = np.abs(residual)
    assert value == pytest.approx(weight @ np.where(size <= 0.01, residual**2 / 2, 0.01 * (size - 0.005)))
    for i in range(5):
        step = 1e-7 * np.eye(5)[i]
        change = (objective(job, theta + step, weight)[0] - objective(job, theta - step, weight)[0]) / 2e-7
        assert gradient[i] == pytest.approx(change, rel=1e-4, abs=1e-9)


def test_nine_budgets():
    found = budgets(np.array([1e9, 1e9]), np.array([1.05e18 / 6e9 * 10, 3.1e21 / 6e9]))
    assert found.tolist() == [1e19, 3e21]
