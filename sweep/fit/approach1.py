"""Approach 1: the envelope of loss curves of fixed sizes (Hoffmann et al. 2022, section 3.1).

Curves run through the end points of runs of one size where these are many enough, because an annealed end point beats
a reading in the middle of a run; else along training, where the source has `curves`. At log-spaced FLOPs where at
least three sizes overlap, the size of least loss is taken if it is neither the smallest nor the largest at hand, and
refined by a parabola through it and its two neighbours. Points of an envelope are not independent: doubt comes from
resampling runs.
"""

from dataclasses import dataclass

import numpy as np

from sweep.fit.approach2 import Line, lines
from sweep.tables.load import Runs

POINTS = 100  # FLOP values of the envelope
SAME_SIZE = 0.02  # relative: sizes read off a figure
RESAMPLES = 200  # at most: each is a small loop over sizes


@dataclass(frozen=True)
class Points:
    """Points of the loss curves [m]: of which run, and of which size class."""

    run: np.ndarray
    size: np.ndarray
    ln_params: np.ndarray
    ln_tokens: np.ndarray
    ln_flops: np.ndarray
    ln_loss: np.ndarray


@dataclass(frozen=True)
class Envelope:
    """Approach 1 on the table (lane 0) and on its resamples.

    Attributes:
        source: `endpoints` or `curves`.
        flops, params, tokens, loss: of the frontier points of the table [points].
        params_line, tokens_line: N* and D* against C, [1 + lanes].
        reason: why there is no answer, or empty.
    """

    source: str
    flops: np.ndarray
    params: np.ndarray
    tokens: np.ndarray
    loss: np.ndarray
    params_line: Line
    tokens_line: Line
    reason: str = ""


def size_classes(params: np.ndarray) -> np.ndarray:
    """Number of the size class of each run: sizes within 2 percent of the smallest of the class are one."""
    order = np.argsort(params, kind="stable")
    classes, first, number = np.empty(len(params), int), params[order[0]], 0
    for i in order:
        if params[i] > (1 + SAME_SIZE) * first:
            first, number = params[i], number + 1
        classes[i] = number
    return classes


def points_of(runs: Runs, source: str) -> Points:
    """End points of the runs, or all points of their curves."""
    size, ln_params = size_classes(runs.params), np.log(runs.params)
    if source == "curves" and runs.curves is not None:
        c = runs.curves
        return Points(c.run, size[c.run], ln_params[c.run], np.log(c.tokens), np.log(c.flops), np.log(c.loss))
    return Points(np.arange(len(runs)), size, ln_params, np.log(runs.tokens), np.log(runs.flops), np.log(runs.loss))


def frontier(points: Points, grid: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
    """(ln C grid [p], ln N* [p], ln D* [p], ln loss [p]); NaN where fewer than three sizes overlap or the best is last.

    ln-ln interpolation along each size, on the points that beat all cheaper points of the size.
    """
    curves = []
    for size in np.unique(points.size):
        rows = np.flatnonzero(points.size == size)
        rows = rows[np.lexsort((points.ln_loss[rows], points.ln_flops[rows]))]
        lowest = np.minimum.accumulate(np.concatenate([[np.inf], points.ln_loss[rows][:-1]]))
        rows = rows[points.ln_loss[rows] < lowest]
        _, first = np.unique(points.ln_flops[rows], return_index=True)
        if len(first) >= 2:
            curves.append(rows[first])
    if grid is None:
        low = min((points.ln_flops[r[0]] for r in curves), default=0.0)
        high = max((points.ln_flops[r[-1]] for r in curves), default=1.0)
        grid = np.linspace(low, high, POINTS)
    nothing = np.full(len(grid), np.nan)
    if len(curves) < 3:
        return grid, nothing, nothing, nothing

    def along(values: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(grid, points.ln_flops[r], values[r], np.nan, np.nan) for r in curves])

    loss, params, tokens = along(points.ln_loss), along(points.ln_params), along(points.ln_tokens)
    best = np.argmin(np.where(np.isfinite(loss), loss, np.inf), axis=0)
    inner = np.clip(best, 1, len(curves) - 2)
    take = np.stack([inner - 1, inner, inner + 1])
    column = np.arange(len(grid))
    x, y, d = (values[take, column] for values in (params, loss, tokens))
    # vertex of the parabola through three points, by divided differences; NaN where a neighbour is missing
    left, right = (y[1] - y[0]) / (x[1] - x[0]), (y[2] - y[1]) / (x[2] - x[1])
    bend = (right - left) / (x[2] - x[0])
    good = (best == inner) & np.isfinite(bend) & (bend > 0)
    bend = np.where(good, bend, 1.0)
    top = np.where(good, (x[0] + x[1]) / 2 - left / (2 * bend), np.nan)
    value = y[0] + left * (top - x[0]) + bend * (top - x[0]) * (top - x[1])
    share = np.where(top < x[1], (top - x[0]) / (x[1] - x[0]), 1 + (top - x[1]) / (x[2] - x[1]))
    token = np.where(top < x[1], d[0] + share * (d[1] - d[0]), d[1] + (share - 1) * (d[2] - d[1]))
    return grid, top, token, value


def envelope(runs: Runs, weight: np.ndarray) -> Envelope:
    """Approach 1; `weight` [lanes, n] of the resamples, of which the first 200 are used."""
    source = "endpoints"
    points = points_of(runs, source)
    grid, params, tokens, loss = frontier(points)
    if np.isfinite(params).sum() < 3 and runs.curves is not None:
        source = "curves"
        points = points_of(runs, source)
        grid, params, tokens, loss = frontier(points)
    good = np.isfinite(params)
    span = np.ptp(grid[good]) if good.any() else 0.0
    reason = "" if good.sum() >= 3 and span > np.log(1.5) else (
        "no stretch of compute on which the curves of three sizes overlap with the best size between the others"
    )  # fmt: skip
    lanes_n, lanes_d = [params], [tokens]
    for drawn in weight[:RESAMPLES] > 0 if not reason else []:
        kept = drawn[points.run]
        part = Points(*(getattr(points, name)[kept] for name in Points.__dataclass_fields__))
        _, ln_n, ln_d, _ = frontier(part, grid)
        lanes_n.append(ln_n)
        lanes_d.append(ln_d)
    lines_n, lines_d = lines(grid, np.stack(lanes_n)), lines(grid, np.stack(lanes_d))
    return Envelope(
        source, *(np.exp(v[good]) for v in (grid, params, tokens, loss)), params_line=lines_n, tokens_line=lines_d,
        reason=reason,
    )  # fmt: skip
