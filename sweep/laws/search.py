"""Compute-optimal sizes without a closed form: a bracketed search along the isoFLOP C = k N D.

N = sqrt(C / k) e^u and D = sqrt(C / k) e^-u: a coarse grid in u finds the deepest valley, golden section its bottom.
Lanes and budgets broadcast. Where loss only falls towards an edge of the grid (N / D beyond e^24 either way) there is
no optimum, and the answer is NaN; a formula that falls again at absurd ratios keeps its valley.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

GRID = np.linspace(-12.0, 12.0, 97)
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
ITERATIONS = 36  # a bracket of half a unit shrinks to 1e-8, where rounding of the loss ends the search
REACH = 0.25  # half-width in ln C of the differences that give local exponents


def optimum(predict: Callable[[Any, Any], Any], flops: Any, k: Any) -> tuple[Any, Any]:
    """(params, tokens) of the least `predict(params, tokens)` with k N D = C.

    Args:
        predict: loss; may carry lanes, which broadcast against `flops`.
        flops: budget C.
        k: FLOPs per parameter and token.

    Returns:
        Arrays (or floats) of the broadcast shape; relative accuracy about 1e-7, NaN without an interior minimum.
    """
    middle = np.sqrt(np.asarray(flops, float) / k)

    def along(u: Any) -> Any:
        loss = predict(middle * np.exp(u), middle * np.exp(-u))
        return np.where(np.isnan(loss), np.inf, loss)

    u = valley(along, GRID)
    return (middle * np.exp(u))[()], (middle * np.exp(-u))[()]


def valley(along: Callable[[Any], Any], grid: Any) -> Any:
    """x of the least `along(x)` inside an evenly spaced `grid`, by the grid and then golden section.

    Args:
        along: of scalars or lanes; its value may carry lanes, and no NaN (inf where there is none).

    Returns:
        Array (or float) of the lanes; NaN where the least is at an edge of the grid.
    """
    lanes = np.shape(along(grid[0]))
    coarse = np.broadcast_to(along(grid.reshape(-1, *(1,) * len(lanes))), (len(grid), *lanes))
    deep = (coarse[1:-1] < coarse[:-2]) & (coarse[1:-1] <= coarse[2:])
    best = 1 + np.argmin(np.where(deep, coarse[1:-1], np.inf), axis=0)
    inside = np.any(deep, axis=0)
    low, high = grid[best - 1], grid[best + 1]
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = along(left), along(right)
    for _ in range(ITERATIONS):
        lower = at_left < at_right
        low, high = np.where(lower, low, left), np.where(lower, right, high)
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        at_left, at_right = along(left), along(right)
    return np.where(inside, (low + high) / 2, np.nan)[()]


def allocation(size: Callable[[Any], tuple[Any, Any]], flops: Any) -> tuple[Any, Any]:
    """Local exponents (a, b) of N* ~ C^a, D* ~ C^b around `flops`, by central differences of `size(flops)`."""
    below, above = size(flops * np.exp(-REACH)), size(flops * np.exp(REACH))
    a, b = (np.log(high / low) / (2 * REACH) for low, high in zip(below, above, strict=True))
    return a, b
