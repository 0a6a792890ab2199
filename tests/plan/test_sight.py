"""Derivatives of what is wanted, against the closed forms of the additive law and against differences."""

import numpy as np
import pytest

from sweep import laws
from sweep.config import Prior
from sweep.design import check
from sweep.laws import additive
from sweep.laws.additive import Additive
from sweep.laws.tied import Tied
from sweep.plan.sight import BEND, bent, look

LAW, K, TARGET = additive.PUBLISHED["besiroglu"].coefficients, 6.0, 1e23
RUNS = np.tile(np.geomspace(1e8, 4e9, 5), 5), np.repeat(np.geomspace(2e9, 1e11, 5), 5)
CELLS = np.array([1e9, 8e9]), np.array([1e11, 3e11])


IDS = ("additive", "additive_tied", "gamma")
GAMMA = next(iter(laws.get("gamma").published.values())).coefficients
COEFFICIENTS = {"additive": LAW, "additive_tied": Tied(1.8, 480.0, 1500.0, 0.36), "gamma": GAMMA}


def one(law: Additive) -> Additive:
    return Additive(*(np.array([x]) for x in law))


def sd(seen, wanted: np.ndarray) -> float:
    """At unit noise, of the first resample."""
    return float(check.spread(seen.runs[0], wanted[:1])[0])


def test_the_doubt_is_that_of_the_designs_check():
    """The check differentiates the closed forms by the complex step; here the optimum's flatness is used."""
    seen = look(laws.get("additive"), one(LAW), RUNS, CELLS, TARGET, K)
    prior = Prior(*LAW, noise=1.0)
    expected = check.doubt("", prior, *RUNS, TARGET)
    best = additive.loss(LAW, *additive.optimum(LAW, TARGET))
    assert sd(seen, seen.params) == pytest.approx(expected.log_optimum, rel=1e-3)
    assert sd(seen, seen.loss) * best == pytest.approx(expected.loss, rel=1e-6)


def moved(law, coefficients, shift: np.ndarray, i: int, step: float):
    """ln N* and ln L* after a step in one of the solver's coordinates."""
    theta = law.theta(coefficients, shift) + step * np.eye(len(law.names))[i]
    there = law.coefficients(theta, shift)
    params, tokens = law.optimum(there, TARGET, K)
    return np.array([np.log(params), np.log(law.loss(there, params, tokens))], float)


@pytest.mark.parametrize("id", IDS)
def test_gradients_against_differences(id):
    law = laws.get(id)
    coefficients = COEFFICIENTS[id]
    lanes = type(coefficients)(*(np.array([x]) for x in coefficients))
    seen = look(law, lanes, RUNS, CELLS, TARGET, K)
    best = law.optimum(coefficients, TARGET, K)[0]
    along = best * np.exp(0.01 * np.array([-1.0, 0.0, 1.0]))
    pieces = zip(RUNS, CELLS, (along, TARGET / K / along), strict=True)
    _, shift = law.features(*(np.concatenate(piece) for piece in pieces))
    step = 1e-4
    for i in range(len(law.names)):
        up, down = (moved(law, coefficients, shift, i, s) for s in (step, -step))
        size, loss = (up - down) / (2 * step)
        assert seen.params[0, i] == pytest.approx(size, rel=2e-3, abs=2e-4)
        assert seen.loss[0, i] == pytest.approx(loss, rel=1e-4, abs=1e-6)


def test_a_vanished_floor_is_no_hole():
    seen = look(laws.get("additive"), one(LAW._replace(E=0.0)), RUNS, CELLS, TARGET, K)
    assert all(np.isfinite(x).all() for x in seen)
    little = look(laws.get("additive"), one(LAW._replace(E=1e-9)), RUNS, CELLS, TARGET, K)
    assert sd(seen, seen.loss) == pytest.approx(sd(little, little.loss), rel=1e-3)


def test_lanes_without_an_optimum_are_left_out():
    lanes = Additive(*(np.array([x, x]) for x in LAW))._replace(alpha=np.array([LAW.alpha, 0.0]))
    assert look(laws.get("additive"), lanes, RUNS, CELLS, TARGET, K).runs.shape == (1, 25, 5)


def test_a_bend_moves_what_is_wanted_as_its_gradient_says():
    """ln L(N, D) + b . (x^2, x y, y^2), minimised along the isoFLOP numerically."""
    wary = bent(look(laws.get("additive"), one(LAW), RUNS, CELLS, TARGET, K), RUNS, CELLS)
    logs = np.log(np.stack(RUNS))
    middle, half = (logs.max(axis=1) + logs.min(axis=1)) / 2, np.ptp(logs, axis=1) / 2
    size = np.linspace(-0.05, 0.05, 20001) + np.log(additive.optimum(LAW, TARGET)[0])

    def optimum(b: np.ndarray) -> np.ndarray:
        x, y = (size - middle[0]) / half[0], (np.log(TARGET / K) - size - middle[1]) / half[1]
        loss = np.log(additive.loss(LAW, np.exp(size), TARGET / K / np.exp(size))) + b @ np.stack([x * x, x * y, y * y])
        fit = np.polyfit(size - size.mean(), loss, 4)
        at = min(np.roots(np.polyder(fit)).real, key=abs)
        return np.array([at + size.mean(), np.polyval(fit, at)])

    for i in range(3):
        step = 1e-5 * np.eye(3)[i]
        size_slope, loss_slope = (optimum(step) - optimum(-step)) / 2e-5
        assert wary.params[0, 5 + i] == pytest.approx(size_slope, rel=0.01)
        assert wary.loss[0, 5 + i] == pytest.approx(loss_slope, rel=0.01)
    assert wary.runs.shape == (1, 28, 8)
    assert wary.runs[0, 25:, 5:] == pytest.approx(np.eye(3) / BEND)
    assert np.abs(wary.runs[0, :25, 5:]).max() == pytest.approx(1)  # at the edge of the fitted runs
