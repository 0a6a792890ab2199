"""Small multiverses of simulated tables of one size, so that every test shares the compiled solver."""

import numpy as np
import pytest

from sweep.fit.multiverse import Axes, multiverse
from sweep.fit.multiverse.conventions import read

BUDGETS = np.geomspace(1e18, 1e21, 5)
AXES = Axes(laws=("additive",), objectives=("huber", "log_mse"), deltas=(1e-3,), weights=("equal",), resamples=20)


@pytest.fixture(scope="session")
def table(simulate):
    """35 runs in five families with a noise of half a percent."""
    return simulate(BUDGETS, noise=0.005, seed=3)


@pytest.fixture(scope="session")
def runs(table):
    """The same, read, in canonical order."""
    return read(table, {}, {}, AXES).runs


@pytest.fixture(scope="session")
def small(table):
    """A multiverse of one law, two objectives and all subsets."""
    return multiverse(table, axes=AXES)
