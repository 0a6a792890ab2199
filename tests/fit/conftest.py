"""Simulated tables with a known law."""

import numpy as np
import pytest

from sweep.laws import additive
from sweep.laws.additive import Additive

LAW = Additive(1.8, 480.0, 2100.0, 0.35, 0.37)


def families(law: Additive, budgets, *, sizes=7, span=4.0, noise=0.0, seed=0, k=6.0) -> dict[str, np.ndarray]:
    """IsoFLOP families centred on the optimum of `law`, with log-normal noise on the loss."""
    rng = np.random.default_rng(seed)
    best = additive.optimum(law, np.asarray(budgets), k)[0]
    params = np.concatenate([np.geomspace(n / span, n * span, sizes) for n in best])
    budget = np.repeat(budgets, sizes)
    tokens = budget / (k * params)
    loss = additive.loss(law, params, tokens) * np.exp(noise * rng.standard_normal(len(params)))
    return {"params": params, "tokens": tokens, "flops": budget, "loss": loss, "budget": budget}


@pytest.fixture(scope="session")
def law() -> Additive:
    """The truth of the simulations."""
    return LAW


@pytest.fixture(scope="session")
def simulate():
    """(budgets, **options) -> table of arrays from LAW."""
    return lambda budgets, law=LAW, **options: families(law, budgets, **options)
