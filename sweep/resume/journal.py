"""What the logs of a run directory prove: which steps of every row count, and which were trained twice or not at all.

A step reads the windows that (data seed, step) name and nothing else (sweep.train.data.order), so a row that counts
every step once has read every window of its plan once. An attempt begins at the chunk that its checkpoint holds: what
an earlier attempt has trained beyond it is lost and trained again, and only the last reading of a chunk counts.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.tables.cohorts import DONE, FOLDER
from sweep.train.log import LOG, Log

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Chunk:
    """One chunk as it was read back from the device.

    Attributes:
        rows: the step that each row has reached, by trial or trunk; negative where it is frozen.
        steps: that the device has taken, all rows together.
        seconds: of device time.
    """

    rows: Mapping[str, int]
    steps: int
    seconds: float


@dataclass(frozen=True)
class Lineage:
    """The chunks of a cohort that count, in order.

    Attributes:
        missing: chunks that a checkpoint holds and no log tells of.
        ignored: attempts that began before what was saved: (chunks that were saved, chunks that it began with).
    """

    chunks: tuple[Chunk, ...]
    missing: int = 0
    ignored: tuple[tuple[int, int], ...] = ()

    @property
    def steps(self) -> int:
        """All rows together."""
        return sum(chunk.steps for chunk in self.chunks)

    @property
    def seconds(self) -> float:
        """Of device time."""
        return sum(chunk.seconds for chunk in self.chunks)


def lineage(events: Sequence[Event]) -> Lineage:
    """What counts after these events of one cohort."""
    chunks: list[Chunk] = []
    ignored: list[tuple[int, int]] = []
    missing = saved = 0
    for event in events:
        if "saved" in event:
            saved = event["saved"]
        if "begun" in event:
            missing += max(0, event["chunk"] - len(chunks))
            if event["chunk"] < saved:
                ignored.append((saved, event["chunk"]))
            saved = event["chunk"]
            del chunks[event["chunk"] :]
        elif "rows" in event and "steps" in event:
            chunks.append(Chunk(event["rows"], event["steps"], event.get("seconds", 0.0)))
    return Lineage(tuple(chunks), missing, tuple(ignored))


def cohorts(directory: Path) -> list[str]:
    """Hashes of the cohorts that have a folder."""
    return sorted(path.parent.name for path in (directory / FOLDER).glob("*/spec.json"))


def events(directory: Path, cohort: str) -> list[dict[str, Any]]:
    """The log of a cohort, none where it has none yet."""
    return Log(directory / FOLDER / cohort / LOG).events()


def done(directory: Path, cohort: str) -> bool:
    """Whether a cohort is trained to its end."""
    return (directory / FOLDER / cohort / DONE).exists()


def meshes(directory: Path) -> list[str]:
    """The meshes (trial x data) that cohorts were trained on, as `2x1`."""
    return sorted({mesh for cohort in cohorts(directory) for mesh, _ in attempts(events(directory, cohort))})


def moves(directory: Path) -> list[str]:
    """How checkpoints went from one mesh to another, as `1x1 to 2x1`."""
    found = set()
    for cohort in cohorts(directory):
        for (before, _), (now, chunk) in itertools.pairwise(attempts(events(directory, cohort))):
            if chunk and now != before:
                found.add(f"{before} to {now}")
    return sorted(found)


def attempts(events: Sequence[Event]) -> list[tuple[str, int]]:
    """Of each attempt at a cohort its mesh and the chunks that its checkpoint held."""
    begun = [event for event in events if "begun" in event]
    return [("x".join(str(size) for size in event["mesh"].values()), event["chunk"]) for event in begun]


@dataclass(frozen=True)
class Gap:
    """A step of a row that does not follow on the one before. `row` is a trial or a trunk, "" where none can be named;
    `step` is the last one before it.
    """

    cohort: str
    row: str
    step: int
    what: str


def gaps(cohort: str, mine: Lineage, reference: Lineage, *, exactly: bool) -> list[Gap]:
    """Steps that were left out or taken twice, against the run that nobody interrupted.

    Args:
        exactly: the same chunks are expected, as on the same mesh; else the same steps in chunks of any length.
    """
    found = []
    if mine.missing:
        found.append(Gap(cohort, "", 0, f"{mine.missing} chunks in its checkpoints are in no log"))
    for saved, begun in mine.ignored:
        found.append(Gap(cohort, "", 0, f"chunk {saved} was saved, and an attempt after it began with chunk {begun}"))
    found += [Gap(cohort, *gap) for gap in uneven(mine)]
    ends, expected = reached(mine), reached(reference)
    for row in sorted(ends.keys() | expected.keys()):
        if ends.get(row) != expected.get(row):
            what = f"it ends at step {ends.get(row, 0)}, uninterrupted at {expected.get(row, 0)}"
            found.append(Gap(cohort, row, ends.get(row, 0), what))
    if mine.steps != reference.steps:
        found.append(Gap(cohort, "", 0, f"{mine.steps:,} steps count, uninterrupted {reference.steps:,}"))
    if exactly and not found:
        pairs = zip(mine.chunks, reference.chunks, strict=False)
        apart = next((i for i, (a, b) in enumerate(pairs) if (a.rows, a.steps) != (b.rows, b.steps)), None)
        if apart is not None or len(mine.chunks) != len(reference.chunks):
            at = apart if apart is not None else min(len(mine.chunks), len(reference.chunks))
            found.append(Gap(cohort, "", 0, f"chunk {at + 1} is not that of the uninterrupted run"))
    return found


def uneven(mine: Lineage) -> list[tuple[str, int, str]]:
    """Chunks in which the device took other steps than those from where its rows stood: (row, step before, what)."""
    before: dict[str, int] = {}
    found = []
    for chunk in mine.chunks:
        known = {row: abs(end) - before[row] for row, end in chunk.rows.items() if row in before}
        for row, taken in known.items():
            if taken <= 0:
                found.append((row, before[row], f"step {before[row]} is followed by step {abs(chunk.rows[row])}"))
        taken, whole = sum(known.values()), len(known) == len(chunk.rows)
        if whole and min(chunk.rows.values()) >= 0 and taken != chunk.steps:
            row = next(iter(chunk.rows))
            found.append((row, before[row], f"{taken} steps are counted and {chunk.steps} were taken"))
        before |= {row: abs(end) for row, end in chunk.rows.items()}
    return found


def reached(mine: Lineage) -> dict[str, int]:
    """The last step of each row."""
    return dict(itertools.chain.from_iterable(chunk.rows.items() for chunk in mine.chunks))
