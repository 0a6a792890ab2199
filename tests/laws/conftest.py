"""Inputs of every kind, and one set of coefficients for every law."""

import numpy as np
import pytest

from sweep import laws
from sweep.fit.result import coefficients_of
from sweep.laws import schedules
from sweep.laws.law import Law
from sweep.laws.power_compute import PowerCompute
from sweep.laws.tied import Tied

RANGES = {
    "params": (1e7, 1e10),
    "tokens": (1e9, 1e12),
    "flops": (1e18, 1e23),
    "tokens_per_param": (2, 500),
    "unique_tokens": (1e9, 1e11),
    "loss": (2, 4),
    "width": (256, 4096),
    "depth": (4, 80),
    "experts": (1, 64),
    "granularity": (1, 32),
    "sparsity": (0.1, 0.9),
    "bits_weights": (3, 16),
    "bits_activations": (3, 16),
    "bits_kv": (3, 16),
    "bits_served": (3, 8),
    "vocab_params": (1e6, 1e9),
    "lr_sum": (0.5, 7),
    "lr_annealing": (0.01, 0.5),
}
MINE = {"additive_tied": Tied(1.8, 520.0, 1480.0, 0.35), "power_compute": PowerCompute(1.7, 2000.0, 0.17)}


def example(law: Law):
    """A point in the middle of a law's domain; unverified numbers serve as one too, never as a truth."""
    if law.id in MINE:
        return MINE[law.id]
    return next((entry.coefficients for entry in law.published.values()), None) or middle(law)


def middle(law: Law):
    """The middle of where the starts of every coefficient are looked for: for a law that nobody has published."""
    ends = {name: parameter.start for name, parameter in law.parameters.items()}
    return coefficients_of(law, {x: (a * b) ** 0.5 if a * b > 0 else (a + b) / 2 for x, (a, b) in ends.items()})


def sample(law: Law, n: int = 7, seed: int = 0) -> list[np.ndarray]:
    """Inputs of a law [n] each."""
    rng = np.random.default_rng(seed)
    if law.inputs == ("lr_history",):
        rates = schedules.two_stage(200, 2400, 3e-4, 1500, 9e-5)
        return [schedules.compress(rates, np.linspace(300, 2399, n).astype(int))]
    return [
        low * (high / low) ** rng.uniform(size=n) for low, high in (RANGES.get(name, (0.1, 0.9)) for name in law.inputs)
    ]


@pytest.fixture(params=laws.ids())
def law(request) -> Law:
    """Every law of the registry."""
    return laws.get(request.param)
