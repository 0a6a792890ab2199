"""The law believed before a sweep: the additive law with the config's coefficients, C = 6 N D, N with the head.

Plain floats in, plain floats out, so that a design never depends on the precision that JAX is set to.
"""

from sweep.config import Prior
from sweep.laws import additive


def law(prior: Prior) -> additive.Additive:
    """The coefficients alone."""
    return additive.Additive(prior.E, prior.A, prior.B, prior.alpha, prior.beta)


def loss(prior: Prior, params: float, tokens: float) -> float:
    """Expected loss in nats/token of `params` parameters trained on `tokens` tokens."""
    return additive.loss(law(prior), params, tokens)


def optimum(prior: Prior, flops: float) -> tuple[float, float]:
    """Compute-optimal (params, tokens) of a budget in FLOPs."""
    return additive.optimum(law(prior), flops)
