"""Is the irreducible loss E seen by the table? The fit with E free, and pinned at values across its range.

A pinned floor is one more run: of infinite size and horizon, with that loss, and so heavy that the law must pass
through it. It keeps the solver free of special cases.
"""

from typing import Any

import numpy as np

from sweep.fit.diagnostics.curvature import Curvature
from sweep.fit.diagnostics.fitted import Fitted, best, nothing
from sweep.fit.objective import huber
from sweep.fit.programs import ROOM
from sweep.fit.solver import solve
from sweep.laws.law import FLOOR

INFINITE = 1e4  # ln N and ln D of the heavy run: both power terms vanish
HEAVY = 1e6  # its weight, in tables: it bends from its loss by at most this share of the other residuals
NONE = 1e-9  # nats/token that stand for no floor
STEPS = (-4.5, -3.0, -2.0, -1.4, -1.0, -0.5, 0.5, 1.0, 1.4, 2.0, 3.0, 4.5)  # pins, in asymptotic standard errors
SHARES = (0.25, 0.5, 0.7, 0.85, 0.95, 0.99)  # and in shares of the smallest loss


def floor(fitted: Fitted, shape: Curvature) -> dict[str, Any]:
    """Profile of the objective over E, the interval where it rises no more than chance allows, and N* along it."""
    if "E" in fitted.law.held:
        return nothing("E is held fixed")
    if "E" not in fitted.law.linear or fitted.law.inputs != ("params", "tokens"):
        lacks = "is no law of params and tokens" if "E" in fitted.law.linear else "has no floor E"
        return nothing(f"law {fitted.law.id} {lacks}, so its floor has no profile here")
    free = float(fitted.solution.coefficients.E)
    pins = pin_values(fitted, shape, free)
    coefficients, converged = pinned(fitted, pins)
    sums = np.array([total(fitted, np.exp(line)) for line in fitted.predict(coefficients)])
    least = min(total(fitted, fitted.solution.predicted), float(sums.min()))
    allowed = shape.rise(fitted.level)
    values, rise = np.append(pins, free), np.append(sums - least, total(fitted, fitted.solution.predicted) - least)
    order = np.argsort(values)
    interval = crossings(values[order], rise[order], allowed)
    answers = fitted.at_target(coefficients)
    inside = (pins >= interval[0]) & (pins <= interval[1]) & np.isfinite(answers["params"])
    here = fitted.at_target(fitted.solution.coefficients)
    spread = {
        f"{name}_range": [float(np.min(both)), float(np.max(both))]
        for name in ("a", "params", "loss")
        if np.isfinite(both := np.append(answers[name][inside], here[name])).all()
    }
    return {
        "status": "ok",
        "E": free,
        "unit": fitted.runs.units.unit,
        "interval": interval,
        "rise": allowed,
        "identified": bool(interval[0] > 0 and interval[1] - interval[0] < 0.5 * free),
        **spread,
        "profile": [
            {"E": e, "rise": r, "converged": bool(c), **{name: v[i] for name, v in answers.items()}}
            for i, (e, r, c) in enumerate(zip(pins, sums - least, converged, strict=True))
        ],
    }


def pin_values(fitted: Fitted, shape: Curvature, free: float) -> np.ndarray:
    """Floors to try, rising: none, close to the estimate in its standard errors, and coarsely over all that is left."""
    smallest = float(fitted.runs.loss.min())
    at, error = fitted.law.optional, 0.1 * smallest
    if shape.free[at]:
        index = int(np.sum(shape.free[:at]))
        error = min(free * float(np.sqrt(shape.covariance[index, index])), error)
    tried = np.concatenate([[0.0], free + error * np.array(STEPS), smallest * np.array(SHARES)])
    return np.unique(tried[(tried >= 0) & (tried <= SHARES[-1] * smallest)])


def pinned(fitted: Fitted, pins: np.ndarray) -> tuple[Any, np.ndarray]:
    """Coefficients [pins] with E pinned, and whether each is certified."""
    parts = [some_pinned(fitted, np.maximum(pins[i : i + ROOM], NONE)) for i in range(0, len(pins), ROOM)]
    coefficients = zip(*(part for part, _ in parts), strict=True)
    kind = type(parts[0][0])
    return kind(*map(np.concatenate, coefficients)), np.concatenate([certified for _, certified in parts])


def some_pinned(fitted: Fitted, pins: np.ndarray) -> tuple[Any, np.ndarray]:
    """As `pinned`, of at most ROOM pins: the rows that pin them have room in the programs of the table."""
    count = len(pins)
    features = np.pad(fitted.features, ((0, 0), (0, ROOM)), constant_values=INFINITE)
    in_loss = fitted.objective.in_loss
    loss = np.concatenate([fitted.runs.loss, pins, np.ones(ROOM - count)])
    own = fitted.runs.weights
    weight = np.concatenate([np.tile(own, (count, 1)), HEAVY * own.sum() * np.eye(count, ROOM)], axis=1)
    lane = np.repeat(np.arange(count), len(fitted.solution.restarts))
    theta = np.tile(fitted.solution.restarts, (count, 1))
    theta[:, fitted.law.optional] = np.maximum(np.log(pins)[lane], FLOOR)
    ends = None
    for delta in fitted.objective.deltas:
        target = loss if in_loss else np.log(loss)
        ends = solve(fitted.law, features, target, theta, weight[lane], delta=delta, in_loss=in_loss, added=ROOM)
        theta = ends.theta
    assert ends is not None
    found = best(fitted, lane, ends)
    return found.coefficients, found.converged


def total(fitted: Fitted, predicted: np.ndarray) -> float:
    """The sum that the solver minimises, of predictions [n]: Huber at the last threshold, r^2 / 2 inside."""
    loss = fitted.runs.loss
    residual = predicted - loss if fitted.objective.in_loss else np.log(predicted) - np.log(loss)
    return float(huber(residual, fitted.objective.deltas[-1]) @ fitted.runs.weights)


def crossings(values: np.ndarray, rise: np.ndarray, allowed: float) -> list[float]:
    """[low, high] around the least rise where it passes `allowed`; the root of the rise is taken as linear between."""
    root, edge = np.sqrt(np.maximum(rise, 0.0)), np.sqrt(allowed)
    least = int(np.argmin(root))
    above = root > edge
    left = np.flatnonzero(above[:least]).tolist()
    right = (np.flatnonzero(above[least:]) + least).tolist()

    def between(out: int, within: int) -> float:
        share = (root[out] - edge) / (root[out] - root[within])
        return float(values[out] + share * (values[within] - values[out]))

    low = between(left[-1], left[-1] + 1) if left else float(values[0])
    high = between(right[0], right[0] - 1) if right else float(values[-1])
    return [low, high]
