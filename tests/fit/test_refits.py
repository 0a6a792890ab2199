"""Resamples that start from one optimum only, where a pilot has shown that the others never win."""

from dataclasses import replace

import numpy as np
import pytest

from sweep import laws
from sweep.fit import refits
from sweep.fit.approach3 import fit_law
from sweep.fit.bootstrap import draw
from sweep.fit.objective import Objective
from sweep.laws import additive
from sweep.tables.load import load
from tests.fit.conftest import families

LAW = laws.get("additive")
RUNS = load(families(additive.PUBLISHED["besiroglu"].coefficients, (1e17, 1e18, 1e19, 1e20), noise=0.004))
WEIGHT = draw(RUNS.group, 600, seed=0)


def refitted(solution, monkeypatch, pilot: int):
    monkeypatch.setattr(refits, "PILOT", pilot)
    return refits.refit(LAW, RUNS, Objective(), solution, WEIGHT)


@pytest.fixture(scope="module")
def solution():
    return fit_law(LAW, RUNS, Objective())


def test_restarts_that_never_win_are_left_out_and_change_nothing(solution, monkeypatch):
    lanes = []
    minimise = refits.minimise
    monkeypatch.setattr(refits, "minimise", lambda *a, **k: lanes.append(len(a[4])) or minimise(*a, **k))
    short = refitted(solution, monkeypatch, 100)
    assert sum(lanes) < 3 * 600 - 300
    lanes.clear()
    whole = refitted(solution, monkeypatch, 600)
    assert sum(lanes) >= 3 * 600
    assert (short.verdict == whole.verdict).all()
    for a, b in zip(short.coefficients, whole.coefficients, strict=True):
        same = np.isclose(a, b, rtol=1e-4)
        assert same.mean() > 0.99


def test_the_restarts_that_are_needed():
    value = np.array([[3.0, 3.0, 2.0], [1.0, 2.0, np.inf], [1.0, 1.0 - 1e-9, 1.0]])
    assert refits.winners(value) == [0, 2]
    assert refits.winners(value[1:]) == [0]
    assert refits.winners(np.array([[np.inf, np.nan, 1.0]])) == [0, 2]


def test_where_another_start_wins_in_the_pilot_all_resamples_try_it(solution, monkeypatch):
    nowhere = solution.restarts[0] * np.nan
    turned = replace(solution, restarts=np.stack([nowhere, *solution.restarts[:2]]))
    found = refitted(turned, monkeypatch, 100)
    assert found.usable.all()
    np.testing.assert_allclose(found.coefficients.E, refitted(solution, monkeypatch, 600).coefficients.E, rtol=1e-4)
