"""When and how a run is killed: by its progress mostly, so that kills lie all over a sweep on any machine.

A plan is a pure function of its seed. Progress is read from the logs, as the share of the sweep's FLOPs.
"""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sweep.tables.cohorts import FOLDER
from sweep.train.log import LOG, parsed

How = Literal["SIGKILL", "SIGTERM", "uncommitted"]
HOW: tuple[How, ...] = ("SIGKILL", "SIGTERM", "uncommitted")
A_ROUND = 10  # kills of one run directory
TIMED = 5  # every so many kills one comes at a random time, which may be while programs are compiled
COMMITTED = "commit_success.txt"  # Orbax's, the last file of a whole checkpoint (sweep.train.saver)


@dataclass(frozen=True)
class Kill:
    """One kill. `uncommitted`: SIGKILL while a checkpoint is on the disk without the file that says it is whole.

    Attributes:
        progress: share of the sweep after which it comes, with the next chunk of the process.
        after: seconds from the start of the process instead.
        saved: not before the process has saved a cohort that is still to be trained further.
    """

    how: How
    progress: float = 0.0
    after: float | None = None
    saved: bool = False

    @property
    def when(self) -> str:
        """In words."""
        return f"{self.progress:.0%} done" if self.after is None else f"{self.after:.1f} s in"


def plan(count: int, seed: int, seconds: float) -> list[list[Kill]]:
    """Kills of each round, a run directory each, spread over the sweep.

    Args:
        seconds: that a process which trains the whole sweep takes.
    """
    random_ = random.Random(f"kills {seed}")
    rounds = -(-count // A_ROUND)
    sizes = [count // rounds + (i < count % rounds) for i in range(rounds)]
    hows: list[How] = [HOW[i % len(HOW)] for i in range(count)]
    random_.shuffle(hows)
    numbers = iter(range(count))
    return [[one(next(numbers), hows, (i, size), random_, seconds) for i in range(size)] for size in sizes]


def one(number: int, hows: Sequence[How], place: tuple[int, int], random_: random.Random, seconds: float) -> Kill:
    """Kill `number`, which is number place[0] of the place[1] of its round."""
    share = (place[0] + random_.random()) / (place[1] + 1)
    after = random_.uniform(0.0, seconds)
    timed = number % TIMED == TIMED - 1 and hows[number] != "uncommitted"
    return Kill(hows[number], share, after if timed else None)


@dataclass
class Progress:
    """How far a run directory is, read from what its logs have gained.

    Attributes:
        flops: of each cohort, by hash.
    """

    directory: Path
    flops: Mapping[str, float]
    left: dict[str, float] = field(default_factory=dict)
    saved: bool = False  # a checkpoint of a cohort that has chunks to go, since `saved` was set to False
    read: dict[str, int] = field(default_factory=dict)  # bytes of each log

    def look(self) -> list[str]:
        """Cohorts that have trained a chunk since the last look."""
        moved = []
        for cohort in self.flops:
            log = self.directory / FOLDER / cohort / LOG
            if not log.exists() or log.stat().st_size <= self.read.get(cohort, 0):
                continue
            with log.open("rb") as file:
                file.seek(self.read.get(cohort, 0))
                new = file.read()
            new = new[: new.rfind(b"\n") + 1]
            self.read[cohort] = self.read.get(cohort, 0) + len(new)
            events = parsed(new.decode(errors="replace"))
            if lefts := [event["left"] for event in events if "left" in event]:
                self.left[cohort] = lefts[-1]
            self.saved |= any("saved" in event for event in events) and self.left.get(cohort, 1.0) > 0
            if any("rows" in event for event in events):
                moved.append(cohort)
        return moved

    @property
    def share(self) -> float:
        """Of the sweep's FLOPs that is trained, 0 to 1."""
        left = sum(self.left.get(cohort, flops) for cohort, flops in self.flops.items())
        return 1 - left / max(sum(self.flops.values()), 1.0)


def unfinished(directory: Path) -> set[Path]:
    """Folders of checkpoints that are not marked as whole."""
    found = set()
    for folder in directory.glob(f"{FOLDER}/*/checkpoints/*"):
        if folder.name.replace("-", "", 1).isdecimal() and not (folder / COMMITTED).exists():
            found.add(folder)
    return found


def due(kill: Kill, began: float, progress: Progress, moved: Sequence[str]) -> bool:
    """Whether it is time, for a process that was started at `began` (seconds of the monotonic clock)."""
    if kill.after is not None:
        return time.monotonic() - began >= kill.after
    return bool(moved) and progress.share >= kill.progress and (progress.saved or not kill.saved)
