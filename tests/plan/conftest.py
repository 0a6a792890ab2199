"""Shared by the tests of the planner: laws to plan with, and one small fit of simulated isoFLOP families."""

import functools

import numpy as np
import pytest

from sweep import laws
from sweep.fit import Fit, fit
from sweep.laws import additive
from sweep.plan.surface import Surface


def surface(id: str, **given: float) -> Surface:
    """The surface of published coefficients."""
    law, entry = laws.published(id)
    return Surface(law, entry.coefficients, given=given)


@functools.cache
def small_fit() -> Fit:
    """A fit of simulated losses under the law of Besiroglu et al., 1e18 to 1e20 FLOPs, with 100 resamples."""
    rng = np.random.default_rng(3)
    law = additive.PUBLISHED["besiroglu"].coefficients
    budgets = np.repeat(np.geomspace(1e18, 1e20, 5), 9)
    params = additive.optimum(law, budgets)[0] * np.tile(np.geomspace(1 / 5, 5, 9), 5)
    tokens = budgets / 6 / params
    loss = additive.loss(law, params, tokens) * np.exp(0.004 * rng.standard_normal(len(params)))
    return fit({"params": params, "tokens": tokens, "loss": loss}, bootstrap=100, diagnostics=False)


@pytest.fixture(scope="session")
def found() -> Fit:
    """The small fit."""
    return small_fit()
