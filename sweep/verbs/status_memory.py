"""What `sweep status --watch` keeps from one look to the next, so that a look reads little."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from sweep.tables.schema import SCHEMA
from sweep.train.history import Event

AGAIN = 30.0  # seconds after which the rows are read even if no log has grown

Cohort = tuple[dict[str, Any], list[Event], bool, float | None]  # spec, log, whether it is done, when it was heard of


@dataclass
class Memory:
    """Cohorts that are done are read once; rows only after some log has grown, the law only with a trial more."""

    done: dict[str, Cohort] = field(default_factory=dict)
    state: Any = None  # of the logs at the last reading of the rows
    read: float = -AGAIN  # when that was, seconds of the monotonic clock
    table: pa.Table = field(default_factory=SCHEMA.empty_table)  # the losses at that time
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)  # the same by trial
    trained: int = -1  # trials of the law
    law: dict[str, Any] = field(default_factory=dict)

    def cohort(self, name: str, look: Callable[[], Cohort | None]) -> Cohort | None:
        """A cohort by its name, as it was read when it was done, else as `look` reads it."""
        if name in self.done:
            return self.done[name]
        found = look()
        if found is not None and found[2]:
            self.done[name] = found
        return found

    def rows_at(self, state: Any, read: Callable[[], pa.Table]) -> dict[str, dict[str, Any]]:
        """The rows by trial, read anew where the logs are in another `state` than before, or after a while."""
        now = time.monotonic()
        if state != self.state or now - self.read >= AGAIN:
            self.table, self.state, self.read = read(), state, now
            self.rows = {row["trial"]: row for row in self.table.to_pylist()}
        return self.rows

    def law_of(self, fit: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The law on the trials that are done, fitted anew where there are more of them."""
        trained = sum(row["status"] == "done" for row in self.rows.values())
        if trained != self.trained:
            self.law, self.trained = fit(), trained
        return self.law
