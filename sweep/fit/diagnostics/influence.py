"""Does one run decide? The fit without each run, or each group of runs that share a trunk, one at a time.

Every refit is exact and starts from the optimum, where a handful of Newton steps is enough. Where groups are many,
one Newton step ranks them first (the empirical influence function: Hampel et al. 1986) and the foremost are refitted.
"""

from typing import Any

import numpy as np

from sweep.fit.diagnostics.curvature import Curvature
from sweep.fit.diagnostics.fitted import Fitted, refit

EXACT = 400  # groups refitted at most
SHOWN = 5


def influence(fitted: Fitted, shape: Curvature) -> dict[str, Any]:
    """The runs that move N* and the loss at the target most when left out."""
    groups, index = np.unique(fitted.runs.group, return_inverse=True)
    tried = np.arange(len(groups))
    if len(groups) > EXACT:
        tried = np.argsort(-foreseen(fitted, shape, index), kind="stable")[:EXACT]
    weight = (index[None] != tried[:, None]).astype(float)
    found = refit(fitted, weight, [fitted.theta[None]] * len(tried))
    there, here = fitted.at_target(found.coefficients), fitted.at_target(fitted.solution.coefficients)
    moves = {"params": np.log(there["params"] / here["params"]), "loss": there["loss"] - here["loss"]}
    lost = int(np.sum(~np.isfinite(moves["params"]))) if fitted.law.optimum_kind else 0

    def entry(lane: int) -> dict[str, Any]:
        rows = np.flatnonzero(index == tried[lane])
        return {
            "rows": fitted.runs.row[rows],
            "trials": [fitted.runs.trial[r] for r in rows] if fitted.runs.trial else None,
            "params": fitted.runs.params[rows[0]],
            "tokens": fitted.runs.tokens[rows[0]],
            "params_factor": np.exp(moves["params"][lane]),
            "loss_change": moves["loss"][lane],
            "converged": bool(found.converged[lane]),
        }

    first = {name: np.argsort(-np.nan_to_num(np.abs(move), nan=-1.0))[:SHOWN] for name, move in moves.items()}
    return {
        "status": "ok",
        "refitted": len(tried),
        "groups": len(groups),
        "no_optimum": lost,
        "params": [entry(lane) for lane in first["params"].tolist()],
        "loss": [entry(lane) for lane in first["loss"].tolist()],
    }


def foreseen(fitted: Fitted, shape: Curvature, index: np.ndarray) -> np.ndarray:
    """Size [groups] of the move of ln N* at the target (or of a loss, by a law without N*) by a Newton step each."""
    target = fitted.runs.loss if fitted.objective.in_loss else np.log(fitted.runs.loss)
    predicted = fitted.solution.predicted
    residual = (predicted if fitted.objective.in_loss else np.log(predicted)) - target
    delta = fitted.objective.deltas[-1]
    score = np.zeros((index.max() + 1, len(fitted.theta)))
    np.add.at(score, index, (shape.jacobian * np.clip(residual, -delta, delta)).T)
    step = score[:, shape.free] @ shape.covariance * (shape.slope / shape.square)  # (E psi' J'J)^-1 score
    near = np.eye(len(fitted.theta))[shape.free] * 1e-5
    ends = fitted.at_target(fitted.law.coefficients(fitted.theta + np.stack([near, -near]), fitted.shift))
    ends = ends["params" if fitted.law.optimum_kind else "loss"]
    return np.abs(step @ (np.log(ends[0] / ends[1]) / 2e-5))
