"""What several laws foretold of the same held-out runs: the evidence from which a mixture takes weights and widening.

Origins are of two kinds: fitted below a compute and asked above it, and fitted below a number of tokens per parameter
and asked above that, where plans for served models live. Only origins below which every law can be fitted count.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sweep.fit import calibration, mixture, stacking
from sweep.fit.calibration import Calibration, beyond
from sweep.fit.diagnostics.backtest import backtest, below, origins
from sweep.fit.diagnostics.fitted import Fitted
from sweep.fit.rolling import common

RESAMPLES = 48  # of each origin and law: the spread is known to 10 %
COMPUTE, RATIO = "compute", "tokens_per_param"


@dataclass(frozen=True)
class HeldOut:
    """Predictions of m held-out runs by `laws` laws; a run may be held out by several origins.

    Attributes:
        origin: number of the origin [m]; `kind` [m] is COMPUTE or RATIO.
        compute, ratio: distance of the run beyond what was fitted, in ln C and in ln D / N, [m].
        error, sd: ln loss - ln predicted, and its claimed standard deviation, [m, laws].
        resampled: ln predicted less ln loss by the resampled fits below the origin, [m, laws, lanes].
    """

    origin: np.ndarray
    kind: np.ndarray
    compute: np.ndarray
    ratio: np.ndarray
    error: np.ndarray
    sd: np.ndarray
    resampled: np.ndarray

    @property
    def origins(self) -> int:
        """How many there are."""
        return len(np.unique(self.origin))

    @property
    def density(self) -> np.ndarray:
        """ln predictive density of each run by each law, [m, laws]."""
        return stacking.log_density(self.error, self.sd)


def held_out(fits: Sequence[Fitted], seed: int) -> HeldOut | None:
    """Every law below every common origin, judged above it; None where there is no such origin."""
    runs = fits[0].runs
    if not np.isfinite(runs.params * runs.tokens * runs.flops).all():
        return None
    of_compute = common([origins(f) for f in fits])
    of_ratio = common([below(f, f.runs.tokens / f.runs.params) for f in fits])
    kept = np.concatenate([of_compute, of_ratio])
    if not len(kept):
        return None
    with np.errstate(all="ignore"):
        found = [backtest(replace(f), seed, kept, RESAMPLES) for f in fits]
    outs = [np.flatnonzero(~rows) for rows in kept]
    number = np.repeat(np.arange(len(kept)), [len(out) for out in outs])
    far_c, far_m = [], []
    ratio = runs.tokens / runs.params
    for rows, out in zip(kept, outs, strict=True):
        far_c.append(beyond(runs.flops[out], runs.flops[rows].min(), runs.flops[rows].max()))
        far_m.append(beyond(ratio[out], ratio[rows].min(), ratio[rows].max()))
    assert all(f is not None for f in found)
    loss = np.log(runs.loss)[np.concatenate(outs)]
    return HeldOut(
        number,
        np.where(number < len(of_compute), COMPUTE, RATIO),
        np.concatenate(far_c),
        np.concatenate(far_m),
        np.stack([f.error for f in found if f is not None], axis=1),
        np.stack([f.sd for f in found if f is not None], axis=1),
        np.stack([f.resampled - loss[:, None] for f in found if f is not None], axis=1),
    )


def weights_of(found: HeldOut | None, laws: int) -> np.ndarray:
    """Weights [laws] of the mixture; equal without origins."""
    if found is None:
        return np.full(laws, 1 / laws)
    return stacking.weights(found.density, found.origin)


def calibration_of(found: HeldOut | None, laws: int) -> Calibration:
    """By what the mixture missed, each origin judged with the weights that the others give."""
    if found is None:
        nothing = calibration.Axis(0, 0.0, 0.0)
        return Calibration(nothing, nothing)
    score = np.full(len(found.origin), np.nan)
    for origin in np.unique(found.origin):
        others = found.origin != origin
        weight = stacking.shrunk(np.full(laws, 1 / laws), 0)
        if others.any():
            weight = stacking.weights(found.density[others], found.origin[others])
        for i in np.flatnonzero(~others):
            score[i] = scored(found, int(i), weight)
    kinds = found.kind == COMPUTE, found.kind == RATIO
    distances = found.compute, found.ratio
    axes = (calibration.axis(score[k], d[k], found.origin[k]) for k, d in zip(kinds, distances, strict=True))
    return calibration.calibrated(*axes)


def scored(found: HeldOut, i: int, weight: np.ndarray) -> float:
    """Error of the mixture's median for run i, in units of the mixture's standard deviation.

    The variance is the mean of the laws' own and that between their predictions.
    """
    good = np.isfinite(found.error[i]) & np.isfinite(found.sd[i])
    if not good.any():
        return float("nan")
    share = np.where(good, weight, 0.0) / weight[good].sum()
    error, sd = np.where(good, found.error[i], 0.0), np.where(good, found.sd[i], 0.0)
    middle = mixture.quantile(*mixture.pooled([*found.resampled[i]], share), 0.5)
    between = share @ (error - share @ error) ** 2
    return -middle / float(np.sqrt(share @ sd**2 + between))
