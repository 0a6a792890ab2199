"""One cohort as whoever shows its progress follows it, and the trials in it as a person reads them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweep.design.cohorts import Cohort
from sweep.models import counting
from sweep.train.cohort import CohortRun
from sweep.train.eta import Stand

NOT_BEGUN = "·"
Compiling = tuple[str, float]  # a program, and since when or for how long (seconds)


@dataclass
class Track:
    """One cohort. Times are seconds of the monotonic clock of the process that follows it."""

    cohort: Cohort
    left: float  # FLOPs
    before: Stand | None = None  # as it was trained by an earlier command
    run: CohortRun | None = None
    turn: float | None = None
    ready: float | None = None
    base: float = 0.0  # FLOPs left when it was ready
    ended: bool = False
    failure: str = ""  # why it cannot be trained
    told: Stand | None = None  # by its leader, another process
    told_at: float = 0.0
    told_compiles: Compiling | None = None

    def stand(self, now: float) -> Stand:
        """How far it is."""
        if self.before is not None:
            return self.before
        if self.told is not None:
            since = now - self.told_at if self.told.active and not self.told.ready else 0.0
            return dataclasses.replace(self.told, waited=self.told.waited + since)
        if self.turn is None:
            return Stand(self.left, ready=self.ended)
        waited = (self.ready or now) - self.turn
        trained = self.base - self.left if self.ready is not None else 0.0
        seconds = self.run.trained_s if self.run else 0.0
        return Stand(self.left, trained, seconds, not self.ended, self.ready is not None, waited)

    def begins(self, run: CohortRun, now: float) -> None:
        """It trains from where its cursor stands."""
        self.run, self.left, self.base, self.ready = run, run.left, run.left, now

    def moves(self, run: CohortRun) -> float:
        """A chunk was read back; returns its tokens."""
        tokens = max(0.0, self.left - run.left) / counting.train_flops_per_token(run.cohort.shape)
        self.run, self.left = run, run.left
        return tokens

    def ends(self, run: CohortRun | None = None, failure: str = "") -> None:
        """It is trained, or cannot be."""
        self.run, self.left, self.ended, self.failure = run or self.run, 0.0, True, failure

    def compiles(self, now: float) -> Compiling | None:
        """What is compiled for it, and for how long (seconds)."""
        if self.told_compiles is not None:
            what, seconds = self.told_compiles
            return what, seconds + now - self.told_at
        at = self.run.machine.watch.now if self.run is not None else None
        return None if at is None else (at[0], now - at[1])

    def news(self, now: float) -> dict[str, Any]:
        """What another process is told of it, as JSON types."""
        cells = {row.key: cell(self.run, r) for r, row in rows_of(self.run)} if self.run is not None else {}
        stand = dataclasses.asdict(self.stand(now))
        return {"stand": stand, "compiles": self.compiles(now), "cells": cells, "failure": self.failure}

    def hears(self, news: Mapping[str, Any], now: float) -> float:
        """`news` of the process that trains it; returns the tokens that have been trained since the last."""
        stand, old, compiles = Stand(**news["stand"]), self.told or Stand(self.left), news["compiles"]
        self.told, self.told_at, self.left = stand, now, stand.left
        self.told_compiles = (compiles[0], compiles[1]) if compiles else None
        return max(0.0, stand.trained - old.trained) / counting.train_flops_per_token(self.cohort.shape)


def rows_of(run: CohortRun) -> list[tuple[int, Any]]:
    """The rows of trials, without the trunks, with their numbers."""
    return [(r, row) for r, row in enumerate(run.rows) if row.trial is not None]


def cell(run: CohortRun, r: int) -> str:
    """A trial in five characters: its loss, `nan`, or how far it is."""
    row, cursor = run.rows[r], run.cursor
    if row.key in cursor.results:
        return f"{cursor.results[row.key]['loss']:.3f}"
    source = r if row.source is None else row.source
    if not cursor.alive(r) or not cursor.alive(source):
        return "nan"
    step = cursor.step[r] if cursor.forked[r] else min(cursor.step[source], row.start)
    return f"{step / row.end:.0%}" if step else NOT_BEGUN


def cell_of(row: Mapping[str, Any] | None) -> str:
    """A trial as the loss table has it."""
    if row is None or row["status"] not in ("done", "diverged"):
        return NOT_BEGUN
    return f"{row['loss']:.3f}" if row["loss"] is not None else "nan"
