"""The lanes of a group of problems: solved on their full rows from the law's own starts, then on resamples from there.

Thresholds of an objective in ln loss are rungs of a ladder. The wide ones, down to 1e-3, are solved in one call; each
sharper one starts where the one before it ended, and least absolute deviations are its last rung: from afar, a sharp
threshold is slow. Runs left out have weight zero, so all subsets and weightings share one shape and its programs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sweep.fit.bootstrap import draw
from sweep.fit.designs import find_starts
from sweep.fit.multiverse.specifications import Base, Group
from sweep.fit.objective import Objective
from sweep.fit.solver import layout, solve

WIDE = 1e-3  # sharper thresholds start where this one ended
SHARPEST = 1e-4  # of resamples: far below the noise of losses, where least absolute deviations spread alike
STARTS = 8  # the law's own, the one without its optional term among them
Rung = tuple[bool, float]  # (in loss, threshold)
Tell = Callable[[int], None]


@dataclass(frozen=True)
class Ends:
    """Where the lanes of one rung ended: theta [m, k], the solver's objective, certified, passes over the rows [m]."""

    theta: np.ndarray
    value: np.ndarray
    converged: np.ndarray
    steps: np.ndarray


def rung(objective: Objective, sharpest: float = 0.0) -> Rung:
    """Where an objective ends."""
    return objective.in_loss, max(objective.deltas[-1], sharpest)


def ladder(objectives: Sequence[Objective], sharpest: float = 0.0) -> list[list[Rung]]:
    """Rungs that are solved together, in the order of the calls; those of the first calls need starts."""
    wanted = {(o.in_loss, max(d, sharpest)) for o in objectives for d in o.deltas}
    sharp = sorted(((kind, d) for kind, d in wanted if d < WIDE), reverse=True)
    wide = wanted - set(sharp) | ({(False, WIDE)} if sharp else set())
    calls = [sorted((r for r in wide if r[0] == kind), reverse=True) for kind in (True, False)]
    return [call for call in [*calls, *([r] for r in sharp)] if call]


def climb(
    group: Group, starts: Mapping[Rung, np.ndarray], weight: np.ndarray, sharpest: float, rivals: int, tell: Tell
) -> dict[Rung, Ends]:
    """Lanes of every rung.

    Args:
        starts: rung that is not sharp -> theta [m, k].
        weight: of the rows [m, n].
        sharpest: threshold at which the ladder ends.
        rivals: so many lanes in a row are starts of one problem.
        tell: called with the lanes that are done.
    """
    ends: dict[Rung, Ends] = {}
    for together in ladder(group.objectives, sharpest):
        before = [r for r in ends if not r[0]]
        ahead = together[0][1] < WIDE
        theta = [ends[before[-1]].theta if ahead else starts[r] for r in together]
        in_loss, m = together[0][0], len(weight)
        lanes = solve(
            group.law, group.features, group.runs.loss if in_loss else np.log(group.runs.loss), np.concatenate(theta),
            np.tile(weight, (len(together), 1)), delta=np.repeat([d for _, d in together], m), in_loss=in_loss,
            rivals=rivals,
        )  # fmt: skip
        value = np.where(np.isfinite(lanes.objective), lanes.objective, np.inf)
        for i, r in enumerate(together):
            mine = slice(i * m, (i + 1) * m)
            ends[r] = Ends(lanes.theta[mine], value[mine], lanes.converged[mine], lanes.steps[mine])
        tell(m * len(together))
    return ends


def solve_bases(group: Group, tell: Tell) -> dict[Rung, Ends]:
    """Every rung on the full rows of every base: the best of the starts, [bases] each."""
    found: dict[bytes, np.ndarray] = {}
    for base in group.bases:
        rows = base.kept
        if rows.tobytes() not in found:
            found[rows.tobytes()] = find_starts(
                group.law, group.features[:, rows], group.runs.loss[rows], delta=WIDE, count=STARTS - 1
            )
    start = np.concatenate([exactly(STARTS, found[base.kept.tobytes()]) for base in group.bases])
    starts = {r: start for call in ladder(group.objectives) for r in call if r[1] >= WIDE}
    weight = np.repeat([base.weight for base in group.bases], STARTS, axis=0)
    ends = climb(group, starts, weight, 0.0, STARTS, tell)
    return {r: best(lanes, STARTS) for r, lanes in ends.items()}


def exactly(count: int, starts: np.ndarray) -> np.ndarray:
    """So many starts [count, k]: the first again where there are fewer."""
    return starts[np.arange(count) % len(starts)]


def best(ends: Ends, count: int) -> Ends:
    """Of `count` lanes in a row the one of least objective."""
    first = np.arange(0, len(ends.value), count)
    chosen = first + np.argmin(ends.value.reshape(-1, count), axis=1)
    return Ends(ends.theta[chosen], ends.value[chosen], ends.converged[chosen], ends.steps[chosen])


def resampled(
    group: Group, full: Mapping[Rung, Ends], resamples: int, seed: int, tell: Tell
) -> Iterator[tuple[np.ndarray, dict[Rung, Ends]]]:
    """(base of each lane, their rungs), batch by batch: every base on resamples of its own runs, from its optimum."""
    widest = max(len(call) for call in ladder(group.objectives, SHARPEST))
    size = max(1, 4 * layout(len(group.runs)).call // widest)
    every = np.repeat(np.arange(len(group.bases)), resamples)
    for lanes in np.split(np.arange(len(every)), range(size, len(every), size)):
        base = every[lanes]
        weight = np.concatenate([
            drawn(group, group.bases[b], resamples, seed)[lanes[base == b] % resamples] for b in np.unique(base)
        ])  # fmt: skip
        starts = {r: ends.theta[base] for r, ends in full.items() if r[1] >= WIDE}
        yield base, climb(group, starts, weight, SHARPEST, 1, tell)


def drawn(group: Group, base: Base, resamples: int, seed: int) -> np.ndarray:
    """Row weights of the resamples of a base [resamples, n]: whole groups of its runs, drawn with replacement."""
    weight = np.zeros((resamples, len(group.runs)))
    weight[:, base.kept] = draw(group.runs.group[base.kept], resamples, seed)
    return weight * base.weight
