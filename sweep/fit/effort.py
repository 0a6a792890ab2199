"""How long a fit still takes: its lanes at the rate of those that are done, its programs at the time of those made.

Compiling takes most of a first fit and nothing of the next ones, and comes in lumps: by the rate of all that has passed
a multiverse would announce hours. So the time of first calls of programs is kept apart (sweep.fit.programs).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sweep.fit.programs import MADE, Made

Progress = Callable[[int, int], None]


EASIER = 10.0  # times as fast as a lane from afar is one of a resample, near its start; 4 to 15 by law and table


@dataclass
class Effort:
    """Work under way, of one or two kinds of lanes: from afar first, then resamples from nearby.

    Attributes:
        lanes: of the kind under way.
        programs: that may have to be made for all of it, in units of one of `newton`.
        later: lanes of the easier kind that follows.
        done: lanes so far, of the kind under way.
        rate: seconds a lane, while none of its kind is done.
        before: programs made when all began; `mark`, when this kind did.
    """

    lanes: float
    programs: float
    later: float = 0.0
    done: float = 0.0
    rate: float | None = None
    began: float = field(default_factory=time.perf_counter)
    before: Made = field(default_factory=MADE.copy)
    mark: Made = field(default_factory=MADE.copy)

    def pace(self) -> float | None:
        """Seconds a lane of the kind under way, without what programs took; None while nothing is known."""
        if self.done <= 0:
            return self.rate
        return max(time.perf_counter() - self.began - MADE.since(self.mark).seconds, 0.0) / self.done

    def follow(self, lanes: float) -> None:
        """The easier kind begins, of so many lanes."""
        pace = self.pace()
        self.lanes, self.later, self.rate = lanes, 0.0, None if pace is None else pace / EASIER
        self.done, self.began, self.mark = 0.0, time.perf_counter(), MADE.copy()

    def left(self) -> float | None:
        """Seconds, or None before anything is done."""
        pace = self.pace()
        if pace is None:
            return None
        made = MADE.since(self.before)
        each = made.seconds / made.units if made.units else 0.0
        lanes = max(self.lanes - self.done, 0.0) + self.later / EASIER
        return lanes * pace + max(self.programs - made.units, 0.0) * each


def announce(progress: Progress | None, effort: Effort, done: int, of: int) -> None:
    """Call `progress`; one that can be told the seconds left (`expect`) is told them first."""
    if progress is None:
        return
    if (expect := getattr(progress, "expect", None)) is not None:
        expect(effort.left())
    progress(done, of)
