"""Which runs, added to a table, most reduce the variance of one quantity for what they cost.

The variance of a quantity under one resample is w' P w, P the inverse of the information of the runs (Fisher). A run
with Jacobian h takes (w' P h)^2 / (1 + h' P h) off it. Runs are added one at a time, the one that promises most for its
cost, on the mean over the resamples of the logarithm of the variance: it does not matter in which unit, and no resample
that knows next to nothing drowns the others. What "for its cost" means is tried three ways (per FLOP, per root of a
FLOP, whatever fits), each with several caps on the dearest run, and the best choice is then improved by exchange.

Runs that share a trunk share its luck: with the share `SHARED` of the variance common to a trunk, a run tells what it
says beyond the runs of its trunk before it. A longer run of a size that has a trunk costs its extra part and its
cooldown.
"""

from dataclasses import dataclass, field

import numpy as np

SHARED = 0.64  # of the noise's variance, common to the runs of a trunk: as in the study of coverage
COOLDOWN = 0.2  # of a horizon
POWERS = (1.0, 0.5, 0.0)  # of the cost that a gain is divided by
PARTS = (1, 2, 4, 8)  # of the spend, of which no run takes more than one: else the first run would take all
PASSES = 3  # of the exchange
NEW_SIZE = 0.95  # a size that no chosen run has needs another program: it must promise so much more
RIDGE = 1e-12  # of the information, relative: a coordinate that no run sees (a vanished floor) stays finite


@dataclass(frozen=True)
class Candidates:
    """Runs that could be trained.

    Attributes:
        params, tokens: of each [m].
        cost: training it alone [m]; FLOPs.
        repeats: how often each may be chosen, with another seed each time.
        trunk: runs of one size and seed branch from one trunk.
    """

    params: np.ndarray
    tokens: np.ndarray
    cost: np.ndarray
    repeats: int = 1
    trunk: bool = False


@dataclass
class Choice:
    """Runs chosen so far: how often each candidate [m], what they cost, and what is left of the variance.

    `factor` is that of the standard deviation, from the mean logarithm over the resamples.
    """

    counts: np.ndarray
    cost: float = 0.0
    factor: float = 1.0
    order: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Problem:
    """What is known, and what could be: at every resample, in coordinates scaled by what the runs see.

    Attributes:
        inverse: of the information of the fitted runs [lanes, k, k].
        jacobian: of the candidates [lanes, m, k].
        wanted: gradient of the quantity [lanes, k].
        most: runs of a choice.
    """

    inverse: np.ndarray
    jacobian: np.ndarray
    wanted: np.ndarray
    candidates: Candidates
    spend: float
    most: int


def problem_of(
    runs: np.ndarray, jacobian: np.ndarray, wanted: np.ndarray, candidates: Candidates, spend: float, most: int
) -> Problem:
    """The problem of adding candidates to fitted runs [lanes, n, k], in coordinates of unit information."""
    scale = np.linalg.norm(runs, axis=1)
    scale[scale == 0] = 1.0
    scaled = runs / scale[:, None]
    inverse = np.linalg.inv(np.einsum("lnk,lnj->lkj", scaled, scaled) + RIDGE * np.eye(runs.shape[2]))
    return Problem(inverse, jacobian / scale[:, None], wanted / scale, candidates, spend, most)


def choose(problem: Problem) -> Choice:
    """The best choice found that costs at most the spend, of at most `most` runs."""
    tried = [greedy(problem, [], power, problem.spend / parts) for parts in PARTS for power in POWERS]
    return exchange(problem, min(tried, key=lambda choice: choice.factor))


def factor_of(problem: Problem, order: list[int]) -> float:
    """By what the standard deviation falls with these runs."""
    return greedy(problem, order, 0.0, dearest=0.0).factor


def exchange(problem: Problem, best: Choice) -> Choice:
    """Take each run out in turn and add what then gains most, as long as anything gains."""
    for _ in range(PASSES):
        before = best.factor
        for one in list(best.order):
            if one in best.order:
                rest = list(best.order)
                rest.remove(one)
                best = min(best, *(greedy(problem, rest, power) for power in (0.0, 0.5)), key=lambda c: c.factor)
        if best.factor > before * (1 - 1e-3):
            break
    return best


def greedy(problem: Problem, begin: list[int], power: float, dearest: float = np.inf) -> Choice:
    """Beginning with some runs, add that of the largest gain / cost^power until nothing that gains is affordable.

    No run added costs more than `dearest`.
    """
    given, wanted, inverse = problem.candidates, problem.wanted, problem.inverse
    state = State(given, problem.jacobian.shape)
    for one in begin:
        row = state.rows(problem.jacobian)[:, one]
        seen = np.einsum("lkj,lj->lk", inverse, row)
        inverse = told(inverse, seen, 1 + np.einsum("lk,lk->l", row, seen))
        state.add(one, float(state.costs()[one]), problem.jacobian)
    while len(state.chosen.order) < problem.most:
        cost = state.costs()
        affordable = (state.chosen.cost + cost <= problem.spend * (1 + 1e-9)) & (cost <= dearest * (1 + 1e-9))
        open_ = affordable & (state.chosen.counts < given.repeats)
        if not open_.any():
            break
        rows = state.rows(problem.jacobian)  # [lanes, m, k]
        seen = np.einsum("lkj,lmj->lmk", inverse, rows, optimize=True)
        sure = 1 + np.einsum("lmk,lmk->lm", rows, seen)
        off = np.einsum("lk,lmk->lm", wanted, seen) ** 2 / sure / variance(inverse, wanted)[:, None]
        gain = -np.log1p(-np.clip(off, 0, 1 - 1e-12)).mean(axis=0)
        worth = np.where(open_, gain / cost**power * state.favour(), -1.0)
        best = int(np.argmax(worth))
        if worth[best] <= 0:
            break
        inverse = told(inverse, seen[:, best], sure[:, best])
        state.add(best, float(cost[best]), problem.jacobian)
    left = np.log(variance(inverse, wanted) / variance(problem.inverse, wanted)).mean()
    state.chosen.factor = float(np.exp(left / 2))
    return state.chosen


def told(inverse: np.ndarray, seen: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """(P^-1 + h h')^-1 of P [lanes, k, k], P h [lanes, k] and 1 + h' P h [lanes]."""
    return inverse - np.einsum("lk,lj,l->lkj", seen, seen, 1 / sure)


def variance(inverse: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """w' P w of every resample [lanes], of P [lanes, k, k] and w [lanes, k]."""
    return np.maximum(np.einsum("lk,lkj,lj->l", wanted, inverse, wanted), 1e-300)


class State:
    """What has been chosen, and what that makes of the next run's cost and news. Sizes are equal params."""

    def __init__(self, candidates: Candidates, shape: tuple[int, ...]):
        lanes, m, k = shape
        self.candidates, self.chosen = candidates, Choice(np.zeros(m, int))
        _, self.size = np.unique(candidates.params, return_inverse=True)
        trunks = (self.size.max() + 1, candidates.repeats)
        self.longest, self.members = np.zeros(trunks), np.zeros(trunks, int)
        self.total = np.zeros((lanes, *trunks, k)) if candidates.trunk else None

    def trunk(self) -> tuple[np.ndarray, np.ndarray]:
        """(size, seed) of the trunk that one more of each candidate would belong to."""
        return self.size, np.minimum(self.chosen.counts, self.candidates.repeats - 1)

    def costs(self) -> np.ndarray:
        """FLOPs of one more of each candidate [m]."""
        given = self.candidates
        if not given.trunk:
            return given.cost
        extra = np.maximum(given.tokens - self.longest[self.trunk()], 0.0)
        return given.cost / given.tokens * ((1 - COOLDOWN) * extra + COOLDOWN * given.tokens)

    def rows(self, jacobian: np.ndarray) -> np.ndarray:
        """What one more of each candidate says beyond the runs of its trunk, at unit noise [lanes, m, k]."""
        if self.total is None:
            return jacobian
        k = self.members[self.trunk()]
        known = SHARED / (1 - SHARED + k * SHARED)
        left = np.sqrt(1 - k * SHARED * known)
        before = self.total[:, *self.trunk()]
        return (jacobian - known[:, None] * before) / left[:, None]

    def favour(self) -> np.ndarray:
        """Below 1 for sizes that no chosen run has [m]."""
        used = np.isin(self.size, self.size[self.chosen.order])
        return np.where(used | (not self.chosen.order), 1.0, NEW_SIZE)

    def add(self, one: int, cost: float, jacobian: np.ndarray) -> None:
        """Choose one more of a candidate."""
        trunk = self.size[one], self.chosen.counts[one]
        self.longest[trunk] = max(self.longest[trunk], self.candidates.tokens[one])
        self.members[trunk] += 1
        if self.total is not None:
            self.total[:, *trunk] += jacobian[:, one]
        self.chosen.counts[one] += 1
        self.chosen.cost += cost
        self.chosen.order.append(one)
