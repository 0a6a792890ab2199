"""Approach 2: a parabola of loss in ln N through each isoFLOP family, and lines through the vertices.

Hoffmann et al. 2022, section 3.2. A family gives a vertex only where its parabola opens upward and has its minimum
between the smallest and the largest size; otherwise it gives a verdict. The vertex of a parabola through a curve that
is none is biased by about (alpha - beta) h^2 / 10 in ln N, h the half-width of the family in ln N (see `bias`).
"""

from dataclasses import dataclass

import numpy as np

from sweep.tables.load import Runs

WITHIN = 0.05  # relative: FLOPs of one family where the table names no budgets
OK, TOO_FEW, NOT_UPWARD, OUTSIDE = VERDICTS = ("ok", "too_few_sizes", "not_upward", "minimum_outside")
REASONS = {
    OK: "",
    TOO_FEW: "fewer than three sizes",
    NOT_UPWARD: "the parabola does not open upward",
    OUTSIDE: "the minimum lies outside the sizes of the family",
}


@dataclass(frozen=True)
class Line:
    """ln y = intercept + slope ln C; arrays of lanes or floats. `n` points; NaN where there are fewer than two."""

    slope: np.ndarray
    intercept: np.ndarray

    def at(self, flops: float) -> np.ndarray:
        """y at C FLOPs."""
        return np.exp(self.intercept + self.slope * np.log(flops))


@dataclass(frozen=True)
class Vertices:
    """Vertices of one family on every lane [lanes]: status as an index into VERDICTS, coefficients [lanes, 3]."""

    status: np.ndarray
    ln_params: np.ndarray
    ln_tokens: np.ndarray
    loss: np.ndarray
    coefficients: np.ndarray  # of loss in (ln N - centre): c0, c1, c2


def families(runs: Runs) -> list[tuple[float | None, np.ndarray]]:
    """(nominal budget or None, rows) of each isoFLOP family, in order of FLOPs.

    By the `budget` column where the table has one, else rows whose FLOPs lie within 5 percent and that have at least
    three sizes.
    """
    if np.isfinite(runs.budget).any():
        budgets = np.unique(runs.budget[np.isfinite(runs.budget)])
        return [(float(b), np.flatnonzero(runs.budget == b)) for b in budgets]
    order = np.argsort(runs.flops, kind="stable")
    clusters, first = [], 0
    for i in range(1, len(order) + 1):
        if i == len(order) or runs.flops[order[i]] > (1 + WITHIN) * runs.flops[order[first]]:
            clusters.append(order[first:i])
            first = i
    return [(None, rows) for rows in clusters if len(np.unique(runs.params[rows])) >= 3]


def vertices(params: np.ndarray, tokens: np.ndarray, loss: np.ndarray, weight: np.ndarray) -> Vertices:
    """Weighted parabolas of loss in ln N and where they are lowest.

    Args:
        params, tokens, loss: of the family's runs, [m].
        weight: [lanes, m].
    """
    x = np.log(params)
    sizes, first = np.unique(x, return_index=True)
    centre, half = (sizes[0] + sizes[-1]) / 2, max((sizes[-1] - sizes[0]) / 2, 1e-12)
    powers = ((x - centre) / half) ** np.arange(3)[:, None]
    present = np.stack([(weight[:, x == size] > 0).any(axis=1) for size in sizes], axis=1)
    enough = present.sum(axis=1) >= 3
    gram = np.einsum("am,lm,bm->lab", powers, weight, powers)
    gram[~enough] = np.eye(3)
    scaled = np.linalg.solve(gram, np.einsum("am,lm->la", powers, weight * loss)[..., None])[..., 0]
    upward = enough & (scaled[:, 2] > 1e-12)
    top = -scaled[:, 1] / (2 * np.where(upward, scaled[:, 2], 1.0))  # in units of half, from the centre
    inside = upward & (np.abs(top) < 1)
    status = np.select([~enough, ~upward, ~inside], [1, 2, 3], 0)
    ln_params = np.where(inside, centre + half * top, np.nan)
    ln_tokens = np.interp(ln_params, sizes, np.log(tokens)[first])
    best = np.where(inside, scaled[:, 0] + 0.5 * scaled[:, 1] * top, np.nan)
    return Vertices(status, ln_params, np.where(inside, ln_tokens, np.nan), best, scaled / half ** np.arange(3))


def lines(ln_flops: np.ndarray, ln_values: np.ndarray) -> Line:
    """Least-squares lines through the finite points of each lane, ln_flops [points], ln_values [lanes, points]."""
    good = np.isfinite(ln_values)
    count = good.sum(axis=1)
    x = np.where(good, ln_flops, 0.0)
    y = np.where(good, ln_values, 0.0)
    safe = np.maximum(count, 1)
    mean_x, mean_y = x.sum(axis=1) / safe, y.sum(axis=1) / safe
    dx = np.where(good, x - mean_x[:, None], 0.0)
    spread = (dx**2).sum(axis=1)
    fits = (count >= 2) & (spread > 1e-12)
    slope = np.where(fits, (dx * y).sum(axis=1) / np.where(fits, spread, 1.0), np.nan)
    return Line(slope, mean_y - slope * mean_x)


@dataclass(frozen=True)
class IsoFlop:
    """Approach 2 on the table (lane 0) and on its resamples (the other lanes).

    Attributes:
        members: (nominal budget or None, rows) of each family.
        vertices: of each family.
        flops: geometric mean of the FLOPs each family really used.
        params, tokens: lines of N* and D* against C, [1 + lanes].
    """

    members: list[tuple[float | None, np.ndarray]]
    vertices: list[Vertices]
    flops: np.ndarray
    params: Line
    tokens: Line


def isoflop(runs: Runs, weight: np.ndarray) -> IsoFlop | None:
    """Approach 2, or None where the table holds no isoFLOP family; `weight` [lanes, n] of the resamples."""
    members = families(runs)
    if not members:
        return None
    weight = np.concatenate([np.ones((1, len(runs))), weight])
    parts = [vertices(runs.params[r], runs.tokens[r], runs.loss[r], weight[:, r]) for _, r in members]
    flops = np.array([np.exp(np.log(runs.flops[rows]).mean()) for _, rows in members])
    params = lines(np.log(flops), np.stack([v.ln_params for v in parts], axis=1))
    tokens = lines(np.log(flops), np.stack([v.ln_tokens for v in parts], axis=1))
    return IsoFlop(members, parts, flops, params, tokens)


def bias(alpha: float, beta: float, half_width: float) -> float:
    """Bias of a parabola's vertex in ln N: of the additive law on a grid of half-width h in ln N around its optimum.

    The limit of many equally spaced sizes of a third-order expansion; the opposite sign holds for ln D.
    """
    return (alpha - beta) * half_width**2 / 10
