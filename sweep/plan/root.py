"""Roots in a logarithm, for any number of lanes at once: bisection, which no lane can escape from."""

from collections.abc import Callable
from typing import Any

import numpy as np

LOW, HIGH = 0.0, 110.0  # ln of counts: from 1 to 6e47, beyond any model and any corpus
ITERATIONS = 56  # 110 / 2^56 is below the rounding of a logarithm


def rising(function: Callable[[Any], Any], low: Any = LOW, high: Any = HIGH) -> Any:
    """x with function(x) = 0, of a function that rises from below zero to above it; NaN where it does not.

    Args:
        function: elementwise; its value may carry lanes, which broadcast with the bracket.
        low, high: bracket, scalars or lanes.
    """
    with np.errstate(all="ignore"):
        at_low, at_high = function(low), function(high)
        good = (at_low <= 0) & (at_high >= 0)
        low, high = (np.broadcast_to(np.asarray(x, float), np.shape(good)) for x in (low, high))
        for _ in range(ITERATIONS):
            middle = (low + high) / 2
            below = function(middle) < 0
            low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(good, (low + high) / 2, np.nan)[()]
