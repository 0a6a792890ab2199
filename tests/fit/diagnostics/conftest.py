"""Solved fits of simulated tables of one size, so that every test shares the compiled solver."""

import numpy as np
import pytest

from sweep import laws
from sweep.fit.approach3 import fit_law
from sweep.fit.diagnostics import Fitted
from sweep.fit.objective import Objective
from sweep.tables.load import load

BUDGETS = np.geomspace(1e18, 1e21, 5)


def solved(table, kind: str = "huber", delta: float = 1e-3, **keywords) -> Fitted:
    """A table of arrays or a path, fitted; the target is ten times the largest compute."""
    law, objective, runs = laws.get("additive"), Objective(kind, delta), load(table, **keywords)
    k = float(np.median(runs.flops / (runs.params * runs.tokens)))
    return Fitted(law, runs, objective, fit_law(law, runs, objective), float(10 * runs.flops.max()), k, 0.9)


@pytest.fixture(scope="session")
def noisy(simulate):
    """(seed) -> a table of 35 runs with a noise of 0.5 percent."""
    return lambda seed=0, **options: simulate(BUDGETS, noise=0.005, seed=seed, **options)


@pytest.fixture(scope="session")
def clean(simulate):
    """The same runs without noise."""
    return simulate(BUDGETS)
