"""The shape of the objective at its optimum: derivatives of the law, and how far the objective may rise by chance.

For an M-estimator with score psi the test statistic 2 (E psi' / E psi^2) (rise of the summed objective) is about
chi-squared with one degree of freedom for each tested parameter (Ronchetti 1982; for least absolute deviations
Koenker and Machado 1999), and the covariance of theta is (E psi^2 / (E psi')^2) (J'J)^-1 (Huber 1973).
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from sweep.fit.diagnostics.fitted import Fitted
from sweep.laws.law import FLOOR

STEP = 1e-4  # of the central differences, in theta


@dataclass(frozen=True)
class Curvature:
    """At the optimum, in the law's coordinates and in the unit of the objective's residuals.

    Attributes:
        jacobian: of the residuals, [k, n].
        hessian: of the summed objective, [k, k], with the curvature of the law.
        free: coordinates [k] that are not at their bound.
        slope, square: E psi' and E psi^2 of the objective's score at the residuals.
    """

    jacobian: np.ndarray
    hessian: np.ndarray
    free: np.ndarray
    slope: float
    square: float

    @property
    def covariance(self) -> np.ndarray:
        """Of the free coordinates, [f, f], asymptotic."""
        free = self.jacobian[self.free]
        return self.square / self.slope**2 * np.linalg.pinv(free @ free.T, hermitian=True)

    def rise(self, level: float) -> float:
        """How much the summed objective, profiled over one parameter, rises at the ends of that `level` interval."""
        return NormalDist().inv_cdf((1 + level) / 2) ** 2 * self.square / (2 * self.slope)


def curvature(fitted: Fitted) -> Curvature:
    """Derivatives by central differences of the law itself, so that no program is compiled for them."""
    k, in_loss = len(fitted.theta), fitted.objective.in_loss
    steps = STEP * np.eye(k)
    pairs = [(i, j) for i in range(k) for j in range(i)]
    moves = [np.zeros(k), *steps, *-steps]
    for i, j in pairs:
        moves += [steps[i] + steps[j], -steps[i] - steps[j], steps[i] - steps[j], steps[j] - steps[i]]
    values = fitted.predict(fitted.law.coefficients(fitted.theta + np.stack(moves), fitted.shift))
    values = np.exp(values) if in_loss else values
    middle, up, down = values[0], values[1 : k + 1], values[k + 1 : 2 * k + 1]
    second = np.zeros((k, k, values.shape[1]))
    second[range(k), range(k)] = (up + down - 2 * middle) / STEP**2
    for index, (i, j) in enumerate(pairs):
        both, neither, one, other = values[2 * k + 1 + 4 * index :][:4]
        second[i, j] = second[j, i] = (both + neither - one - other) / (4 * STEP**2)
    jacobian = (up - down) / (2 * STEP)

    target = fitted.runs.loss if in_loss else np.log(fitted.runs.loss)
    residual, delta = middle - target, fitted.objective.deltas[-1]
    score = np.clip(residual, -delta, delta)
    hessian = (jacobian * (np.abs(residual) <= delta)) @ jacobian.T + second @ score
    slope, square = moments(residual, delta, k)
    size = np.sqrt((jacobian**2).mean(axis=1))
    free = (fitted.theta > FLOOR) & (size > 1e-4 * size.max())  # a term that has vanished moves no prediction
    return Curvature(jacobian, hessian, free, slope, square)


def moments(residual: np.ndarray, delta: float, parameters: int) -> tuple[float, float]:
    """(E psi', E psi^2) of the Huber score at residuals [n], corrected for the fitted parameters.

    The density near zero that a small delta needs is counted in a window of at least half a robust scale.
    """
    n, spare = len(residual), max(len(residual) - parameters, 1)
    square = max(float(np.sum(np.clip(residual, -delta, delta) ** 2)) / spare, 1e-300)
    if np.isinf(delta):
        return 1.0, square
    size = np.sort(np.abs(residual))[min(parameters, n - 1) :]
    window = max(delta, 0.5 * float(np.median(size)))
    inside = max(float(np.sum(size <= window)), 1.0) / spare
    return min(inside * delta / window, 1.0), square
