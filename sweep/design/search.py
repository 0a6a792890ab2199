"""How many devices each cohort takes, so that all of them end early: malleable tasks on a row of devices."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from random import Random

from sweep.design.cost import Axes, Cost
from sweep.design.packing import pack

WORTH = 0.005  # a schedule must be shorter by this share to be preferred: the model is no better than that
PAIRED = 12  # cohorts whose groups are also changed in pairs
PLACED = 100_000  # cohorts placed in all schedules of a search together: about half a second
LONGER = 0.06  # share by which a schedule may become longer for a while
Ladder = Sequence[tuple[Axes, Cost]]  # meshes that a cohort may have, each larger and faster than those before it
Rungs = tuple[int, ...]  # which of its meshes each cohort has
Length = Callable[[Rungs], float]  # of the schedule


def search(ladders: Sequence[Ladder], devices: int, hosts: int, bound: float) -> Rungs:
    """Meshes of cohorts whose schedule (`packing.pack`) is short; with several hosts groups are whole hosts.

    As for malleable tasks (Turek, Wolf, Yu 1992): for each length of time, every cohort takes the fewest devices with
    which it keeps to it, and the length whose schedule ends first is kept. Then, on one host, one or two cohorts take
    another size while that helps; on several, where there are many more sizes, cohorts are changed at random (`walk`).
    """
    unit = devices // hosts if hosts > 1 else 1

    @cache
    def length(rungs: Rungs) -> float:
        chosen = [ladder[rung] for ladder, rung in zip(ladders, rungs, strict=True)]
        times = [taken.time for _, taken in chosen]
        begun = pack([axes.devices // unit for axes, _ in chosen], times, devices // unit)
        return max((start + times[i] for start, i, _ in begun), default=0.0)

    best = tuple(0 for _ in ladders)
    shortest = length(best)
    limits = sorted({o.time for ladder in ladders for _, o in ladder}, reverse=True)
    for limit in limits[:: 1 + len(limits) * len(ladders) // PLACED]:
        rungs = tuple(within(ladder, limit) for ladder in ladders)
        if (made := length(rungs)) < shortest * (1 - WORTH):
            best, shortest = rungs, made
    return climb(best, ladders, length) if hosts == 1 else walk(best, ladders, length, bound)


def climb(rungs: Rungs, ladders: Sequence[Ladder], length: Length) -> Rungs:
    """`rungs`, with one or two cohorts on groups of another size as long as the schedule becomes shorter."""
    best, shortest = rungs, length(rungs)
    while True:
        kept = best
        for others in neighbours(kept, ladders):
            if (made := length(others)) < shortest * (1 - WORTH):
                best, shortest = others, made
        if kept == best:
            return best


def walk(rungs: Rungs, ladders: Sequence[Ladder], length: Length, bound: float) -> Rungs:
    """The choice with the shortest schedule on a walk from `rungs` over random changes of one to four cohorts.

    A change is kept unless it makes the schedule longer by more than a threshold, which falls to nothing (threshold
    accepting: Dueck, Scheuer 1990); near the `bound` there is nothing to gain. The random numbers are the same on every
    machine.
    """
    random = Random(0).random
    here = best = rungs
    long = shortest = length(rungs)
    steps = min(PLACED // max(1, len(ladders)), 4 * math.prod(len(ladder) for ladder in ladders))
    for step in range(steps):
        if shortest <= bound * (1 + WORTH):
            break
        moved = list(here)
        for _ in range(1 + int(4 * random() * random())):
            i = int(random() * len(moved))
            moved[i] = min(max(0, moved[i] + (1 if random() < 0.5 else -1)), len(ladders[i]) - 1)
        others = tuple(moved)
        made = length(others)
        if made < long * (1 + LONGER * (1 - step / steps)):
            here, long = others, made
        if made < shortest:
            best, shortest = others, made
    return best


def within(ladder: Ladder, limit: float) -> int:
    """The smallest mesh on which a cohort takes no longer than `limit`, or else the largest."""
    return next((rung for rung, (_, taken) in enumerate(ladder) if taken.time <= limit), len(ladder) - 1)


def neighbours(rungs: Rungs, ladders: Sequence[Ladder]) -> Iterator[Rungs]:
    """Choices that differ from `rungs` in one cohort, or by one size in two of the PAIRED with the most work."""

    def moved(*moves: tuple[int, int]) -> Rungs:
        made = list(rungs)
        for i, rung in moves:
            made[i] = rung
        return tuple(made)

    for i, ladder in enumerate(ladders):
        yield from (moved((i, rung)) for rung in range(len(ladder)) if rung != rungs[i])
    heavy = sorted(range(len(ladders)), key=lambda i: (-ladders[i][0][1].busy, i))[:PAIRED]
    for i, j in itertools.combinations(heavy, 2):
        for a, b in itertools.product((rungs[i] - 1, rungs[i] + 1), (rungs[j] - 1, rungs[j] + 1)):
            if 0 <= a < len(ladders[i]) and 0 <= b < len(ladders[j]):
                yield moved((i, a), (j, b))
