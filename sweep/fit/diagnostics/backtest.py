"""Would this fit have foretold its own largest runs? The law fitted below a compute, judged above it.

The error is set against what a 90 % prediction interval made below would have claimed: the spread of resampled
fits there, and the scatter of runs. The origin rolls back from the largest budget, so that the error is seen to grow
with the factor of extrapolation.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from sweep.fit.bootstrap import draw
from sweep.fit.diagnostics.fitted import ROUNDING, Fitted, identifiable, nothing, refit, subset_starts

REACHES = (
    1.0,
    3.0,
    10.0,
    30.0,
    100.0,
)  # largest compute over that of the origin; the first is the largest budget alone
WITHIN = 1.05  # FLOPs of one budget
EXACT = 1 + 1e-4  # a budget at 3 times another's is that, whatever products of rounded sizes and horizons make of it
HELD_OUT = 3  # at least
RESAMPLES = 48  # of each origin: the spread is known to 10 %


@dataclass(frozen=True)
class Backtest:
    """Predictions of held-out runs, [m] each; a run may be held out by several origins.

    Attributes:
        row: index of the run in the fitted table.
        origin: largest FLOPs that were fitted.
        factor: FLOPs of the run over the origin.
        error: ln loss - ln predicted; positive where the run did worse than foretold.
        predicted: loss, in the unit of the runs.
        spread: standard deviation of ln predicted over resampled fits below the origin.
        sd: claimed for one new run, `spread` and the scatter of runs together.
        resampled: ln predicted by the resampled fits below the origin, [m, lanes].
    """

    row: np.ndarray
    origin: np.ndarray
    factor: np.ndarray
    error: np.ndarray
    predicted: np.ndarray
    spread: np.ndarray
    sd: np.ndarray
    resampled: np.ndarray

    @property
    def score(self) -> np.ndarray:
        """Error in claimed standard deviations, [m]: of size about 1 where the claim is honest."""
        return self.error / self.sd

    def inside(self, level: float) -> np.ndarray:
        """[m], whether the run fell into the prediction interval of this level."""
        return np.abs(self.score) <= NormalDist().inv_cdf((1 + level) / 2)


def origins(fitted: Fitted) -> np.ndarray:
    """[origins, n], the runs to fit, from the most to the least: up to a budget, or a compute where there is none.

    Each leaves three runs or more above it, and below it an identifiable table of twice as many runs as parameters.
    """
    runs = fitted.runs
    if np.isnan(runs.flops).any():
        return np.zeros((0, len(runs)), bool)
    return below(fitted, np.where(np.isfinite(runs.budget), runs.budget, runs.flops))


def below(fitted: Fitted, level: np.ndarray) -> np.ndarray:
    """[origins, n], the runs to fit, from the most to the least: those up to an edge of `level` [n]; as `origins`."""
    edges, first = [], np.inf
    for c in np.unique(level)[::-1]:  # from above, so that the largest budget is whole
        if c * WITHIN < first:
            edges.append(float(c))
            first = c
    chosen: list[float] = []
    for reach in REACHES:
        edge = next((c for c in edges[1:] if c * reach <= EXACT * level.max() and np.sum(level > c) >= HELD_OUT), None)
        if edge is None or edge in chosen or np.sum(level <= edge) < 2 * len(fitted.law.names):
            continue
        if identifiable(fitted, level <= edge):
            chosen.append(edge)
    return level[None] <= np.array(chosen)[:, None]


def backtest(fitted: Fitted, seed: int = 0, kept: np.ndarray | None = None, count: int = RESAMPLES) -> Backtest | None:
    """Fits below each origin with their predictions above it; None where nothing can be left out.

    Args:
        kept: runs to fit for each origin [origins, n]; default: `origins`.
        count: resamples of each origin. They depend on the seed and the runs only, so laws can be compared in pairs.
    """
    runs, kept = fitted.runs, origins(fitted) if kept is None else kept
    if not len(kept):
        return None
    cuts = np.array([runs.flops[rows].max() for rows in kept])
    below = refit(fitted, kept.astype(float), [subset_starts(fitted, rows) for rows in kept])
    weight = np.zeros((len(cuts), count, len(runs)))
    for i, rows in enumerate(kept):
        weight[i][:, rows] = draw(runs.group[rows], count, seed)
    lanes = refit(fitted, weight.reshape(-1, len(runs)), list(np.repeat(below.theta, count, axis=0)[:, None]))
    predicted = fitted.predict(below.coefficients)  # [cuts, n]
    resampled = fitted.predict(lanes.coefficients).reshape(len(cuts), count, len(runs))
    z = NormalDist().inv_cdf((1 + fitted.level) / 2)
    parts = []
    for i, rows in enumerate(kept):
        out = np.flatnonzero(~rows)
        residual = np.log(runs.loss) - predicted[i]
        widen = np.sqrt(rows.sum() / max(rows.sum() - len(fitted.law.names), 1))
        noise = widen * np.quantile(np.abs(residual[rows]), fitted.level) / z
        spread = half_width(resampled[i][:, out])
        same = np.full(len(out), cuts[i])
        parts.append(
            (out, same, runs.flops[out] / cuts[i], residual[out], np.exp(predicted[i][out]), spread,
             np.maximum(np.hypot(spread, noise), ROUNDING), resampled[i][:, out].T)
        )  # fmt: skip
    return Backtest(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def half_width(values: np.ndarray) -> np.ndarray:
    """Half of the central 68 percent of the finite values of each column [lanes, m]; infinite where there are none.

    A lane that ran away moves no quantile.
    """
    columns = (column[np.isfinite(column)] for column in values.T)
    return np.array([np.ptp(np.quantile(x, [0.16, 0.84])) / 2 if len(x) else np.inf for x in columns])


def backtest_block(fitted: Fitted, found: Backtest | None) -> dict[str, Any]:
    """What the backtest says: over all held-out runs, by origin, and run by run."""
    if found is None:
        if np.isnan(fitted.runs.flops).any():
            return nothing("the table has no FLOPs")
        return nothing("no largest budget can be left out: fewer than 3 runs above, or too few configurations below")
    found = answered(found)
    if not len(found.row):
        return nothing("no fit below a budget has a finite prediction above it")
    everything = np.ones(len(found.row), bool)
    return {
        "status": "ok",
        "level": fitted.level,
        **summary(fitted, found, everything),
        "origins": [
            {
                "flops": cut,
                "fitted": int(np.sum(fitted.runs.flops <= cut)),
                **summary(fitted, found, found.origin == cut),
            }
            for cut in np.unique(found.origin)[::-1]
        ],
        "points": [
            {"row": int(fitted.runs.row[r]), "origin": o, "factor": f, "error": e, "predicted": p, "sd": s}
            for r, o, f, e, p, s in zip(
                found.row, found.origin, found.factor, found.error, found.predicted, found.sd, strict=True
            )
        ],
    }


def answered(found: Backtest) -> Backtest:
    """The predictions that are numbers, with a spread that is one: a fit of noise may run away."""
    good = np.isfinite(found.error) & np.isfinite(found.sd) & np.isfinite(found.predicted)
    return Backtest(**{name: values[good] for name, values in vars(found).items()})


def summary(fitted: Fitted, found: Backtest, chosen: np.ndarray) -> dict[str, Any]:
    """Errors of the chosen predictions: in the unit of the loss (mean, rms), relative (rms), and against the claim."""
    loss = fitted.runs.loss[found.row[chosen]]
    error = loss - found.predicted[chosen]
    return {
        "held_out": int(chosen.sum()),
        "factor": [float(found.factor[chosen].min()), float(found.factor[chosen].max())],
        "mean": float(error.mean()),
        "rms": float(np.sqrt(np.mean(error**2))),
        "unit": fitted.runs.units.unit,
        "relative_rms": float(np.sqrt(np.mean((error / loss) ** 2))),
        "inside": int(found.inside(fitted.level)[chosen].sum()),
        "score_rms": float(np.sqrt(np.mean(found.score[chosen] ** 2))),
    }
