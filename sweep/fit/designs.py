"""Starts of any law from its own design: shape parameters that fill their ranges, the linear block solved for.

Where a law has two exponents over params and tokens, the fixed grid of `starts` serves. Any other law names ranges in
which its shape parameters are looked for: a Halton design fills them, non-negative least squares solves the linear
block of every cell, and some rounds of differential evolution around the best cells (Storn and Price 1997) follow
valleys that no design of this size can hit, such as that between an amplitude and its exponent. Several cells far from
each other start Newton, so that a second basin is seen.
"""

import numpy as np

from sweep.fit.objective import huber
from sweep.fit.starts import cells, grid_starts, thin
from sweep.laws import Law

CELLS = 2048  # of the design
WORK = 2**21  # cells x rows x features of one round: larger tables are judged on fewer rows
ROUNDS, SAMPLES, ELITE = 8, 512, 48
COUNT = 16  # starts of a law without a grid
APART = 0.15  # least distance of starts in the unit cube of the design, along the coordinate that differs most


def find_starts(
    law: Law,
    features: np.ndarray,
    loss: np.ndarray,
    *,
    delta: float,
    count: int | None = None,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """Starts of Newton, theta [s, k], best first; the last is the best without the law's optional term, if it has one.

    Args:
        features: of the law, [f, n].
        loss: nats/token, [n].
        delta: Huber threshold of the residuals of ln loss that ranks the cells.
        count: starts besides the last one; default 8 of a grid, 16 of a design.
        weight: of the rows, [n].
    """
    if has_grid(law):
        return grid_starts(law, features, loss, delta=delta, count=count or 8, weight=weight)
    return design_starts(law, features, loss, delta=delta, count=count or COUNT, weight=weight)


def has_grid(law: Law) -> bool:
    """Whether the fixed grid of two exponents suits the law."""
    return law.inputs == ("params", "tokens") and len(law.shape) == 2 and bool(law.linear) and not law.held


def design_starts(
    law: Law, features: np.ndarray, loss: np.ndarray, *, delta: float, count: int, weight: np.ndarray | None = None
) -> np.ndarray:
    """`find_starts` from the law's own design."""
    features, loss, weight = thin(features, loss, weight, max(WORK // (CELLS * len(features)), 64))
    columns = len(law.linear)

    def judged(shape: np.ndarray, left_out: int = -1) -> tuple[np.ndarray, np.ndarray]:
        terms = [c for c in range(columns) if c != left_out]
        return judge(law, shape, terms, features, loss, delta, weight)

    shape = law.design(CELLS if law.shape else 1)
    low, high = shape.min(axis=0), shape.max(axis=0)
    score, theta = judged(shape)
    if law.shape:
        rng = np.random.default_rng(0)
        for _ in range(ROUNDS):
            more = around(rng, shape[np.argsort(score, kind="stable")[:ELITE]], low, high)
            new_score, new_theta = judged(more)
            shape, score = np.concatenate([shape, more]), np.concatenate([score, new_score])
            theta = np.concatenate([theta, new_theta])
    order = np.argsort(score, kind="stable")
    chosen = apart(shape[order[: 16 * ELITE]], low, high, count)
    starts = theta[order[chosen]]
    if law.optional >= 0 and columns > 1:
        bare_score, bare = judged(shape[order[: 16 * ELITE]], law.optional)
        starts = np.concatenate([starts, bare[[np.argmin(bare_score)]]])
    return starts


def judge(
    law: Law,
    shape: np.ndarray,
    terms: list[int],
    features: np.ndarray,
    loss: np.ndarray,
    delta: float,
    weight: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(score [cells], theta [cells, k]) of shape parameters [cells, s], using the `terms` of the linear block."""
    with np.errstate(all="ignore"):  # a cell far from sense is infinite, and no start
        columns = law.basis(shape, features)
        if law.linear:
            columns = np.where(np.isfinite(columns), columns, 0.0)
            offset = law.offset(shape, features) if law.offset else None
            return cells(law, shape, columns, terms, loss, delta, weight, offset)
        score = huber(np.log(columns[:, 0]) - np.log(loss), delta) @ weight
    return np.where(np.isfinite(score), score, np.inf), law.from_block(shape, np.empty((len(shape), 0)))


def around(rng: np.random.Generator, elite: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Shape parameters [SAMPLES, s] around randomly chosen members of the elite [e, s], as far as these lie apart.

    A move is the difference of two other members, which follows the valley that they lie in, and a little noise of the
    size of the design's ranges, so that the set does not collapse.
    """
    base, one, other = (elite[rng.integers(len(elite), size=SAMPLES)] for _ in range(3))
    size = rng.uniform(0.3, 1.2, (SAMPLES, 1))
    noise = 0.01 * (high - low) * rng.standard_normal(base.shape) * rng.uniform(size=(SAMPLES, 1)) ** 3
    return base + size * (one - other) + noise


def apart(shape: np.ndarray, low: np.ndarray, high: np.ndarray, count: int) -> np.ndarray:
    """Index of at most `count` of the shapes [m, s], best first: far from those before, then simply the best."""
    unit = (shape - low) / np.where(high > low, high - low, 1.0)
    chosen: list[int] = []
    for i in range(len(unit)):
        if all(np.abs(unit[i] - unit[j]).max() > APART for j in chosen):
            chosen.append(i)
        if len(chosen) == count:
            break
    rest = [i for i in range(len(unit)) if i not in set(chosen)]
    return np.sort(np.array((chosen + rest)[:count]))
