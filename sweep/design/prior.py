"""The law believed before a sweep, in closed form: L(N, D) = E + A N^-alpha + B D^-beta, with C = 6 N D.

N counts parameters with the head. Formulas: Hoffmann et al. 2022 (arXiv 2203.15556), eq. 4, and what follows from it.
"""

from sweep.config import Prior

FLOPS_PER_PARAM_TOKEN = 6.0  # two for the forward pass, four for the backward pass


def loss(prior: Prior, params: float, tokens: float) -> float:
    """Expected loss in nats/token of `params` parameters trained on `tokens` tokens."""
    return prior.E + prior.A * params**-prior.alpha + prior.B * tokens**-prior.beta


def optimum(prior: Prior, flops: float) -> tuple[float, float]:
    """Compute-optimal (params, tokens) of a budget in FLOPs."""
    ratio = prior.alpha * prior.A / (prior.beta * prior.B)
    scale = ratio ** (1 / (prior.alpha + prior.beta))
    work = flops / FLOPS_PER_PARAM_TOKEN
    params = scale * work ** (prior.beta / (prior.alpha + prior.beta))
    return params, work / params


def curvature(prior: Prior, flops: float) -> float:
    """Second derivative of the loss in ln N along an isoFLOP, at its optimum: alpha beta (L* - E), nats/token."""
    return prior.alpha * prior.beta * (loss(prior, *optimum(prior, flops)) - prior.E)
