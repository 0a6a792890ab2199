"""Do runs share noise? By size, along one training run, by budget, and by every column that names runs alike.

A fit's intervals take its groups of runs as independent. Runs that share a size, a budget, a seed or a trunk that no
column names may share their luck, and intervals are then too narrow. The test is a score test of a random effect: of
the residuals e of the fit, made orthogonal to the law's derivatives, the sum of e_i e_j over pairs of runs of one
block, which is near 0 where runs are independent. Its distribution without shared noise comes from the same residuals
with random signs (the wild bootstrap: Liu 1988), made orthogonal again, so that neither heavy tails nor noise that
falls with compute call an alarm. All candidates are judged on the same signs, by the least of their p-values (Westfall
and Young 1993): many columns call no more alarms than one. The share of the variance is found by moments, corrected
for what the fitted parameters take up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sweep.fit.approach2 import families
from sweep.fit.diagnostics.curvature import curvature
from sweep.fit.diagnostics.fitted import Fitted
from sweep.tables.choice import joined
from sweep.tables.runs import Runs

SIGNIFICANT = 0.05
DRAWS = 1999  # of signs
FEWEST = 4  # blocks; of fewer there is nothing to resample
LEAST_ROWS = 20
SPARE = 2  # blocks beyond those that the law's coefficients can follow
MOST_ROWS = 2_000
SIZE, TRAJECTORY, BUDGET = "size", "trajectory", "budget"


@dataclass(frozen=True)
class Candidate:
    """What might share noise.

    Attributes:
        name: size, trajectory, budget, or a column.
        block: number of each run's block [n].
        left, right: pairs of runs whose residuals are multiplied, of a trajectory [m] each; None: all pairs of a block.
    """

    name: str
    block: np.ndarray
    left: np.ndarray | None = None
    right: np.ndarray | None = None


@dataclass(frozen=True)
class Shared:
    """What was found.

    Attributes:
        by: the candidate whose runs share noise; None: none does.
        p: of the test, over all candidates.
        share: of the variance of the noise.
        tested: p of each candidate.
        block: of each run [n], of `by`; None where nothing was found.
    """

    by: str | None
    p: float
    share: float
    tested: Mapping[str, float]
    block: np.ndarray | None = None

    def record(self, group: np.ndarray) -> dict[str, Any]:
        """Plain data.

        Args:
            group: of each run [n], as they are resampled.
        """
        together = self.block is not None and len(np.unique(np.stack([group, self.block]), axis=1).T)
        blocks = 0 if self.block is None else len(np.unique(self.block))
        return {
            "by": self.by,
            "p": self.p,
            "share": self.share,
            "groups": len(np.unique(group)),
            "resampled": self.block is not None and together == blocks,
            "tested": dict(self.tested),
        }


def regrouped(fitted: Fitted, seed: int) -> tuple[Runs, Shared | None]:
    """The runs, in larger groups where runs share noise; and what was found, None where it was not asked.

    Runs with weights are not asked, nor tables of fewer than LEAST_ROWS or more than MOST_ROWS.
    """
    runs = fitted.runs
    asked = runs.weight is None and LEAST_ROWS <= len(runs) <= MOST_ROWS
    if not (asked and (able := candidates(runs, len(fitted.theta)))):
        return runs, None
    found = shared(fitted, able, seed)
    if found.block is None:
        return runs, found
    group = joined(np.unique(runs.group, return_inverse=True)[1], found.block)
    if len(np.unique(group)) < FEWEST:  # blocks across the groups that the table names: nothing is left to resample
        return runs, found
    return replace(runs, group=group), found


def candidates(runs: Runs, parameters: int) -> list[Candidate]:
    """What can be tested: several runs in a block, more blocks than the law can follow, no partition twice."""
    listed = [Candidate(SIZE, same(runs.params))]
    left, right = neighbours(runs)
    listed += [Candidate(TRAJECTORY, listed[0].block, left, right)] if np.isfinite(runs.tokens).all() else []
    listed += [Candidate(BUDGET, of_families(runs))] if np.isfinite(runs.flops).all() else []
    listed += [Candidate(name, block) for name, block in runs.labels.items()]
    group, able, known = same(runs.group), [], set()
    for one in listed:
        key = one.block.tobytes() + (b"" if one.left is None else b"pairs")
        blocks = len(np.unique(one.block))
        across = len(np.unique(np.stack([one.block, group]), axis=1).T) - blocks  # runs that are not grouped already
        if key in known or blocks < FEWEST or across < parameters + SPARE:
            continue
        known.add(key)
        able.append(one)
    return able


def same(values: np.ndarray) -> np.ndarray:
    """Number of each value [n] among those that occur, by first occurrence; values within 1e-6 are one."""
    keys = values if values.dtype.kind in "iu" else np.round(np.log(np.abs(values) + 1e-300), 6)
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number.ravel()]


def neighbours(runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of runs of one size that follow one another in tokens, of different groups."""
    block = same(runs.params)
    order = np.lexsort((runs.tokens, block))
    left, right = order[:-1], order[1:]
    pair = (block[left] == block[right]) & (runs.tokens[left] < runs.tokens[right])
    pair &= runs.group[left] != runs.group[right]
    return left[pair], right[pair]


def of_families(runs: Runs) -> np.ndarray:
    """Number of each run's isoFLOP family [n]; runs of none are alone."""
    number = np.arange(len(runs)) + len(runs)
    for index, (_, rows) in enumerate(families(runs)):
        number[rows] = index
    return same(number)


def shared(fitted: Fitted, able: list[Candidate], seed: int) -> Shared:
    """The test of every candidate."""
    group = same(fitted.runs.group)
    shape = curvature(fitted)
    columns = shape.jacobian[shape.free].T / (fitted.solution.predicted[:, None] if fitted.objective.in_loss else 1.0)
    onto, _ = np.linalg.qr(columns / np.abs(columns).max(axis=0))
    left = fitted.residual - onto @ (onto.T @ fitted.residual)
    own = left / np.sqrt(np.maximum(1 - np.sum(onto**2, axis=1), 0.05))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (DRAWS, group.max() + 1))[:, group]
    drawn = signs * own
    drawn -= (drawn @ onto) @ onto.T
    here = np.array([products(left[None], one, group)[0] for one in able])
    there = np.stack([products(drawn, one, group) for one in able])  # [candidates, draws]
    p = (1 + np.sum(there >= here[:, None], axis=1)) / (DRAWS + 1)
    ranks = np.argsort(np.argsort(-there, axis=1), axis=1) + 1  # p-value of each draw among the draws
    least = np.sort(ranks.min(axis=0) / (DRAWS + 1))
    adjusted = (1 + np.searchsorted(least, p, side="right")) / (DRAWS + 1)
    tested = {one.name: float(value) for one, value in zip(able, adjusted, strict=True)}
    shares = np.array([share_of(left, onto, one.block, group) for one in able])
    best = max(range(len(able)), key=lambda i: (adjusted[i] < SIGNIFICANT, shares[i], -adjusted[i]))
    if not (adjusted[best] < SIGNIFICANT and shares[best] > 0):
        return Shared(None, float(adjusted.min()), 0.0, tested)
    return Shared(able[best].name, float(adjusted[best]), float(shares[best]), tested, able[best].block)


def products(residual: np.ndarray, one: Candidate, group: np.ndarray) -> np.ndarray:
    """Sum of e_i e_j over the pairs of a candidate, of residuals [lanes, n]; pairs of one group do not count."""
    if one.left is not None:
        return np.sum(residual[:, one.left] * residual[:, one.right], axis=1)
    return np.sum(summed(residual, one.block) ** 2, axis=1) - np.sum(summed(residual, cells(one.block, group)) ** 2, 1)


def cells(block: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Number of the block and group of each run [n]."""
    return np.unique(block * (group.max() + 1) + group, return_inverse=True)[1].ravel()


def summed(values: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Sums over blocks of values [..., n]: [..., blocks]."""
    order = np.argsort(block, kind="stable")
    first = np.searchsorted(block[order], np.arange(block.max() + 1))
    return np.add.reduceat(values[..., order], first, axis=-1)


def share_of(left: np.ndarray, onto: np.ndarray, block: np.ndarray, group: np.ndarray) -> float:
    """Share of the noise's variance that is common to a block, by moments of residuals [n], within [0, 1].

    With M the projection that made the residuals, Z the blocks, C their cells and O = ZZ' - CC', the expectations are
    E e'e = s tr M + t tr(M ZZ') and E e'O e = s tr(M O) + t tr(M O M ZZ') for own and shared variances s and t.
    """
    cell = cells(block, group)

    def through(index: np.ndarray, other: np.ndarray | None = None) -> float:
        """tr(M XX'), or the squares of Z'M X where another partition X is given."""
        sums = summed(onto.T, index)  # [k, blocks]
        if other is None:
            return len(index) - float(np.sum(sums**2))
        both = np.zeros((index.max() + 1, other.max() + 1))
        np.add.at(both, (index, other), 1.0)
        return float(np.sum((both - sums.T @ summed(onto.T, other)) ** 2))

    trace = len(left) - onto.shape[1]
    square = float(left @ left)
    pairs = float(np.sum(summed(left, block) ** 2) - np.sum(summed(left, cell) ** 2))
    system = np.array(
        [[trace, through(block)], [through(block) - through(cell), through(block, block) - through(block, cell)]]
    )
    own, common = np.linalg.solve(system, [square, pairs])
    return float(np.clip(common / max(own + common, 1e-300), 0.0, 1.0)) if common > 0 else 0.0
