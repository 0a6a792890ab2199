"""Where every row of a cohort stands: the host's side of training, plain data that travels with the checkpoint.

The next chunk is decided from this alone, so the host plans chunk k + 1 while the device still runs chunk k.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sweep.train.rows import Row


@dataclass
class Cursor:
    """Progress of the rows, in their order. `step` is what has been planned; results are what has been read back."""

    step: list[int]
    forked: list[bool]  # a branch that has left its trunk; true for every other row
    diverged: list[int]  # step at which a non-finite loss froze the row, or -1
    wall_s: list[float]  # seconds of device time, shared out by steps
    timed: list[int]  # steps trained in those seconds
    results: dict[str, dict[str, float]] = field(default_factory=dict)  # by trial id, when its horizon is reached
    curves: list[dict[str, Any]] = field(default_factory=list)
    chunks: int = 0
    attempts: int = 1
    keys: list[str] = field(default_factory=list)  # of the rows; empty in checkpoints of old

    @classmethod
    def start(cls, rows: list[Row]) -> "Cursor":
        n = len(rows)
        keys = [row.key for row in rows]
        return cls([0] * n, [row.source is None for row in rows], [-1] * n, [0.0] * n, [0] * n, keys=keys)

    @classmethod
    def load(cls, values: dict[str, Any]) -> "Cursor":
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def of(self, rows: list[Row]) -> bool:
        """Whether this is the progress of `rows` in their order; one without keys had all trunks before all trials."""
        before = sorted(rows, key=lambda row: row.trial is not None)
        return self.keys == [row.key for row in rows] if self.keys else before == rows

    def alive(self, row: int) -> bool:
        return self.diverged[row] < 0

    def finished(self, rows: list[Row]) -> bool:
        """Every row is at its end, or frozen, or waits for a trunk that is."""
        return all(not self.can_run(rows, r) and not self.awaits(rows, r) for r in range(len(rows)))

    def can_run(self, rows: list[Row], r: int) -> bool:
        return self.forked[r] and self.alive(r) and self.step[r] < rows[r].end

    def awaits(self, rows: list[Row], r: int) -> bool:
        source = rows[r].source
        return not self.forked[r] and source is not None and self.alive(source)


@dataclass(frozen=True)
class Work:
    """One chunk: what each row does. Arrays over all rows of the cohort."""

    source: np.ndarray | None  # [rows] int32; which row each becomes a copy of first, or None for no branching
    start: np.ndarray  # [rows] int32; step before
    until: np.ndarray  # [rows] int32; a row runs while its step is below it
    end: np.ndarray  # [rows] int32; step after
    wanted: np.ndarray  # [rows] bool; rows to validate afterwards
    active: np.ndarray  # indices of the rows that run


def branch(rows: list[Row], cursor: Cursor) -> np.ndarray | None:
    """Let every branch whose trunk stands at its point leave it; returns the copies to make on the device."""
    source = np.arange(len(rows), dtype=np.int32)
    for r, row in enumerate(rows):
        if row.source is not None and not cursor.forked[r] and cursor.step[row.source] == row.start:
            source[r] = row.source
            cursor.forked[r], cursor.step[r] = True, row.start
    return source if (source != np.arange(len(rows))).any() else None


def next_work(rows: list[Row], cursor: Cursor, *, steps: int, at_once: int, curve_points: int) -> Work | None:
    """Plan a chunk of at most `steps` steps for at most `at_once` rows, and advance the cursor; None when done."""
    source = branch(rows, cursor)
    candidates = [r for r in range(len(rows)) if cursor.can_run(rows, r)]
    if not candidates:
        return None
    # trunks first, since others wait for them; then the longest way to go, so that rows end together
    candidates.sort(key=lambda r: (rows[r].trial is not None, cursor.step[r] - rows[r].end))
    active = np.sort(np.array(candidates[:at_once], np.int32))
    start = np.array(cursor.step, np.int32)
    until, wanted = start.copy(), np.zeros(len(rows), bool)
    for r in active:
        until[r] = next(s for s in rows[r].stops if s > start[r])
    end = np.minimum(until, start + steps)
    for r in active:
        every = -(-rows[r].end // curve_points)
        at_horizon = rows[r].trial is not None and end[r] == rows[r].end
        wanted[r] = at_horizon or end[r] // every > start[r] // every
        cursor.step[r] = int(end[r])
    cursor.chunks += 1
    return Work(source, start, until, end, wanted, active)


def absorb(rows: list[Row], cursor: Cursor, work: Work, report: Any, validation: Any | None, seconds: float) -> int:
    """Read a finished chunk back into the cursor; returns the steps it took, all rows together.

    `report`, and `validation` where any row wanted it, hold numpy arrays over `work.active`, in its order.
    """
    taken = {int(r): max(0, int(report.step[i]) - int(work.start[r])) for i, r in enumerate(work.active)}
    total = max(1, sum(taken.values()))
    for i, r in enumerate(work.active):
        row, steps = rows[r], taken[int(r)]
        cursor.wall_s[r] += seconds * steps / total
        cursor.timed[r] += steps
        losses = report.train_loss[: int(work.end[r] - work.start[r]), i]
        if report.diverged[i]:
            cursor.diverged[r] = cursor.step[r] = int(report.step[i])
            continue
        point = {"trial": row.key, "step": int(work.end[r]), "train_loss": float(losses[-64:].mean()), "loss": None}
        if work.wanted[r] and validation is not None:
            point["loss"] = float(validation.loss[i])
            if row.trial is not None and work.end[r] == row.end:
                cursor.results[row.key] = {
                    "loss": float(validation.loss[i]),
                    "loss_se": float(validation.se[i]),
                    "train_loss": point["train_loss"],
                }
        cursor.curves.append(point)
    return sum(taken.values())
