"""Intervals that cover: from resampled values to [low, high], with what a plain percentile interval leaves out.

Three methods over the same resamples, none of which needs another fit:

    percentile  quantiles of the resampled values (Efron 1979)
    bca         percentiles moved for bias and skewness (Efron 1987), the acceleration from the linear part below
    adjusted    percentiles at the normal scores -z and z, with
                z = r sqrt(n / (n - k)) sqrt(g / (g - 1)) t_{g-1}

In `adjusted`, g groups were drawn and k parameters estimated from n effective runs. Student's t and sqrt(g / (g - 1))
widen for few groups (the expanded percentile interval: Hesterberg 2015, section 4.3), sqrt(n / (n - k)) for residuals
that a fit has made small. Runs that share a group's luck count for fewer: n = 2 / (1 / runs + 1 / groups), which is the
design effect of Kish (1965) where half of the variance is shared, and all runs where each is a group.

The factor r <= 1 narrows: a percentile interval is centred on the middle of the resampled values, a bagged estimate,
which is steadier than the estimate itself where the objective is nearly least absolute deviations. Efron (2014,
"Estimation and accuracy after model selection") gives the standard deviation of a bagged estimate as that of the part
of the resampled values that is linear in how often each group was drawn; r is the square root of that part's share of
the variance, taken over normal scores, so that it stays the same when a quantity is transformed. Where the objective is
smooth, r is nearly 1. benchmarks/coverage.py measures all three; docs/uncertainty.md has its table.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from sweep.errors import InputError
from sweep.fit.bootstrap import LEAST

ADJUSTED, PERCENTILE, BCA = METHODS = ("adjusted", "percentile", "bca")
NORMAL = NormalDist()
ENOUGH = 20_000  # resamples that tell how a quantity depends on the groups: its share of variance to 0.01


@dataclass(frozen=True)
class Doubt:
    """The resamples behind a fit's intervals.

    Attributes:
        drawn: how often each group is in each resample, [lanes, groups]; [lanes, 0] where there were too many groups
            to keep.
        groups: independent groups of runs that were drawn from.
        runs, parameters: of the fit.
        resamples: that were made, with those that gave no answer and have no lane.
    """

    drawn: np.ndarray
    groups: int
    runs: int
    parameters: int
    resamples: int = 0

    @property
    def least(self) -> int:
        """Values without which there is no interval: 20, and half of the resamples.

        Resamples that give no answer are not like those that do: where most are missing, the others say how the
        answer spreads if there is one, which is not what an interval is read as.
        """
        return max(LEAST, -(-self.resamples // 2))

    def interval(
        self, values: np.ndarray, level: float | int, method: str = ADJUSTED, estimate: float | int | None = None
    ) -> list[float | None]:
        """[low, high] of a quantity at `level`, in its own unit; nulls without `least` finite values or two groups.

        Args:
            values: of the quantity on every resample [lanes]; those that are not finite are left out.
            method: adjusted, percentile or bca.
            estimate: the quantity on the table itself; `bca` needs it.
        """
        check(level, method)
        values = np.asarray(values, float)
        finite = values[np.isfinite(values)]
        if len(finite) < self.least or self.groups < 2:
            return [None, None]
        if method == BCA:
            few, good = self.telling(values)
            scores = self.bca_scores(finite, self.influence(few[good], good), level, estimate)
        else:
            z = NORMAL.inv_cdf((1 + level) / 2) * (self.widening(values, level) if method == ADJUSTED else 1.0)
            scores = (-z, z)
        return [float(q) for q in np.quantile(finite, [NORMAL.cdf(z) for z in scores])]

    def widening(self, values: np.ndarray, level: float | int) -> float:
        """By how much `adjusted` is wider than `percentile`, in normal scores; below 1 where it is narrower."""
        few, good = self.telling(values)
        scores = normal_scores(few[good])
        share = linear_share(scores, self.drawn[: len(few)][good], self.influence(scores, good))
        return math.sqrt(share) * self.reach(level) / NORMAL.inv_cdf((1 + level) / 2)

    def reach(self, level: float | int) -> float:
        """Normal score of the ends of an `adjusted` interval before the factor r narrows it."""
        few = student_t((1 + level) / 2, self.groups - 1) * math.sqrt(self.groups / (self.groups - 1))
        effective = 2 / (1 / self.runs + 1 / self.groups)
        return few * math.sqrt(effective / max(effective - self.parameters, 1))

    def telling(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first values, enough for the influence of the groups, and which of them are finite."""
        few = np.asarray(values, float)[: max(ENOUGH, 4 * self.groups)]
        return few, np.isfinite(few)

    @functools.cached_property
    def projector(self) -> np.ndarray | None:
        """Of the first lanes; most quantities are finite on every one."""
        return projector(self.drawn[: max(ENOUGH, 4 * self.groups)])

    def influence(self, values: np.ndarray, good: np.ndarray) -> np.ndarray | None:
        """Influence of each group on values of the `good` ones of the first lanes, [groups]; None if not known."""
        onto = self.projector if good.all() else projector(self.drawn[: len(good)][good])
        return None if onto is None else onto @ (values - values.mean())

    def bca_scores(
        self, values: np.ndarray, influence: np.ndarray | None, level: float | int, estimate: float | int | None
    ) -> tuple[float, float]:
        """Normal scores of the BCa limits (Efron 1987, eq. 2.3)."""
        if estimate is None:
            raise InputError("interval: method bca needs the estimate that was resampled")
        below = (np.sum(values < estimate) + 0.5 * np.sum(values == estimate) + 0.5) / (len(values) + 1)
        bias, skew = NORMAL.inv_cdf(below), 0.0
        if influence is not None and np.any(influence):
            skew = np.sum(influence**3) / (6 * np.sum(influence**2) ** 1.5)
        z = NORMAL.inv_cdf((1 + level) / 2)
        low, high = (bias + (bias + x) / max(1 - skew * (bias + x), 0.1) for x in (-z, z))
        return float(low), float(high)


def check(level: float | int, method: str) -> None:
    """InputError for a level outside (0, 1) or a method that is not one of METHODS."""
    if not 0 < level < 1:
        raise InputError(f"interval: level {level!r}; it must be within (0, 1), such as 0.9")
    if method not in METHODS:
        raise InputError(f"interval: no method {method!r}; there are {', '.join(METHODS)}")


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Normal scores of values by their ranks, equal values alike; [lanes]."""
    _, index, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - count / 2
    return np.array([NORMAL.inv_cdf(p) for p in middle / len(values)])[index]


def projector(drawn: np.ndarray) -> np.ndarray | None:
    """[groups, lanes], which takes values on the lanes to the influence of each group: slopes in its count, of mean 0.

    None where there are fewer than two resamples a group: nothing is said on a guess. A resample draws a fixed number
    of groups, so the last count follows from the others, and only slopes that sum to 0 are identified.
    """
    lanes, groups = drawn.shape
    if groups < 2 or lanes < 2 * groups:
        return None
    columns = drawn[:, :-1] - drawn[:, -1:]
    columns = columns - columns.mean(axis=0)
    gram = columns.T @ columns
    slopes = np.linalg.solve(gram + 1e-12 * np.trace(gram) * np.eye(groups - 1), columns.T)
    return np.vstack([slopes, -slopes.sum(axis=0)])


def linear_share(values: np.ndarray, drawn: np.ndarray, influence: np.ndarray | None) -> float:
    """Share of the variance of values [lanes] that is linear in the counts [lanes, groups]: adjusted R^2, at most 1.

    1 where the influences [groups] are not known.
    """
    lanes, groups = drawn.shape
    total = np.sum((values - values.mean()) ** 2)
    if influence is None or total == 0:
        return 1.0
    part = drawn @ influence
    left = np.sum((values - values.mean() - part + part.mean()) ** 2)
    return float(np.clip(1 - left / total * (lanes - 1) / (lanes - groups), 0.05, 1.0))


def student_t(p: float, freedom: int) -> float:
    """Quantile of Student's t at p >= 1/2 (Abramowitz and Stegun 26.7.3 and 26.7.4, inverted by bisection)."""
    if freedom > 1000:
        return NORMAL.inv_cdf(p)
    count, odd = freedom // 2, freedom % 2
    j = np.arange(1, count + 1)
    ratio = 2 * j / (2 * j + 1) if odd else (2 * j - 1) / (2 * j)
    terms = np.concatenate([[1.0], np.cumprod(ratio)])[:count]
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        series = math.sin(angle) * float(np.sum(terms * math.cos(angle) ** (2 * np.arange(count) + odd)))
        inside = 2 / math.pi * (angle + series) if odd else series
        low, high = (angle, high) if inside < 2 * p - 1 else (low, angle)
    return math.sqrt(freedom) * math.tan(low)


def widened(pair: Sequence[float | None], centre: float | int, factor: float | int) -> list[float | None]:
    """[low, high] with both distances from the centre times `factor`; nulls stay."""
    low, high = pair
    if low is None or high is None:
        return [None, None]
    return [float(centre - factor * max(centre - low, 0.0)), float(centre + factor * max(high - centre, 0.0))]
