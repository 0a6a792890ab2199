"""Approach 3: a parametric law fitted to all runs at once (Hoffmann et al. 2022, section 3.3).

One full fit from starts that the law and the table give; `sweep.fit.refits` has its resamples.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sweep.fit.designs import find_starts, has_grid
from sweep.fit.lanes import Lanes, improved
from sweep.fit.newton import ROUNDING, arithmetic
from sweep.fit.objective import Objective
from sweep.fit.solver import solve
from sweep.laws import Law
from sweep.tables.load import Runs

CONVERGED, AT_BOUND, NOT_CONVERGED, DEGENERATE, NOT_RUN = VERDICTS = (
    "converged", "at_bound", "not_converged", "degenerate", "not_run",
)  # fmt: skip
LARGE = 20_000  # rows beyond which starts first go to the optimum of a part of the table
FURTHER, FOREMOST = 8, 8  # times that so many of the best lanes go on
AGREE = 1e-6  # relative: starts whose objectives differ by less have found the same optimum


@dataclass(frozen=True)
class Solution:
    """A law fitted to all runs.

    Attributes:
        coefficients: the law's own, floats.
        restarts: where refits start, in the solver's coordinates [r, k]: this optimum, the next best (optimum, or start
            where all agree), and the best law without its optional term.
        value: of the objective.
        status, reason: verdict and, for a bound, which.
        agree: of the `starts` Newton runs, how many reached this optimum.
        gradient, decrement: the certificate (see solver.Lanes).
        predicted: loss of each run [n], nats/token.
        ends, values, ends_converged: where every start ended [starts, k], the solver's objective there, certified.
    """

    coefficients: Any
    restarts: np.ndarray
    value: float
    status: str
    reason: str
    agree: int
    starts: int
    gradient: float
    decrement: float
    predicted: np.ndarray
    ends: np.ndarray
    values: np.ndarray
    ends_converged: np.ndarray


def minimise(
    law: Law,
    runs: Runs,
    features: np.ndarray,
    objective: Objective,
    theta: np.ndarray,
    weight: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
    rivals: int = 1,
    partial: bool = False,
) -> Lanes:
    """Lanes at the last of the objective's thresholds, each threshold starting where the one before ended.

    With `partial` an interrupt ends it: lanes that did not come to the last threshold are not `finished`. The weights
    of the runs multiply those of the lanes.
    """
    weight = weight * runs.weights if runs.weight is not None else weight
    target = runs.loss if objective.in_loss else np.log(runs.loss)
    rounds, lanes = len(objective.deltas), None
    for i, delta in enumerate(objective.deltas):
        tell = progress and (lambda done, of, i=i: progress(i * of + done, rounds * of))
        lanes = solve(
            law, features, target, theta, weight,
            delta=delta, in_loss=objective.in_loss, rivals=rivals, partial=partial, progress=tell,
        )  # fmt: skip
        if not lanes.finished.all():
            last = i == rounds - 1
            return lanes if last else replace(lanes, finished=np.zeros_like(lanes.finished))
        theta = lanes.theta
    assert lanes is not None
    return lanes


def fit_law(law: Law, runs: Runs, objective: Objective, starts: np.ndarray | None = None) -> Solution:
    """The best optimum from the best cells of the law's grid or design, or from starts [s, k], with its verdict."""
    features, shift = law.features(*runs.inputs(law))
    rank_by = np.inf if objective.kind.endswith("mse") else objective.deltas[0]
    if starts is None:
        starts = find_starts(law, features, runs.loss, delta=rank_by, weight=runs.weight)
    if len(runs) > LARGE:
        starts = ahead(law, runs, features, objective, starts)
    lanes = followed(law, runs, features, objective, starts)
    value = np.where(np.isfinite(lanes.objective), lanes.objective, np.inf)
    best = int(np.argmin(value))
    blur = arithmetic(value[best], runs.weights.sum(), rounding_of(runs, objective))
    same = value <= value[best] * (1 + AGREE) + 2 * blur
    other = np.flatnonzero(~same[:-1])
    runner_up = lanes.theta[other[np.argmin(value[other])]] if len(other) else starts[min(1, len(starts) - 1)]
    found = law.coefficients(lanes.theta[best], shift)
    coefficients = type(found)(*map(np.float64, found))  # not Python's floats, whose powers turn complex or raise
    bound = int(law.bound(coefficients, float(runs.loss.min())))
    status = AT_BOUND if bound else CONVERGED if lanes.converged[best] else NOT_CONVERGED
    steps = f"promised decrease {lanes.decrement[best]:.1e} of the objective after {lanes.steps[best]} steps"
    predicted = law.loss(coefficients, *runs.inputs(law))
    return Solution(
        coefficients,
        restarts=np.stack([lanes.theta[best], runner_up, lanes.theta[-1]]),
        value=objective.value(predicted, runs.loss, runs.weights),
        status=status,
        reason=law.bounds[bound] or (steps if status == NOT_CONVERGED else ""),
        agree=int(same.sum()),
        starts=len(starts),
        gradient=float(lanes.gradient[best]),
        decrement=float(lanes.decrement[best]),
        predicted=predicted,
        ends=lanes.theta,
        values=value,
        ends_converged=lanes.converged,
    )


def rounding_of(runs: Runs, objective: Objective) -> float:
    """Rounding error of one residual, in its unit."""
    largest = runs.loss.max() if objective.in_loss else 1 + np.abs(np.log(runs.loss)).max()
    return ROUNDING["float64"] * float(largest)


def followed(law: Law, runs: Runs, features: np.ndarray, objective: Objective, starts: np.ndarray) -> Lanes:
    """The starts [s, k] at their ends; of a law without a grid the best ones further, while none has an optimum.

    A law of many shape parameters has long bent valleys: passes that suffice two exponents end halfway along them.
    """
    every = np.ones(len(runs))
    lanes = minimise(law, runs, features, objective, starts, every)
    for _ in range(0 if has_grid(law) else FURTHER):
        order = np.argsort(np.where(np.isfinite(lanes.objective), lanes.objective, np.inf), kind="stable")[:FOREMOST]
        if lanes.converged[order[0]]:
            break
        lanes = improved(lanes, order, minimise(law, runs, features, objective, lanes.theta[order], every))
    return lanes


def ahead(law: Law, runs: Runs, features: np.ndarray, objective: Objective, starts: np.ndarray) -> np.ndarray:
    """The best two of the starts and the one without the optional term [3, k], at the optimum of some thousand rows."""
    rows = np.argsort(runs.loss, kind="stable")[:: -(-len(runs) // (LARGE // 4))]
    target = runs.loss[rows] if objective.in_loss else np.log(runs.loss[rows])
    lanes = solve(
        law, features[:, rows], target, starts, runs.weights[rows], delta=objective.deltas[0], in_loss=objective.in_loss
    )
    best = np.argsort(np.where(np.isfinite(lanes.objective), lanes.objective, np.inf)[:-1], kind="stable")[:2]
    return lanes.theta[[*best, -1]]
