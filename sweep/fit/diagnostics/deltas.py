"""Does the answer depend on the objective? The law refitted with other thresholds and with least squares.

Hoffmann et al. 2022 chose delta = 1e-3; Besiroglu et al. 2024 and Li et al. 2025 (2502.18969) show what that choice
does. Squares of the loss are squares of ln loss with the weights P (P - L) / (ln P - ln L), P the prediction, so
the objective in loss is a fixed point of weighted fits in ln loss and needs no program of its own.
"""

from typing import Any

import numpy as np

from sweep.fit.designs import find_starts
from sweep.fit.diagnostics.fitted import Fitted, Refits, best, refit
from sweep.fit.objective import Objective
from sweep.fit.solver import solve

DELTAS = (1e-3, 1e-2, 1e-1, np.inf)
SHARP = Objective("huber", 1e-4), Objective("lad")  # slow from afar: these start where delta = 1e-3 ended
ROUNDS = 60  # of the fixed point; 5 to 10 on clean tables
SETTLED = 1e-8


def deltas(fitted: Fitted) -> dict[str, Any]:
    """Coefficients, a and the optimum at the target for each objective, and how far they lie apart."""
    starts = [fitted.theta[None]]
    for rank_by in (1e-3, np.inf):
        starts.append(find_starts(fitted.law, fitted.features, fitted.runs.loss, delta=rank_by, count=3))
    starts = np.concatenate(starts)
    lane = np.repeat(np.arange(len(DELTAS)), len(starts))
    thresholds, every = np.array(DELTAS)[lane], np.ones(len(fitted.runs))
    ends = solve(
        fitted.law, fitted.features, np.log(fitted.runs.loss), np.tile(starts, (len(DELTAS), 1)), fitted.runs.weights,
        delta=thresholds,
    )  # fmt: skip
    logs = best(fitted, lane, ends)
    near = [np.stack([logs.theta[0], fitted.theta])]
    sharp, lad = (refit(fitted, every[None], near, objective) for objective in SHARP)
    rows = [row(fitted, sharp, 0, "huber", SHARP[0].delta)]
    rows += [row(fitted, logs, i, "huber", d) for i, d in enumerate(DELTAS[:-1])]
    rows += [row(fitted, lad, 0, "lad", None), row(fitted, logs, len(DELTAS) - 1, "log_mse", None)]
    rows.append(row(fitted, squares_of_loss(fitted, logs.theta[-2:]), 0, "mse", None))
    answer = "params" if fitted.law.optimum_kind else "loss"
    usable = [r for r in rows if r[answer] and r["status"] != "not_converged"]
    return {"status": "ok", "no_optimum": not fitted.law.optimum_kind, "rows": rows, **spread(usable)}


def squares_of_loss(fitted: Fitted, theta: np.ndarray) -> Refits:
    """Least squares in loss from starts [s, k]: the fit itself where that is its objective, else the fixed point."""
    every = np.ones((1, len(fitted.runs)))
    if fitted.objective.kind == "mse":
        return refit(fitted, every, [fitted.solution.restarts[:1]])
    loss, ln_loss = fitted.runs.loss, np.log(fitted.runs.loss)
    settled, ends = False, None
    for _ in range(ROUNDS):
        ln_predicted = fitted.predict(fitted.law.coefficients(theta, fitted.shift))
        predicted, gap = np.exp(ln_predicted), ln_predicted - ln_loss
        near = np.abs(gap) < 1e-6
        weight = fitted.runs.weights * predicted * np.where(near, loss, (predicted - loss) / np.where(near, 1.0, gap))
        before = theta
        ends = solve(fitted.law, fitted.features, ln_loss, theta, weight / np.mean(loss) ** 2, delta=np.inf)
        theta = ends.theta
        settled = bool(np.max(np.abs(theta - before)) < SETTLED)
        if settled:
            break
    assert ends is not None
    predicted = np.exp(fitted.predict(fitted.law.coefficients(theta, fitted.shift)))
    least = int(np.argmin((predicted - loss) ** 2 @ fitted.runs.weights))
    coefficients = fitted.law.coefficients(theta[[least]], fitted.shift)
    bound = fitted.law.bound(coefficients, float(loss.min()))
    return Refits(theta[[least]], coefficients, ends.objective[[least]], ends.converged[[least]] & settled, bound)


def row(fitted: Fitted, found: Refits, lane: int, kind: str, delta: float | None) -> dict[str, Any]:
    """One objective's entry."""
    answer = {name: value[lane] for name, value in fitted.at_target(found.coefficients).items()}
    coefficients = {name: v[lane] for name, v in zip(fitted.law.names, found.coefficients, strict=True)}
    return {
        "objective": kind,
        "delta": delta,
        "status": found.status[lane],
        "coefficients": coefficients,
        **{name: value if np.isfinite(value) else None for name, value in answer.items()},
    }


def spread(rows: list[dict[str, Any]]) -> dict[str, list[float] | None]:
    """[least, largest] of each answer over the rows."""
    ranges: dict[str, list[float] | None] = {}
    for name in ("a", "params", "tokens", "loss"):
        values = [r[name] for r in rows if r[name] is not None]
        ranges[f"{name}_range"] = [float(min(values)), float(max(values))] if values else None
    return ranges
