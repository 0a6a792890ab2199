"""The work itself: every group on its full rows, then on resamples; what is finished stays when it is stopped."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sweep.fit.multiverse.lanes import SHARPEST, STARTS, Ends, Rung, ladder, resampled, solve_bases
from sweep.fit.multiverse.specifications import Design, Group

STAGES = 3  # programs of the solver for each law and unit of the residuals, at most


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
        done, of: lanes.
        progress: called with (done, of).
    """

    design: Design
    resamples: int
    progress: Callable[[int, int], None] | None
    full: list[dict[Rung, Ends]] = field(default_factory=list)
    drawn: list[Drawn] = field(default_factory=list)
    done: int = 0

    @property
    def of(self) -> int:
        """Lanes there are: of every rung of a base, the starts on its full rows, and the resamples."""
        groups = self.design.groups
        return sum(STARTS * lanes_of(group, 0.0) + self.resamples * lanes_of(group, SHARPEST) for group in groups)

    def tell(self, lanes: int) -> None:
        """Count finished lanes."""
        self.done += lanes
        if self.progress:
            self.progress(self.done, self.of)

    def run(self, seed: int) -> None:
        """Solve everything; an interrupt keeps what is there and goes on to the caller."""
        for group in self.design.groups:
            self.full.append(solve_bases(group, self.tell) if group.bases else {})
        for group, full in zip(self.design.groups, self.full, strict=True):
            self.drawn.append(blank(group, self.resamples))
            if group.bases and self.resamples:
                self.resample(group, full, self.drawn[-1], seed)

    def resample(self, group: Group, full: dict[Rung, Ends], into: Drawn, seed: int) -> None:
        """Fill in the resamples of a group, batch by batch."""
        place = 0
        for base, ends in resampled(group, full, self.resamples, seed, self.tell):
            lanes = slice(place, place := place + len(base))
            for r, found in ends.items():
                into.theta[r].reshape(-1, found.theta.shape[1])[lanes] = found.theta
                into.converged[r].reshape(-1)[lanes] = found.converged
            into.finished[: place // self.resamples] = True


def blank(group: Group, resamples: int) -> Drawn:
    """Room for a group's resamples."""
    rungs = [r for call in ladder(group.objectives, SHARPEST) for r in call]
    shape = len(group.bases), resamples
    return Drawn(
        {r: np.zeros((*shape, len(group.law.names))) for r in rungs},
        {r: np.zeros(shape, bool) for r in rungs},
        np.zeros(len(group.bases), bool),
    )


def lanes_of(group: Group, sharpest: float) -> int:
    """Lanes of one draw of every base."""
    return len(group.bases) * sum(map(len, ladder(group.objectives, sharpest)))


def most_programs(design: Design) -> int:
    """Programs that the solver may compile: a few for each law and unit of the residuals, whatever the axes hold."""
    kinds = {(group.law.id, o.in_loss) for group in design.groups for o in group.objectives}
    return STAGES * len(kinds)
