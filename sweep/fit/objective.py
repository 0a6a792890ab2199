"""What a fit minimises: four objectives over the residuals of ln loss or of loss."""

from dataclasses import dataclass

import numpy as np

from sweep.errors import InputError
from sweep.nearest import nearest

KINDS = ("huber", "lad", "log_mse", "mse")
LAD_DELTAS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)  # falling thresholds: at the last the sum is within n * 5e-8 of the LAD sum


@dataclass(frozen=True)
class Objective:
    """One of

    huber    sum of Huber(delta) over residuals of ln loss, r^2 / 2 inside (Hoffmann et al. 2022, eq. 3)
    lad      sum of absolute residuals of ln loss, reached by falling Huber thresholds
    log_mse  mean of squared residuals of ln loss
    mse      mean of squared residuals of loss
    """

    kind: str = "huber"
    delta: float = 1e-3  # of huber

    def __post_init__(self):
        if self.kind not in KINDS:
            hint = nearest(self.kind, KINDS) or f"; known: {', '.join(KINDS)}"
            raise InputError(f"--objective {self.kind!r}: no such objective{hint}")
        if not 0 < self.delta < np.inf:
            raise InputError(f"--delta {self.delta!r}: it must be a positive number, such as 1e-3")

    @property
    def in_loss(self) -> bool:
        """Whether residuals are of loss, not of ln loss."""
        return self.kind == "mse"

    @property
    def deltas(self) -> tuple[float, ...]:
        """Huber thresholds to solve with, one after the other; infinity is least squares."""
        return {"huber": (self.delta,), "lad": LAD_DELTAS}.get(self.kind, (np.inf,))

    def value(self, predicted: np.ndarray, loss: np.ndarray, weight: np.ndarray | float = 1.0) -> float:
        """The objective of predictions [n] against losses [n], with row weights."""
        residual = predicted - loss if self.in_loss else np.log(predicted) - np.log(loss)
        weight = np.broadcast_to(weight, residual.shape)
        if self.kind == "huber":
            return float(np.sum(weight * huber(residual, self.delta)))
        if self.kind == "lad":
            return float(np.sum(weight * np.abs(residual)))
        return float(np.sum(weight * residual**2) / np.sum(weight))


def huber(residual: np.ndarray, delta: float) -> np.ndarray:
    """Huber function with r^2 / 2 inside the threshold; delta = infinity is least squares."""
    inner = np.minimum(np.abs(residual), delta)
    return inner * (np.abs(residual) - 0.5 * inner)
