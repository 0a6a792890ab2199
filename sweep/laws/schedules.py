"""Learning-rate sequences as what schedule-aware laws read, a column a (run, step).

A sequence holds the rate of every step from 0, warm-up included: its rates belong to the sum, and for the multi-power
law its rises are negative drops (so the published coefficients were fitted). That law of the whole sequence would cost
steps^2 a curve; `compress` keeps the changes only, grouped by how long ago they happened, so that a row costs the same
however long its run: within 3e-5 nats/token of the full sum on the published curves.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

MOMENTUM = 0.999  # decay of a drop's after-effect per step (Tissue et al. 2024)
RECENT = 32  # spans of steps before the present one, geometrically longer into the past
EARLY = np.array([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])  # and more cuts where a warm-up starts near zero
GROUPS = RECENT + len(EARLY)
JUMP = 3.0  # a change this many times both its neighbours' is a jump, not a slope


def cosine(warmup: int, total: int, peak: float, end: float) -> np.ndarray:
    """Rates [total]: linear warm-up from 0 to `peak`, then half a cosine down to `end`."""
    step = np.arange(total - warmup)
    return np.concatenate(
        [np.linspace(0, peak, warmup), end + 0.5 * (peak - end) * (1 + np.cos(np.pi * step / (total - warmup)))]
    )


def two_stage(warmup: int, total: int, peak: float, switch: int, then: float) -> np.ndarray:
    """Rates [total]: linear warm-up, then `peak`, from step `switch` on `then` (equal to `peak`: constant)."""
    return np.concatenate([np.linspace(0, peak, warmup), np.full(switch - warmup, peak), np.full(total - switch, then)])


def from_rows(step: np.ndarray, lr: np.ndarray, warmup: int | None = None) -> np.ndarray:
    """Rates of every step from 0 to the last row's, from the rows of one run.

    Args:
        step: ascending step numbers [n].
        lr: rates [n]; straight lines between rows, except that a change much larger than both its neighbours is a
            jump at its row.
        warmup: steps of a linear warm-up from 0 to the first rate; default: up to the first row.
    """
    first = int(step[0]) if warmup is None else int(warmup)
    change = np.abs(np.diff(lr))
    around = np.maximum(np.concatenate([[0.0], change[:-1]]), np.concatenate([change[1:], [0.0]]))
    jumps = np.flatnonzero(change > JUMP * around) + 1 if len(change) > 1 else np.array([], int)
    at = np.concatenate([step, step[jumps] - 1e-6])  # the old rate holds until just before the jump
    rates = np.concatenate([lr, lr[jumps - 1]])
    order = np.argsort(at, kind="stable")
    later = np.interp(np.arange(first, int(step[-1]) + 1), at[order], rates[order])
    return np.concatenate([np.linspace(0, lr[0], first), later])


def lr_sum(rates: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Sum of the rates up to and with each `step` [n]."""
    return np.cumsum(rates)[step]


def annealing(rates: np.ndarray, step: np.ndarray, momentum: float = MOMENTUM) -> np.ndarray:
    """S2(s) = sum_{i <= s} m_i with m_i = momentum m_{i-1} + (lr_{i-1} - lr_i), at each `step` [n].

    Tissue et al. 2024 (arXiv 2408.11029). Drops count from the highest rate on.
    """
    drops = -np.diff(rates, prepend=rates[:1])
    drops[: np.argmax(rates) + 1] = 0.0  # a warm-up's rises are no negative drops here
    total, state = np.empty(len(rates)), 0.0
    for i, drop in enumerate(drops.tolist()):
        state = momentum * state + drop
        total[i] = state
    return np.cumsum(total)[step]


def compress(rates: np.ndarray, step: np.ndarray) -> np.ndarray:
    """What the multi-power law reads: [1 + 6 GROUPS, n].

    Row 0 is `lr_sum`; then, for rises and for drops apart, GROUPS rows each of

        the total change lr_k - lr_{k-1} of a group,
        the mean of the rate lr_k after the change, and
        the mean of the rates summed since, sum_{i=k..s} lr_i,

    both weighted by the change. Groups reach back geometrically from the row's step, so recent changes, whose effect
    still grows, are told apart; a lone jump is exact.
    """
    gap = np.diff(rates, prepend=rates[:1])
    summed = np.cumsum(rates)
    before = summed - rates  # sum up to the step before each change
    step = np.asarray(step)
    back = np.concatenate([np.zeros((1, len(step))), np.geomspace(1.0, step + 1.0, RECENT)])
    recent = np.maximum(step + 1 - np.floor(back).astype(int), 0)
    early = np.minimum(EARLY[:, None] + 1, step + 1)
    edges = -np.sort(-np.concatenate([recent, early]), axis=0)  # of groups [edges[j + 1], edges[j])
    out = [summed[step][None]]
    for sign in (1, -1):
        weight = np.where(sign * gap > 0, gap, 0.0)
        prefix = [np.concatenate([[0.0], np.cumsum(weight * x)]) for x in (np.ones_like(gap), rates, before)]
        change, moment, past = (p[edges[:-1]] - p[edges[1:]] for p in prefix)
        none = np.abs(change) < 1e-12 * np.max(rates)
        safe = np.where(none, 1.0, change)
        rate = np.where(none, np.max(rates), moment / safe)
        since = np.where(none, 0.0, summed[step] - past / safe)
        out += [np.where(none, 0.0, change), rate, since]
    return np.concatenate(out)


def of_rows(feature: Callable[[np.ndarray, np.ndarray], np.ndarray], run: Any, step: Any, lr: Any) -> np.ndarray:
    """`feature` of every row of a table of curves: [n] or [f, n]. `run` tells the curves apart, [n] each."""
    run, step, lr = np.asarray(run), np.asarray(step, int), np.asarray(lr, float)
    order, parts = [], []
    for name in np.unique(run):
        rows = np.flatnonzero(run == name)
        rows = rows[np.argsort(step[rows], kind="stable")]
        order.append(rows)
        parts.append(feature(from_rows(step[rows], lr[rows]), step[rows]))
    together = np.concatenate(parts, axis=-1)
    return together[..., np.argsort(np.concatenate(order))]
