"""The lanes of a group of problems: solved on their full rows from the law's own starts, then on resamples from there.

Thresholds of an objective in ln loss are rungs of a ladder. The wide ones, down to 1e-3, are solved in one call; each
sharper one starts where the one before it ended, and least absolute deviations are its last rung: from afar, a sharp
threshold is slow. Runs left out have weight zero, so all subsets and weightings share one shape and its programs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from sweep.fit.bootstrap import draw
from sweep.fit.designs import find_starts
from sweep.fit.multiverse.specifications import Base, Group
from sweep.fit.objective import Objective, huber
from sweep.fit.programs import padded
from sweep.fit.solver import layout, solve

WIDE = 1e-3  # sharper thresholds start where this one ended
SHARPEST = 1e-4  # of resamples: far below the noise of losses, where least absolute deviations spread alike
KEPT = 2  # of the starts of a problem, that go on to the sharp rungs
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
    """Lanes of every rung, the best of the rivals of each problem.

    Args:
        starts: rung that is not sharp -> theta [m, k].
        weight: of the rows [m, n].
        sharpest: threshold at which the ladder ends.
        rivals: so many lanes in a row are starts of one problem.
        tell: called with the lanes that are done.
    """
    ends: dict[Rung, Ends] = {}
    loss, before = group.runs.loss, None
    for together in ladder(group.objectives, sharpest):
        in_loss = together[0][0]
        if together[0][1] < WIDE and before is not None:
            kept = ranked(before.value, rivals)[:, :KEPT].ravel()  # a start far above another's optimum is of no use
            rivals, weight, theta = min(rivals, KEPT), weight[kept], [before.theta[kept]]
        else:
            theta = [starts[r] for r in together]
        m = len(weight)
        lanes = solve(
            group.law, group.features, loss if in_loss else np.log(loss), np.concatenate(theta),
            np.tile(weight, (len(together), 1)), delta=np.repeat([d for _, d in together], m), in_loss=in_loss,
            rivals=rivals,
        )  # fmt: skip
        value = np.where(np.isfinite(lanes.objective), lanes.objective, np.inf)
        for i, r in enumerate(together):
            mine = slice(i * m, (i + 1) * m)
            before = Ends(lanes.theta[mine], value[mine], lanes.converged[mine], lanes.steps[mine])
            ends[r] = best(before, rivals)
        tell(m * len(together))
    return ends


def ranked(value: np.ndarray, rivals: int) -> np.ndarray:
    """Lanes of each problem [problems, rivals], the one of least objective first."""
    order = np.argsort(value.reshape(-1, rivals), axis=1, kind="stable")
    return order + np.arange(0, len(value), rivals)[:, None]


def best(ends: Ends, rivals: int) -> Ends:
    """Of the lanes of each problem the one of least objective."""
    chosen = ranked(ends.value, rivals)[:, 0]
    return Ends(ends.theta[chosen], ends.value[chosen], ends.converged[chosen], ends.steps[chosen])


def solve_bases(group: Group, tell: Tell) -> dict[Rung, Ends]:
    """Every rung on the full rows of every base: the best of the starts, [bases] each.

    The optimum of the first base is a start of all others: where it leads to theirs at once, the other starts need not
    be followed to their ends.
    """
    found: dict[bytes, np.ndarray] = {}
    for base in group.bases:
        rows = base.kept
        if rows.tobytes() not in found:
            found[rows.tobytes()] = find_starts(
                group.law, group.features[:, rows], group.runs.loss[rows], delta=WIDE, count=STARTS - 1
            )
    own = np.stack([exactly(STARTS, found[base.kept.tobytes()]) for base in group.bases])
    weight = np.stack([base.weight for base in group.bases])
    wide = [r for call in ladder(group.objectives) for r in call if r[1] >= WIDE]

    def climbed(starts: dict[Rung, np.ndarray], which: slice) -> dict[Rung, Ends]:
        return climb(group, starts, np.repeat(weight[which], STARTS, axis=0), 0.0, STARTS, tell)

    first = climbed({r: np.asarray(own[0]) for r in wide}, slice(0, 1))
    if len(own) == 1:
        return first
    starts = {}
    for r in wide:
        known = np.broadcast_to(first[r].theta, (len(own) - 1, 1, own.shape[2]))
        starts[r] = np.concatenate([known, own[1:, : STARTS - 1]], axis=1).reshape(-1, own.shape[2])
    others = climbed(starts, slice(1, None))
    return {r: joined(first[r], others[r]) for r in first}


def joined(one: Ends, other: Ends) -> Ends:
    """The lanes of both."""
    return Ends(*(np.concatenate([getattr(e, f.name) for e in (one, other)]) for f in fields(Ends)))


def exactly(count: int, starts: np.ndarray) -> np.ndarray:
    """So many starts [count, k]: the first again where there are fewer."""
    return starts[np.arange(count) % len(starts)]


def resampled(
    group: Group, full: Mapping[Rung, Ends], bases: np.ndarray, resamples: int, seed: int, tell: Tell
) -> Iterator[tuple[np.ndarray, dict[Rung, Ends]]]:
    """(base of each lane, their rungs), batch by batch: the chosen `bases` on resamples of their runs, from `near`."""
    widest = max(len(call) for call in ladder(group.objectives, SHARPEST))
    size = max(1, 4 * layout(padded(len(group.runs))).call // widest)
    every = np.repeat(bases, resamples)
    begin = {r: near(group, r, ends) for r, ends in full.items() if r[1] >= WIDE}
    for lanes in np.split(np.arange(len(every)), range(size, len(every), size)):
        base = every[lanes]
        weight = np.concatenate([
            drawn(group, group.bases[b], resamples, seed)[lanes[base == b] % resamples] for b in dict.fromkeys(base)
        ])  # fmt: skip
        yield base, climb(group, {r: theta[base] for r, theta in begin.items()}, weight, SHARPEST, 1, tell)


def near(group: Group, r: Rung, ends: Ends) -> np.ndarray:
    """Starts of the resamples of each base, theta [bases, k]: the optimum of the first base, or its own where that is
    farther off than resampling leads by itself.

    The solver is fastest where many lanes share a start. A resample of n runs has its optimum about k / n of the
    objective below that of all runs.
    """
    coefficients = group.law.coefficients(ends.theta[0], group.shift)
    with np.errstate(all="ignore"):
        predicted = group.law.loss(coefficients, *group.runs.inputs(group.law))
        loss = group.runs.loss
        residual = predicted - loss if r[0] else np.log(predicted) - np.log(loss)
        value = np.stack([base.weight for base in group.bases]) @ huber(residual, r[1])
    away = 4 * len(group.law.names) / np.array([base.kept.sum() for base in group.bases])
    shared = value <= (1 + away) * ends.value
    return np.where(shared[:, None], ends.theta[0], ends.theta)


def drawn(group: Group, base: Base, resamples: int, seed: int) -> np.ndarray:
    """Row weights of the resamples of a base [resamples, n]: whole groups of its runs, drawn with replacement."""
    weight = np.zeros((resamples, len(group.runs)))
    weight[:, base.kept] = draw(group.runs.group[base.kept], resamples, seed)
    return weight * base.weight
