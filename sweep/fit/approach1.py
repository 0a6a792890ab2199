"""Approach 1: the envelope of loss curves of fixed sizes (Hoffmann et al. 2022, section 3.1).

At each of 1,500 log-spaced FLOP values the size of least loss is taken, refined by a parabola through it and its two
neighbours, unless it is the smallest or the largest at hand: then the optimum may lie outside. A size's curve is the
least loss of its runs, through the readings that beat all cheaper ones, straight in ln-ln between them. The readings
are the end points of runs, or whole smoothed curves where readings in the middle of a run are as good as end points:
under an annealed schedule they are not. Points of an envelope are not independent (one run serves many FLOP values),
so doubt comes from resampling runs. The minimum over noisy runs lies low (`Envelope.optimism`).
"""

from dataclasses import dataclass

import numpy as np

from sweep.fit.approach2 import Line, lines
from sweep.tables.load import Curves, Runs

POINTS = 1500  # FLOP values, as published
EVERY = 15  # of which resamples use each fifteenth
CHUNK = 1_000_000  # numbers touched at a time by resamples
SAME_SIZE = 0.02  # relative: sizes read off a figure
WINDOW = 0.05  # half-width in ln C within which a curve is smoothed
ANNEALED = 0.002  # excess of ln loss in the middle of longer runs above which only end points are read
REASON = "no stretch of compute on which the curves of three sizes overlap with the best size between the others"


@dataclass(frozen=True)
class Track:
    """Readings of one size: knots at rising ln C [k], runs and their ln loss.

    End points: `run` [k], a knot each, and `ln_loss` [k]. Curves: `run` [r] and `ln_loss` [r, k], inf where a run has
    no reading.
    """

    ln_flops: np.ndarray
    run: np.ndarray
    ln_loss: np.ndarray

    def lowest(self, drawn: np.ndarray, grid: np.ndarray) -> np.ndarray:
        """ln loss on the grid [lanes, g] with the runs drawn on each lane [lanes, n]; infinite outside the readings."""
        if self.ln_loss.ndim == 1:
            return records(self.ln_flops, np.where(drawn[:, self.run], self.ln_loss, np.inf), grid)
        read = np.full((len(drawn), len(self.ln_flops)), np.inf)
        for run, loss in zip(self.run, self.ln_loss, strict=True):
            np.minimum(read, np.where(drawn[:, run, None], loss, np.inf), out=read)
        return records(self.ln_flops, read, grid)

    def coarse(self) -> "Track":
        """Each fifteenth reading of curves; end points as they are."""
        if self.ln_loss.ndim == 1:
            return self
        return Track(self.ln_flops[::EVERY], self.run, self.ln_loss[:, ::EVERY])


@dataclass(frozen=True)
class Envelope:
    """Approach 1 on the table (lane 0) and on its resamples.

    Attributes:
        source: `endpoints` or `curves`.
        flops, params, tokens, loss: of the frontier points of the table [points].
        params_line, tokens_line: N* and D* against C, [1 + lanes].
        optimism: how much higher the envelopes of resamples lie on average, nats/token: about what a minimum over noisy
            or unevenly tuned runs flatters; NaN without resamples.
        mid_run_excess: ln loss of longer runs where shorter ones of their size end, above those ends; NaN if unknown.
        reason: why there is no answer, or empty.
    """

    source: str
    flops: np.ndarray
    params: np.ndarray
    tokens: np.ndarray
    loss: np.ndarray
    params_line: Line
    tokens_line: Line
    optimism: float
    mid_run_excess: float
    reason: str = ""


def size_classes(params: np.ndarray) -> np.ndarray:
    """Number of the size class of each run: sizes within 2 percent of the smallest of the class are one."""
    sizes, index = np.unique(params, return_inverse=True)
    classes, first, number = np.empty(len(sizes), int), sizes[0], 0
    for i, size in enumerate(sizes):
        if size > (1 + SAME_SIZE) * first:
            first, number = size, number + 1
        classes[i] = number
    return classes[index]


def smooth(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Local straight-line fits of y on rising x within +-WINDOW of each of `at`; NaN outside x.

    Where a window holds fewer than five points the curve is coarse, and taken as it is: straight between points. A
    line, not a mean, so that the falling end of a curve is not read too high.
    """
    low, high = np.searchsorted(x, at - WINDOW), np.searchsorted(x, at + WINDOW, side="right")
    centre = x.mean()

    def total(values: np.ndarray) -> np.ndarray:
        sums = np.concatenate([[0.0], np.cumsum(values)])
        return sums[high] - sums[low]

    u = x - centre
    count = np.maximum(high - low, 1)
    mean_u, mean_y = total(u) / count, total(y) / count
    spread = total(u * u) / count - mean_u**2
    slope = (total(u * y) / count - mean_u * mean_y) / np.where(spread > 1e-12, spread, np.inf)
    fitted = mean_y + slope * (at - centre - mean_u)
    coarse = np.interp(at, x, y)
    inside = (at >= x[0] - 1e-12) & (at <= x[-1] + 1e-12)
    return np.where(inside, np.where(high - low >= 5, fitted, coarse), np.nan)


def records(x: np.ndarray, y: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Curves [lanes, g] through the readings y [lanes, k] at rising x [k] that beat all before them, straight between.

    Infinite where there is no reading on both sides.
    """
    if len(x) < 2:
        return np.full((len(y), len(grid)), np.inf)
    keep = np.isfinite(y)
    keep[:, 1:] &= y[:, 1:] < np.minimum.accumulate(y, axis=1)[:, :-1]
    k = np.arange(len(x))
    i = np.maximum.accumulate(np.where(keep, k, -1), axis=1)[:, :-1]  # of each gap between knots: the record before
    j = np.minimum.accumulate(np.where(keep, k, len(x))[:, ::-1], axis=1)[:, ::-1][:, 1:]  # and the record after
    known = (i >= 0) & (j < len(x))
    i, j = np.where(known, i, 0), np.where(known, j, 0)
    first, second = (np.where(known, np.take_along_axis(y, at, axis=1), 0.0) for at in (i, j))
    gap = x[j] - x[i]
    slope = (second - first) / np.where(gap > 0, gap, 1.0)
    start = np.where(known, first - slope * x[i], np.inf)
    at = np.searchsorted(x, grid, side="right") - 1
    curve = start[:, np.clip(at, 0, len(x) - 2)] + slope[:, np.clip(at, 0, len(x) - 2)] * grid
    curve[:, (grid < x[0]) | (grid > x[-1])] = np.inf
    return curve


def read_curves(curves: Curves, count: int, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(ln loss of each run on the grid [n, g], inf where it has none; ln C [n] and smoothed ln loss [n] of its end)."""
    order = np.lexsort((curves.flops, curves.run))
    run, x, y = curves.run[order], np.log(curves.flops[order]), np.log(curves.loss[order])
    read, end, final = np.full((count, len(grid)), np.inf), np.full(count, np.nan), np.full(count, np.nan)
    for part in np.split(np.arange(len(run)), np.flatnonzero(np.diff(run)) + 1):
        at = smooth(x[part], y[part], np.append(grid, x[part[-1]]))
        read[run[part[0]]] = np.where(np.isfinite(at[:-1]), at[:-1], np.inf)
        end[run[part[0]]], final[run[part[0]]] = x[part[-1]], at[-1]
    return read, end, final


def mid_run_excess(read: np.ndarray, end: np.ndarray, final: np.ndarray, size: np.ndarray, grid: np.ndarray) -> float:
    """Median ln loss of longer runs where shorter ones of their size end, above those ends; NaN without such pairs."""
    excess = []
    for number in np.unique(size):
        rows = np.flatnonzero((size == number) & np.isfinite(final))
        at = read[rows][:, np.clip(np.searchsorted(grid, end[rows]), 0, len(grid) - 1)]  # [longer, shorter]
        longer = (end[rows][:, None] > end[rows] + 0.1) & np.isfinite(at)
        excess.append((at - final[rows])[longer])
    pairs = np.concatenate(excess)
    return float(np.median(pairs)) if len(pairs) else np.nan


def endpoint_tracks(size: np.ndarray, ln_flops: np.ndarray, ln_loss: np.ndarray) -> list[Track]:
    """A track through the end points [n] of each size."""
    tracks = []
    for number in np.unique(size):
        rows = np.flatnonzero(size == number)
        rows = rows[np.lexsort((ln_loss[rows], ln_flops[rows]))]
        tracks.append(Track(ln_flops[rows], rows, ln_loss[rows]))
    return tracks


def curve_tracks(size: np.ndarray, read: np.ndarray, grid: np.ndarray) -> list[Track]:
    """A track through the curves of each size, read on the grid [n, g]."""
    return [Track(grid, rows, read[rows]) for rows in (np.flatnonzero(size == k) for k in np.unique(size))]


def frontier(ln_loss: np.ndarray, ln_params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(ln N*, ln loss) [lanes, g] of sizes' curves [sizes, lanes, g]; NaN where the best size has no neighbour."""
    sizes = len(ln_params)
    here = ln_loss < np.inf
    number = np.arange(sizes, dtype=np.int16)[:, None, None]
    below = np.maximum.accumulate(np.where(here, number, np.int16(-1)), axis=0)
    above = np.minimum.accumulate(np.where(here, number, np.int16(sizes))[::-1], axis=0)[::-1]
    best = np.argmin(ln_loss, axis=0)

    def take(values: np.ndarray, index: np.ndarray) -> np.ndarray:
        return np.take_along_axis(values, np.clip(index, 0, sizes - 1)[None], axis=0)[0]

    low = np.where(best > 0, take(below, best - 1), -1)
    high = np.where(best < sizes - 1, take(above, best + 1), sizes)
    inner = (low >= 0) & (high < sizes)
    index = [np.clip(i, 0, sizes - 1) for i in (low, best, high)]
    x, y = [ln_params[i] for i in index], [np.where(inner, take(ln_loss, i), 0.0) for i in index]
    # vertex of the parabola through three points, by divided differences
    steps = [np.where(inner, x[i + 1] - x[i], 1.0) for i in (0, 1)]
    left, right = (y[1] - y[0]) / steps[0], (y[2] - y[1]) / steps[1]
    bend = (right - left) / (steps[0] + steps[1])
    good = inner & (bend > 0)
    bend = np.where(good, bend, 1.0)
    top = (x[0] + x[1]) / 2 - left / (2 * bend)
    return np.where(good, top, np.nan), np.where(good, y[1], np.nan)


def follow(tracks: list[Track], ln_params: np.ndarray, drawn: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, ...]:
    """(ln N*, ln loss) [lanes, g] of the envelope with the runs drawn on each lane [lanes, n]."""
    touched = drawn.shape[1] + len(tracks) * len(grid)
    chunks = np.array_split(drawn, min(max(1, len(drawn) * touched // CHUNK), max(1, len(drawn))))
    parts = [frontier(np.stack([track.lowest(some, grid) for track in tracks]), ln_params) for some in chunks]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def envelope(runs: Runs, weight: np.ndarray) -> Envelope:
    """Approach 1; `weight` [lanes, n] of the resamples."""
    size = size_classes(runs.params)
    ends, loss = np.log(runs.flops), np.log(runs.loss)
    if runs.curves is None:
        return trace("endpoints", endpoint_tracks(size, ends, loss), runs, size, span(runs.flops), weight)
    grid = span(runs.curves.flops)
    read, _, final = read_curves(runs.curves, len(runs), grid)
    excess = mid_run_excess(read, ends, final, size, grid)
    sources = {
        "curves": curve_tracks(size, read, grid),
        "endpoints": endpoint_tracks(size, ends, np.where(np.isfinite(final), final, loss)),
    }
    first, second = sorted(sources, reverse=not excess <= ANNEALED)  # unknown counts as annealed

    def traced(source: str) -> Envelope:
        at = grid if source == "curves" else span(runs.flops)
        return trace(source, sources[source], runs, size, at, weight, excess)

    found = traced(first)
    return found if not found.reason else traced(second)


def span(flops: np.ndarray) -> np.ndarray:
    """Log-spaced FLOP values over those at hand, as ln C [POINTS]."""
    return np.linspace(np.log(flops.min()), np.log(flops.max()), POINTS)


def trace(
    source: str, tracks: list[Track], runs: Runs, size: np.ndarray, grid: np.ndarray, weight: np.ndarray,
    excess: float = np.nan,
) -> Envelope:  # fmt: skip
    """The envelope of tracks, one a size class, and those of their resamples."""
    ln_params = np.array([np.log(runs.params[size == number]).mean() for number in np.unique(size)])
    ln_k = np.median(np.log(runs.flops / (runs.params * runs.tokens)))
    ln_n, ln_loss = (part[0] for part in follow(tracks, ln_params, np.ones((1, len(runs)), bool), grid))
    good = np.isfinite(ln_n)
    enough = good.sum() >= 3 and np.ptp(grid[good]) > np.log(1.5)
    some = grid[::EVERY]
    lane_n, lane_loss = follow(
        [track.coarse() for track in tracks], ln_params, (weight if enough else weight[:0]) > 0, some
    )
    table, lanes = lines(grid, ln_n[None]), lines(some, lane_n)
    line = Line(np.append(table.slope, lanes.slope), np.append(table.intercept, lanes.intercept))
    higher = (np.exp(lane_loss) - np.exp(ln_loss[::EVERY]))[np.isfinite(lane_loss) & good[::EVERY]]
    flops, params = np.exp(grid[good]), np.exp(ln_n[good])
    return Envelope(
        source, flops, params, flops / params / np.exp(ln_k), np.exp(ln_loss[good]), params_line=line,
        tokens_line=Line(1 - line.slope, -ln_k - line.intercept),  # D = C / (k N)
        optimism=float(higher.mean()) if higher.size else np.nan,
        mid_run_excess=excess,
        reason="" if enough else REASON,
    )  # fmt: skip
