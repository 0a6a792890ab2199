"""A law fitted anew to thousands of resamples of its table, each from the optimum on the whole table."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sweep.fit.approach3 import AGREE, FURTHER, NOT_RUN, VERDICTS, Solution, minimise
from sweep.fit.designs import find_starts
from sweep.fit.lanes import Lanes, improved, joined, pick, unfinished
from sweep.fit.objective import Objective
from sweep.laws import Law
from sweep.tables.load import Runs

RESCUED = 40_000  # rows of resamples without an answer that get starts of their own: some seconds at most
PILOT = 2048  # resamples that try all restarts; the others try those that were needed


@dataclass(frozen=True)
class Resamples:
    """The law refitted to resamples: coefficients [lanes] each, verdict [lanes] as an index into VERDICTS."""

    coefficients: Any
    verdict: np.ndarray

    @property
    def usable(self) -> np.ndarray:
        """[lanes], answers that count for an interval: an optimum at a bound is an answer too."""
        return self.verdict <= 1

    @property
    def made(self) -> int:
        """How many were not cut off by an interrupt."""
        return int(np.sum(self.verdict != VERDICTS.index(NOT_RUN)))


def refit(
    law: Law,
    runs: Runs,
    objective: Objective,
    solution: Solution,
    weight: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
) -> Resamples:
    """The law refitted to each resample from the solution's restarts; the best of them.

    A restart that is the lowest on none of the first PILOT resamples is left out of the others: at most 1 in 680 of
    them has its optimum there (with 95 % confidence), which moves no end of a 90 % interval by 1/200 of its width. All
    restarts are tried where the others come to no optimum.

    Args:
        weight: how often each run was drawn [lanes, n].
        progress: called with (fits done, fits) now and then.
    """
    features, shift = law.features(*runs.inputs(law))
    lanes = len(weight)
    if not lanes:
        return Resamples(law.coefficients(np.empty((0, len(law.names))), shift), np.empty(0, int))
    ends = best_of_restarts(law, runs, features, objective, solution.restarts, weight, progress)
    odd = degenerate(law, runs, weight)
    delta = np.inf if objective.kind.endswith("mse") else objective.deltas[0]
    for further in range(1 + FURTHER):  # stuck in a flat valley: from the resample's own grid, then along the valley
        hard = np.flatnonzero(ends.finished & ~ends.converged & ~odd)[: RESCUED // len(runs)]
        if not len(hard):
            break
        own = ends.theta[hard][:, None]
        if not further:
            found = [
                find_starts(law, features, runs.loss, delta=delta, count=4, weight=weight[i] * runs.weights)
                for i in hard
            ]
            own = np.stack(found)
        ends = improved(ends, hard, best_of_starts(law, runs, features, objective, own, weight[hard], None))
    coefficients = law.coefficients(ends.theta, shift)
    bound = law.bound(coefficients, float(runs.loss.min())) > 0
    verdict = np.select([odd, ~ends.finished, bound, ends.converged], [3, 4, 1, 0], 2)
    return Resamples(coefficients, verdict)


def best_of_restarts(
    law: Law,
    runs: Runs,
    features: np.ndarray,
    objective: Objective,
    restarts: np.ndarray,
    weight: np.ndarray,
    progress: Callable[[int, int], None] | None,
) -> Lanes:
    """As `best_of_starts` of the same restarts [s, k] on each lane, where most do not need all of them."""
    lanes, count, rounds = len(weight), len(restarts), len(objective.deltas)
    starts, few = np.broadcast_to(restarts, (lanes, *restarts.shape)), weight[:PILOT]
    if lanes <= 2 * PILOT:
        return best_of_starts(law, runs, features, objective, starts, weight, progress)
    of, before = lanes * count * rounds, PILOT * count * rounds
    first = None if progress is None else lambda done, _: progress(done, of)
    rest = None if progress is None else lambda done, all_: progress(before + round(done / all_ * (of - before)), of)
    tried = tried_from(law, runs, features, objective, starts[:PILOT], few, first)
    pilot = best(tried, count)
    if not pilot.finished.all():  # interrupted
        return joined(pilot, unfinished(starts[PILOT:, 0]))
    needed = winners(tried.objective.reshape(PILOT, count))
    others = best_of_starts(law, runs, features, objective, starts[PILOT:, needed], weight[PILOT:], rest)
    hard = np.flatnonzero(others.finished & ~others.converged)
    if len(needed) < count and len(hard):
        again = best_of_starts(law, runs, features, objective, starts[hard], weight[PILOT:][hard], None)
        others = improved(others, hard, again)
    return joined(pilot, others)


def winners(value: np.ndarray) -> list[int]:
    """Starts that are lower than all starts before them on some lane, of objectives [lanes, starts]; the first one."""
    lowest = np.minimum.accumulate(np.where(np.isfinite(value), value, np.inf), axis=1)
    lower = lowest[:, 1:] < lowest[:, :-1] * (1 - AGREE)
    return [0, *(1 + np.flatnonzero(lower.any(axis=0))).tolist()]


def best_of_starts(
    law: Law,
    runs: Runs,
    features: np.ndarray,
    objective: Objective,
    starts: np.ndarray,
    weight: np.ndarray,
    progress: Callable[[int, int], None] | None,
) -> Lanes:
    """The best of the starts [lanes, s, k] of every lane; `finished` only where all of them are."""
    return best(tried_from(law, runs, features, objective, starts, weight, progress), starts.shape[1])


def tried_from(
    law: Law,
    runs: Runs,
    features: np.ndarray,
    objective: Objective,
    starts: np.ndarray,
    weight: np.ndarray,
    progress: Callable[[int, int], None] | None,
) -> Lanes:
    """Each of the starts [lanes, s, k] at its end, [lanes s]: those of a lane together, so that an interrupt leaves few
    lanes in part.
    """
    count, k = starts.shape[1:]
    weights = np.repeat(weight, count, axis=0) if count > 1 else weight
    return minimise(law, runs, features, objective, starts.reshape(-1, k), weights, progress, count, partial=True)


def best(tried: Lanes, count: int) -> Lanes:
    """The best of so many starts of each lane."""
    value = np.where(np.isfinite(tried.objective), tried.objective, np.inf).reshape(-1, count)
    found = pick(tried, np.arange(len(value)) * count + np.argmin(value, axis=1))
    return replace(found, finished=tried.finished.reshape(-1, count).all(axis=1))


def degenerate(law: Law, runs: Runs, weight: np.ndarray) -> np.ndarray:
    """[lanes], resamples with no more distinct runs than parameters, or in which an input no longer varies."""
    drawn = weight > 0
    odd = drawn.sum(axis=1) <= len(law.names)
    for name, x in zip(law.inputs, runs.inputs(law), strict=True):
        x, least = (x, 0.02 * np.ptp(x)) if name in law.signed else (np.log(x), 0.02)
        if x.ndim == 1 and np.ptp(x) >= least > 0:  # one that never varies is no fault of the resample
            top, bottom = np.where(drawn, x, -np.inf).max(axis=1), np.where(drawn, x, np.inf).min(axis=1)
            odd |= top - bottom < least
    return odd
