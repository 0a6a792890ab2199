"""Inside the fitted runs or beyond them, against a linear program."""

import numpy as np
import pytest
from scipy.optimize import linprog

from sweep.plan.reach import reach


def points(runs) -> list[dict]:
    return [{"params": float(n), "tokens": float(d)} for n, d in runs]


def test_against_convex_combinations():
    rng = np.random.default_rng(0)
    runs = np.exp(rng.uniform([10, 14], [14, 20], (12, 2)))
    for question in np.exp(rng.uniform([9, 13], [15, 21], (200, 2))):
        weights = np.vstack([np.log(runs).T, np.ones(len(runs))])
        found = linprog(np.zeros(len(runs)), A_eq=weights, b_eq=[*np.log(question), 1])
        assert reach(points(runs), *question) == ("interpolation" if found.status == 0 else "extrapolation")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ((1e6, 1e9), "interpolation"),  # a corner, which is a run
        ((1e7, 1e9), "interpolation"),  # on an edge
        ((1e7, 1e10), "interpolation"),
        ((1.001e8, 1e10), "extrapolation"),
        ((1e7, 0.999e9), "extrapolation"),
    ],
)
def test_corners_and_edges(question, expected):
    assert reach(points([(1e6, 1e9), (1e8, 1e9), (1e6, 1e11), (1e8, 1e11)]), *question) == expected


def test_runs_on_a_line_hold_only_the_line():
    runs = points([(1e6, 2e7), (1e7, 2e8), (1e8, 2e9)])
    assert reach(runs, 1e7, 2e8) == "interpolation"
    assert reach(runs, 1e7, 3e8) == "extrapolation"
    assert reach(runs, 1e9, 2e10) == "extrapolation"
