"""The work itself: every group on its full rows, then on resamples; what is finished stays when it is stopped."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np

from sweep.fit.effort import Effort, announce
from sweep.fit.multiverse.lanes import KEPT, SHARPEST, STARTS, WIDE, Ends, Rung, ladder, resampled, solve_bases
from sweep.fit.multiverse.specifications import Design, Group
from sweep.fit.programs import NEAR

STAGES, FULL = 4, 3  # programs for each law and unit of the residuals: at most, and on the full rows
BLOCK = 64  # lanes: a call of fewer takes no less


@dataclass
class Drawn:
    """A group's resamples by rung: theta [bases, resamples, k], certified [bases, resamples]; finished [bases]."""

    theta: dict[Rung, np.ndarray]
    converged: dict[Rung, np.ndarray]
    finished: np.ndarray


@dataclass
class Work:
    """What is solved so far, group by group.

    Attributes:
        full: the groups' problems on their full rows, [bases] each rung.
        drawn: their resamples.
        done, of: lanes that are finished, and all as far as is known.
        progress: called with (done, of).
    """

    design: Design
    resamples: int
    progress: Callable[[int, int], None] | None
    full: list[dict[Rung, Ends]] = field(default_factory=list)
    drawn: list[Drawn] = field(default_factory=list)
    done: int = 0
    of: int = 0
    effort: Effort = field(default_factory=lambda: Effort(0.0, 0.0))

    def tell(self, lanes: int) -> None:
        """Count finished lanes."""
        self.done += lanes
        self.effort.done += max(lanes, BLOCK)
        announce(self.progress, self.effort, self.done, self.of)

    def solve(self) -> None:
        """Every problem on its full rows; an interrupt keeps what is there and goes on to the caller."""
        groups = self.design.groups
        first = sum(lanes_of(g, 0.0, STARTS, len(g.bases)) for g in groups)
        drawn = sum(lanes_of(g, SHARPEST, self.resamples, len(g.bases)) for g in groups)
        self.of = first + drawn
        made = kinds(self.design) * (FULL + (NEAR if self.resamples else 0.0))
        calls = sum(BLOCK * len(ladder(g.objectives)) for g in groups)  # of the first base of each, which goes alone
        self.effort = Effort(float(first + calls), made, later=float(drawn))
        for group in groups:
            self.full.append(solve_bases(group, self.tell) if group.bases else {})

    def resample(self, standing: Collection[tuple[int, int]], seed: int) -> None:
        """The resamples of the bases (group, base) that still have a chance to pass."""
        chosen = [np.array([b for i, b in sorted(standing) if i == g], int) for g in range(len(self.design.groups))]
        pairs = list(zip(self.design.groups, chosen, strict=True))
        drawn = sum(lanes_of(group, SHARPEST, self.resamples, len(bases)) for group, bases in pairs)
        self.of = self.done + drawn
        self.effort.follow(float(drawn))
        for (group, bases), full in zip(pairs, self.full, strict=True):
            self.drawn.append(blank(group, self.resamples))
            if len(bases) and self.resamples:
                self.fill(group, full, bases, self.drawn[-1], seed)

    def fill(self, group: Group, full: dict[Rung, Ends], bases: np.ndarray, into: Drawn, seed: int) -> None:
        """A group's resamples, batch by batch."""
        place = 0
        for base, ends in resampled(group, full, bases, self.resamples, seed, self.tell):
            number = np.arange(place, place := place + len(base)) % self.resamples
            for r, found in ends.items():
                into.theta[r][base, number] = found.theta
                into.converged[r][base, number] = found.converged
            into.finished[bases[: place // self.resamples]] = True


def blank(group: Group, resamples: int) -> Drawn:
    """Room for a group's resamples."""
    rungs = [r for call in ladder(group.objectives, SHARPEST) for r in call]
    shape = len(group.bases), resamples
    return Drawn(
        {r: np.zeros((*shape, len(group.law.names))) for r in rungs},
        {r: np.zeros(shape, bool) for r in rungs},
        np.zeros(len(group.bases), bool),
    )


def lanes_of(group: Group, sharpest: float, each: int, bases: int) -> int:
    """Lanes of the group's ladder, `each` for a base; of several starts only the best go on to the sharp rungs."""
    rungs = [d for call in ladder(group.objectives, sharpest) for _, d in call]
    few = each if sharpest else min(each, KEPT)
    return bases * sum(few if d < WIDE else each for d in rungs)


def most_programs(design: Design) -> int:
    """Programs that the solver may compile: a few for each law and unit of the residuals, whatever the axes hold."""
    return STAGES * kinds(design)


def kinds(design: Design) -> int:
    """Laws and units of the residuals, each of which has its own programs."""
    return len({(group.law.id, o.in_loss) for group in design.groups for o in group.objectives})
