"""Quantiles of a mixture: values of several laws' resamples, each law with its own weight."""

from collections.abc import Sequence

import numpy as np


def pooled(parts: Sequence[np.ndarray], weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All finite values of the parts, and the weight of each: that of its part, spread evenly over its values.

    A part without a finite value has no say, and the others share its weight.
    """
    kept = [np.asarray(p, float)[np.isfinite(p)] for p in parts]
    each = [np.full(len(p), w / max(len(p), 1)) for p, w in zip(kept, weight, strict=True)]
    value, share = np.concatenate(kept), np.concatenate(each)
    return value, share / share.sum() if len(share) and share.sum() > 0 else share


def quantile(value: np.ndarray, weight: np.ndarray, q: float | int) -> float:
    """Quantile of values [n] with weights [n]: linear between the middles of their steps; NaN of none."""
    if not len(value):
        return float("nan")
    order = np.argsort(value, kind="stable")
    value, weight = value[order], weight[order]
    middle = np.cumsum(weight) - weight / 2
    return float(np.interp(q * weight.sum(), middle, value))


def about(value: np.ndarray, factor: float | int) -> np.ndarray:
    """Values [n] moved away from their median by a factor; those that are not finite stay so."""
    finite = value[np.isfinite(value)]
    if not len(finite):
        return value
    middle = float(np.median(finite))
    return middle + factor * (value - middle)
