"""The interval of a coefficient that lies at its bound: from there to where the objective has risen by too much.

Resamples of such a fit mostly end at the same bound, so their quantiles say [0, 0], as if the coefficient were known
exactly. The profile, the least objective at each value of the coefficient with all others free, says how far from its
bound it may lie (the one-sided test at a boundary: Chernoff 1954, Self and Liang 1987).
"""

from statistics import NormalDist
from typing import Any

import numpy as np

from sweep.fit.approach3 import Solution
from sweep.fit.diagnostics.curvature import moments
from sweep.fit.objective import Objective, huber
from sweep.fit.quick import differences
from sweep.laws import Law
from sweep.laws.form import NEGLIGIBLE
from sweep.tables.load import Runs

FIRST = 1e-3  # of its scale: where a search for the far end begins
HALVINGS = 12  # of the last doubling: the end is known to a few thousandths of itself
STEPS, SETTLED = 200, 1e-7  # of iteratively reweighted least squares; relative decrease


def at_bounds(law: Law, coefficients: Any, smallest: float) -> dict[str, tuple[float, float]]:
    """Coefficients at a bound that a search can leave: name -> (bound, direction times scale).

    `smallest` is the smallest loss. An amplitude is left out: its exponent makes it mean anything.
    """
    found = {}
    for (name, p), value in zip(law.parameters.items(), coefficients, strict=True):
        if p.floor and value < NEGLIGIBLE * smallest:
            found[name] = (0.0, smallest)
        elif p.scale == "linear" and value < p.lower + NEGLIGIBLE:
            found[name] = (p.lower, 1.0)
        elif p.scale == "linear" and value > p.upper - NEGLIGIBLE:
            found[name] = (p.upper, -1.0)
    return found


def one_sided(
    law: Law, runs: Runs, objective: Objective, solution: Solution, level: float
) -> dict[str, list[float | None]]:
    """Name -> [low, high] of each coefficient at its bound, of which one end is the bound; nulls without another end.

    The other end is where the summed objective has risen by z^2 E psi^2 / (2 E psi'), z the normal quantile of `level`
    (sweep.fit.diagnostics.curvature).
    """
    if runs.weight is not None:  # of which the rise that chance allows is not known
        return {}
    target = runs.loss if objective.in_loss else np.log(runs.loss)
    predicted = solution.predicted if objective.in_loss else np.log(solution.predicted)
    delta = objective.deltas[-1]
    slope, square = moments(predicted - target, delta, len(law.names))
    allowed = NormalDist().inv_cdf(level) ** 2 * square / (2 * slope)
    least = float(huber(predicted - target, delta) @ runs.weights)
    found = {}
    for name, (bound, scale) in at_bounds(law, solution.coefficients, float(runs.loss.min())).items():
        profile = Profile(law, runs, objective, name)
        end = far_end(profile, solution.restarts[0], bound, scale, least + allowed)
        found[name] = [None, None] if end is None else sorted([bound, end])
    return found


def far_end(profile: "Profile", theta: np.ndarray, bound: float, scale: float, limit: float) -> float | None:
    """Where the profile passes `limit` beyond a bound; None where it does not, within the range of the coefficient."""
    low, high = bound, bound + FIRST * scale
    while True:
        value, here = profile.least(theta, high)
        if value > limit:
            break
        low, theta, high = high, here, bound + 2 * (high - bound)
        if not profile.allows(high):
            return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        value, here = profile.least(theta, middle)
        low, high, theta = (low, middle, theta) if value > limit else (middle, high, here)
    return (low + high) / 2


def coordinate(law: Law, name: str, shift: np.ndarray) -> int:
    """Which coordinate of theta a floor or an exponent is: laws keep their own order."""
    middle = np.zeros(len(law.names))
    value, moved = (getattr(law.coefficients(x, shift), name) for x in (middle, middle + 0.1 * np.eye(len(middle))))
    return int(np.argmax(np.abs(moved - value)))


class Profile:
    """The objective with one coefficient held, minimised over the others in NumPy."""

    def __init__(self, law: Law, runs: Runs, objective: Objective, name: str):
        self.law, self.runs, self.objective = law, runs, objective
        self.inputs = runs.inputs(law)
        self.shift = law.features(*self.inputs)[1]
        self.at = coordinate(law, name, self.shift)
        self.parameter = law.parameters[name]
        self.free = np.arange(len(law.names)) != self.at

    def allows(self, value: float) -> bool:
        """Whether the coefficient may be that: within its bounds, a floor below the smallest loss."""
        most = self.runs.loss.min() if self.parameter.floor else np.inf
        return bool(self.parameter.lower <= value <= min(self.parameter.upper, most))

    def residual(self, theta: np.ndarray) -> np.ndarray:
        """Of every run, in the unit of the objective [n]; large where theta leaves the realm of numbers."""
        with np.errstate(all="ignore"):
            predicted = self.law.loss(self.law.coefficients(theta, self.shift), *self.inputs)
            found = predicted - self.runs.loss if self.objective.in_loss else np.log(predicted / self.runs.loss)
        return np.nan_to_num(found, nan=1e3, posinf=1e3, neginf=-1e3)

    def least(self, theta: np.ndarray, value: float) -> tuple[float, np.ndarray]:
        """(least summed objective, theta [k] there) with the coefficient at `value`, from theta of the others.

        Levenberg and Marquardt's steps on least squares with Huber's weights.
        """
        theta, delta, damping = theta.copy(), self.objective.deltas[-1], 1e-3
        theta[self.at] = np.log(value) if self.parameter.scale == "log" else value
        residual = self.residual(theta)
        cost = float(huber(residual, delta) @ self.runs.weights)
        for _ in range(STEPS):
            weight = self.runs.weights * np.minimum(1.0, delta / np.maximum(np.abs(residual), 1e-300))
            jacobian = differences(self.residual, theta)[self.free]
            gram, moment = (jacobian * weight) @ jacobian.T, (jacobian * weight) @ residual
            before = cost
            while damping < 1e8:
                lift = np.diag(damping * np.diag(gram) + 1e-14 * np.trace(gram) + 1e-300)
                trial = theta.copy()
                trial[self.free] -= np.clip(np.linalg.solve(gram + lift, moment), -3.0, 3.0)
                trial = np.clip(trial, self.law.lower, self.law.upper)
                new = self.residual(trial)
                lower = float(huber(new, delta) @ self.runs.weights)
                if lower < cost:
                    theta, residual, cost, damping = trial, new, lower, damping / 10
                    break
                damping *= 10
            if before - cost <= SETTLED * before:
                break
        return cost, theta
