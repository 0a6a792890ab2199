"""Resampling of runs: whole groups with replacement, as integer row weights, and percentile intervals from the results.

Runs that share a trunk or a seed group share their noise, so they are drawn together; points of one training curve
are never resampled as if they were independent. `sweep.fit.interval` makes intervals that cover of the results.
"""

import numpy as np

LEAST = 20  # values without which there is no interval


def draw(group: np.ndarray, count: int, seed: int) -> np.ndarray:
    """How often each run is in each resample, [count, n], drawing as many groups as there are, with replacement."""
    groups, index = np.unique(group, return_inverse=True)
    chance = np.full(len(groups), 1 / len(groups))
    times = np.random.default_rng(seed).multinomial(len(groups), chance, size=count)
    return times[:, index].astype(float)


def by_group(weight: np.ndarray, group: np.ndarray) -> np.ndarray:
    """How often each group is in each resample, [count, groups], of the runs' weights [count, n]."""
    _, first = np.unique(group, return_index=True)
    return weight[:, first]


def interval(values: np.ndarray, level: float) -> list[float | None]:
    """[low, high] of the central `level` share of the finite values; nulls where fewer than 20, or half, are finite."""
    finite = values[np.isfinite(values)]
    if len(finite) < max(LEAST, len(values) / 2):
        return [None, None]
    tail = 50 * (1 - level)
    return [float(q) for q in np.percentile(finite, [tail, 100 - tail])]
