"""Approach 2 without a parabola: the least loss of an interpolant through each isoFLOP family.

Porian et al. 2024 (arXiv 2406.19146): Akima's interpolant of ln loss in ln N, its minimum rejected at the edge, again
on 1,000 copies of the family with the noise of one run added. The median of the copies is the vertex; their standard
deviation, at least a third of the mean grid step, its weight in the line through the vertices. No form is assumed, so
there is no bias of a parabola; the interval holds the noise of runs, not the choice of sizes.
"""

from dataclasses import dataclass

import numpy as np

from sweep.fit.approach1 import size_classes
from sweep.fit.approach2 import Line, families, lines
from sweep.tables.load import Runs

COPIES = 1000
FLOOR = 0.33  # of the mean grid step: least standard deviation of ln N*
MIN_REPEATS = 5  # degrees of freedom of repeated runs from which their scatter is taken as the noise
PUBLISHED_NOISE = 0.002  # sd of loss between seeds, nats/token, in the published fits (RefinedWeb)


@dataclass(frozen=True)
class Interpolated:
    """The variant on one table.

    Attributes:
        members: (nominal budget or None, rows) of each family.
        ln_params, ln_tokens, loss: of each family's vertex, medians of the copies; NaN where there is none [families].
        ln_params_sd: of each, at least a third of the grid step.
        flops: geometric mean of the FLOPs of each family.
        params, tokens: weighted lines through the medians (lane 0) and through each copy's vertices, [1 + copies].
        noise, noise_from: sd of the loss that was added, nats/token, and where it comes from (see `noise_of`).
    """

    members: list[tuple[float | None, np.ndarray]]
    ln_params: np.ndarray
    ln_tokens: np.ndarray
    loss: np.ndarray
    ln_params_sd: np.ndarray
    flops: np.ndarray
    params: Line
    tokens: Line
    noise: float
    noise_from: str


def akima(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Coefficients [4, lanes, k - 1] of the cubic pieces in (x - x[i]) through y [lanes, k] at rising x [k], k >= 2.

    Akima 1970: the slope at a knot is the mean of the slopes on its two sides, each weighted by how little the slopes
    change on the other side; two ghost slopes at each end go on linearly.
    """
    step = np.diff(x)
    inner = np.diff(y, axis=-1) / step
    first, last = inner[:, :1], inner[:, -1:]
    second, before = (inner[:, 1:2], inner[:, -2:-1]) if len(x) > 2 else (first, last)
    low, high = 2 * first - second, 2 * last - before
    slopes = np.concatenate([2 * low - first, low, inner, high, 2 * high - last], axis=-1)  # [lanes, k + 3]
    change = np.abs(np.diff(slopes, axis=-1))
    left, right = change[:, :-2], change[:, 2:]
    total = left + right
    smooth = total > 1e-9 * total.max(axis=-1, keepdims=True)
    mixed = (right * slopes[:, 1:-2] + left * slopes[:, 2:-1]) / np.where(smooth, total, 1.0)
    knot = np.where(smooth, mixed, (slopes[:, 1:-2] + slopes[:, 2:-1]) / 2)
    a, b = knot[:, :-1], knot[:, 1:]
    return np.stack([y[:, :-1], a, (3 * inner - 2 * a - b) / step, (a + b - 2 * inner) / step**2])


def least(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(where [lanes], value [lanes]) of the least of Akima's interpolant; NaN where that is the first or last knot."""
    pieces = akima(x, y)
    c0, c1, c2, c3 = pieces
    step = np.diff(x)
    # minima inside pieces: c1 + 2 c2 t + 3 c3 t^2 = 0 where the second derivative is positive
    root = np.sqrt(np.maximum(c2**2 - 3 * c3 * c1, 0.0))
    under = np.where(c2 >= 0, c2 + root, np.where(np.abs(c3) > 0, 3 * c3, 1.0))
    t = np.where(c2 >= 0, -c1 / np.where(under != 0, under, 1.0), (root - c2) / np.where(under != 0, under, 1.0))
    t = np.clip(np.where(np.isfinite(t), t, 0.0), 0.0, step)
    value = c0 + t * (c1 + t * (c2 + t * c3))
    at = np.argmin(value, axis=1)[:, None]
    where = np.take_along_axis(x[:-1] + t, at, axis=1)[:, 0]
    best = np.take_along_axis(value, at, axis=1)[:, 0]
    edge = np.minimum(y[:, 0], y[:, -1]) <= best
    inside = ~edge & (where > x[0]) & (where < x[-1])
    return np.where(inside, where, np.nan), np.where(inside, best, np.nan)


def noise_of(runs: Runs, sizes: list[tuple[np.ndarray, ...]]) -> tuple[float, str]:
    """(sd of one run's loss, nats/token, where it comes from) of a table, in order of preference.

    `repeats`: scatter of runs of equal params, tokens and settings. `roughness`: how far a size's loss lies off the
    cubic through its two neighbours on either side, robustly; wide grids that no cubic follows make it too large, never
    too small. `assumed`: the published noise of seeds, where families have fewer than five sizes.
    """
    setting = np.zeros(len(runs)) if runs.setting is None else runs.setting
    keys = np.stack([runs.params, runs.tokens, setting])
    _, cell, count = np.unique(keys, axis=1, return_inverse=True, return_counts=True)
    freedom = len(runs) - len(count)
    if freedom >= MIN_REPEATS:
        mean = np.bincount(cell, runs.loss) / count
        return float(np.sqrt(np.sum((runs.loss - mean[cell]) ** 2) / freedom)), "repeats"
    rough = np.concatenate([roughness(x, loss) for x, _, loss, _ in sizes if len(x) >= 5] or [np.empty(0)])
    return (float(1.4826 * np.median(np.abs(rough))), "roughness") if len(rough) else (PUBLISHED_NOISE, "assumed")


def roughness(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How far each inner y lies off the cubic through its four neighbours, as one reading's noise [k - 4]; k >= 5."""
    near = np.stack([x[i : len(x) - 4 + i] for i in (0, 1, 3, 4)])  # [4, k - 4]
    gap = np.where(np.eye(4, dtype=bool)[..., None], np.inf, near[:, None] - near[None])
    ratio = np.where(np.isinf(gap), 1.0, (x[2:-2] - near[None]) / gap)
    share = np.prod(ratio, axis=1)  # Lagrange's weights of the neighbours
    fitted = sum(w * y[i : len(y) - 4 + i] for w, i in zip(share, (0, 1, 3, 4), strict=True))
    return (y[2:-2] - fitted) / np.sqrt(1 + np.sum(share**2, axis=0))


def by_size(runs: Runs, rows: np.ndarray) -> tuple[np.ndarray, ...]:
    """(ln N, ln D, loss, runs) of each size class of a family: means over its runs."""
    size = size_classes(runs.params[rows])
    count = np.bincount(size)
    values = (np.log(runs.params[rows]), np.log(runs.tokens[rows]), runs.loss[rows])
    return (*(np.bincount(size, v) / count for v in values), count)


def interpolate(runs: Runs, seed: int, noise: float | None = None) -> Interpolated | None:
    """Vertices of all families and the lines through them; None where the table holds no isoFLOP family.

    Args:
        runs: the table.
        seed: of the copies.
        noise: sd of one run's loss, nats/token; by default from the table (see `noise_of`).
    """
    members = families(runs)
    if not members:
        return None
    sizes = [by_size(runs, rows) for _, rows in members]
    noise, source = noise_of(runs, sizes) if noise is None else (noise, "given")
    rng = np.random.default_rng(seed)
    found = [vertex(size, noise, rng) for size in sizes]
    ln_n, ln_d, loss = (np.stack(part, axis=1) for part in zip(*(f[:3] for f in found), strict=True))
    sd = np.array([f[3] for f in found])
    flops = np.array([np.exp(np.log(runs.flops[rows]).mean()) for _, rows in members])
    weight = np.where(np.isfinite(sd), 1 / np.where(np.isfinite(sd), sd, 1.0) ** 2, 0.0)
    params, tokens = (lines(np.log(flops), np.where(weight > 0, part, np.nan), weight) for part in (ln_n, ln_d))
    return Interpolated(members, ln_n[0], ln_d[0], loss[0], sd, flops, params, tokens, noise, source)


def vertex(sizes: tuple[np.ndarray, ...], noise: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """(ln N*, ln D*, loss) [1 + copies] of a family `by_size`, the median first, and the sd of ln N*.

    All NaN where the least loss of the family as it is, or of more than half the copies, lies at its edge.
    """
    x, ln_tokens, loss, count = sizes
    nothing = (*np.full((3, 1 + COPIES), np.nan), np.array(np.nan))
    if len(x) < 3:
        return nothing
    copies = loss + noise / np.sqrt(count) * rng.standard_normal((COPIES, len(x)))
    where, ln_loss = least(x, np.log(np.concatenate([loss[None], np.maximum(copies, 1e-300)])))
    kept = np.isfinite(where[1:])
    if not np.isfinite(where[0]) or 2 * kept.sum() < COPIES:
        return nothing
    where[0], ln_loss[0] = np.median(where[1:][kept]), np.median(ln_loss[1:][kept])
    sd = max(float(np.std(where[1:][kept])), FLOOR * (x[-1] - x[0]) / (len(x) - 1)) * COPIES / kept.sum()
    tokens = np.where(np.isfinite(where), np.interp(where, x, ln_tokens), np.nan)
    return where, tokens, np.exp(ln_loss), np.array(sd)
