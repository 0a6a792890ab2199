"""An information criterion for fits by any of the objectives: how much better, for how many parameters more.

The objective is read as a likelihood: residuals r of ln loss (of loss, for mse) have the density

    p(r) = exp(-huber(r, delta) / s) / Z(s),   Z(s) = integral of exp(-huber(r, delta) / s)

with the scale s fitted: normal for least squares, two-sided exponential (Laplace) for least absolute deviations, and
for Huber's loss a normal middle with exponential tails (Huber 1964). With the default delta = 1e-3, far below the
scatter of runs, that is nearly Laplace. Then (Schwarz 1978)

    BIC = 2 g (mean of -ln p) + (k + 1) ln g

for k coefficients, the scale, and g independent groups of runs: rows of one group count as one run.
"""

import math

import numpy as np

from sweep.fit.objective import Objective, huber

LIKELIHOOD = {
    "huber": "residuals of ln loss normal in the middle, exponential beyond delta (nearly Laplace), scale fitted",
    "lad": "Laplace residuals of ln loss, scale fitted",
    "log_mse": "normal residuals of ln loss, scale fitted",
    "mse": "normal residuals of loss, scale fitted",
}
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def bic(objective: Objective, predicted: np.ndarray, loss: np.ndarray, parameters: int, groups: int) -> float:
    """BIC of predictions [n] of losses [n], in units of 2 nats of likelihood; only differences mean something."""
    residual = predicted - loss if objective.in_loss else np.log(predicted) - np.log(loss)
    delta = objective.deltas[-1]
    mean = float(huber(residual, delta).mean())
    return 2 * groups * negative_log_likelihood(mean, delta) + (parameters + 1) * math.log(groups)


def negative_log_likelihood(mean: float, delta: float) -> float:
    """Least -ln p a run over the scale s, from the mean of the Huber function; golden section in ln s."""
    mean = max(mean, 1e-30)
    low, high = math.log(mean) - 2.0, math.log(mean) + 4.0  # s is 2 mean for a normal density, mean for a Laplace one

    def at(log_scale: float) -> float:
        return mean / math.exp(log_scale) + log_normaliser(math.exp(log_scale), delta)

    for _ in range(80):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        low, high = (low, right) if at(left) < at(right) else (left, high)
    return at((low + high) / 2)


def log_normaliser(scale: float, delta: float) -> float:
    """ln of the integral of exp(-huber(r, delta) / scale) over all r."""
    if math.isinf(delta):
        return 0.5 * math.log(2 * math.pi * scale)
    edge = delta / math.sqrt(2 * scale)
    middle = math.sqrt(2 * math.pi * scale) * math.erf(edge)
    return math.log(middle + 2 * scale / delta * math.exp(-edge * edge))
