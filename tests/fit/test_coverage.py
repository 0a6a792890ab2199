"""Nominal 90 % intervals hold the truth about as often: a small version of benchmarks/coverage.py."""

import numpy as np
import pyarrow.csv
import pytest

from benchmarks import coverage
from sweep.fit import fit
from sweep.fit.objective import Objective

SWEEPS, RESAMPLES = 200, 100
SPREAD = 3 * np.sqrt(0.9 * 0.1 / SWEEPS)  # three standard errors of a coverage


@pytest.fixture(scope="module")
def small():
    return coverage.study(coverage.DESIGNS[1], Objective(), SWEEPS, RESAMPLES, seed=3)


def test_intervals_cover(small):
    found = small["methods"]["adjusted"]["coverage"]
    for name in ("alpha", "beta", "N*(10C)"):
        assert 0.87 - SPREAD < found[name] < min(0.93 + SPREAD, 0.985)
    for name in ("L(10C)", "L(100C)"):
        assert 0.85 - SPREAD < found[name] < 0.99


def test_they_are_as_narrow_as_they_can_be_and_miss_on_both_sides(small):
    adjusted, percentile = small["methods"]["adjusted"], small["methods"]["percentile"]
    for name in coverage.QUANTITIES:
        assert 0.8 < adjusted["width"][name] < 1.3
        assert adjusted["width"][name] < percentile["width"][name]
        assert max(adjusted["truth_below"][name], adjusted["truth_above"][name]) < 0.15
        assert adjusted["answered"][name] == 1
        assert abs(small["bias"][name]) < 0.2


def test_runs_of_one_trunk_are_one_run(datasets):
    """22 shapes x 10 checkpoints of one training run each: taken for 220 runs they look far surer than they are."""
    table = pyarrow.csv.read_csv(datasets / "gemstone_hot.csv").select(["params", "tokens", "flops", "loss", "run"])
    options = {"bootstrap": 100, "diagnostics": False}
    together = fit(table, columns={"trunk": "run"}, **options)
    apart = fit(table.drop_columns("run"), independent=True, **options)
    assert (together.record["groups"], apart.record["groups"]) == (22, 220)

    def width(pair):
        return np.diff(np.array(pair, float))[0]

    assert width(together.interval("alpha")) > 1.4 * width(
        apart.interval("alpha")
    )  # not so of beta: along one run the luck of the shape cancels
    sizes = [np.log(np.array(f.optimum(1e22).params_interval, float)) for f in (together, apart)]
    assert width(sizes[0]) > 1.1 * width(sizes[1])
