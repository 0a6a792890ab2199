"""Do the residuals show a pattern? By budget, by size and by tokens per parameter: group means, slopes and bends.

A law of the right form leaves residuals without a trend. Five fitted parameters absorb most slopes, so the bend
(second-order) term is where a wrong form shows.
"""

from typing import Any

import numpy as np

from sweep.fit.best import BY_COMPUTE
from sweep.fit.diagnostics.fitted import Fitted, nothing
from sweep.fit.interval import NORMAL, student_t

FEWEST = 6  # groups of runs that share noise, of which a trend can be told from luck
CLIP = 4.0  # robust sd: beyond it a run is a suspect and must not make a pattern by itself
GROUPS = 8  # at most: budgets where there are few, else equal shares of the runs
PATTERN = 3.0  # |t| of a slope or a bend that is called a pattern


def residual_patterns(fitted: Fitted) -> dict[str, Any]:
    """Group means and trends of ln loss - ln predicted against budget, params, tokens per parameter, further inputs."""
    runs = fitted.runs
    residual = np.clip(fitted.residual, -CLIP * fitted.sd, CLIP * fitted.sd)
    by = {"flops": runs.flops, "params": runs.params, "tokens_per_param": runs.tokens / runs.params}
    further = zip(fitted.law.inputs, fitted.inputs, strict=True)
    by |= {name: x for name, x in further if x.ndim == 1 and name not in BY_COMPUTE}
    by = {name: values for name, values in by.items() if np.all(values > 0)}  # what the table knows
    found = {
        name: {"groups": group_means(values, residual), **trend(np.log(values), residual, runs.group, fitted)}
        for name, values in by.items()
    }
    if not found:
        return nothing("the table has no input that is a positive number: there is nothing to order residuals by")
    t, name, term = max((abs(found[n][f"{term}_t"] or 0.0), n, term) for n in by for term in ("slope", "bend"))
    worst = {"by": name, "term": term, "t": found[name][f"{term}_t"]}
    return {"status": "ok", "pattern": bool(t > PATTERN), "limit": PATTERN, "worst": worst, **found}


def group_means(values: np.ndarray, residual: np.ndarray) -> list[dict[str, Any]]:
    """Mean residual of each group of runs with its standard error, in order of `values` [n]."""
    order = np.argsort(values, kind="stable")
    jumps = np.flatnonzero(values[order][1:] > 1.05 * values[order][:-1]) + 1  # where the table itself has groups
    if not 0 < len(jumps) < GROUPS:
        count = min(GROUPS, max(2, len(values) // 6))
        jumps = np.linspace(0, len(values), count + 1).round().astype(int)[1:-1]
    return [
        {
            "range": [float(values[rows[0]]), float(values[rows[-1]])],
            "n": len(rows),
            "mean": float(residual[rows].mean()),
            "se": float(residual[rows].std(ddof=1) / np.sqrt(len(rows))) if len(rows) > 2 else None,
        }
        for rows in np.split(order, jumps)
        if len(rows)
    ]


def few(count: int, columns: int, rows: int, free: int) -> tuple[float, float]:
    """(factor of the variance, factor of the error) where there are hardly more groups than fitted parameters."""
    beyond = student_t(NORMAL.cdf(PATTERN), max(count - columns, 1)) / PATTERN
    return count / (count - 1) * rows / (rows - free), beyond


def trend(x: np.ndarray, residual: np.ndarray, group: np.ndarray, fitted: Fitted) -> dict[str, Any]:
    """Slope and bend of residuals [n] in x [n] scaled to [-1, 1], each with its t-ratio; runs of one group share noise.

    Standard errors are the sandwich over groups (Liang and Zeger 1986), widened for the fitted parameters. Of few
    groups a t-ratio is divided by as much as Student's t passes PATTERN further out, so that PATTERN means the same.
    """
    empty = {"slope": None, "slope_t": None, "bend": None, "bend_t": None}
    clusters, index = np.unique(group, return_inverse=True)
    count, free = len(clusters), len(fitted.law.names)
    if np.ptp(x) < 0.02 or count < FEWEST or len(x) - free < 3:
        return empty
    u = (2 * x - x.max() - x.min()) / np.ptp(x)
    columns = [np.ones_like(u), u]
    if len(np.unique(np.round(u, 2))) > 2:
        columns.append(u**2)
    design, upper = np.linalg.qr(np.stack(columns, axis=1))  # slope and bend apart: each beside the lower orders
    design = design * np.where(np.diag(upper) < 0, -1.0, 1.0)  # signs of a QR are arbitrary: rising, and open upward
    amount = design.T @ residual
    left = residual - design @ amount
    score = np.zeros((len(clusters), len(columns)))
    np.add.at(score, index, design * left[:, None])
    widened, further = (count / (count - free), 1.0) if count - free >= 3 else few(count, len(columns), len(x), free)
    error = np.sqrt(np.sum(score**2, axis=0) * widened) * further
    t = amount / np.maximum(error, 1e-12)  # of noise-free tables: arithmetic is no pattern
    scale = np.array([np.ptp(column) / 2 for column in design.T])  # how far the term reaches over the runs
    out = dict(empty)
    for i, name in list(enumerate(("", "slope", "bend")))[1 : len(columns)]:
        out |= {name: float(amount[i] * scale[i]), f"{name}_t": float(t[i])}
    return out
