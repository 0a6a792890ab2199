"""A question of the checklist, its answer, and the records that answers are taken from."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True)
class Known:
    """Records of a bundle; empty where it has none.

    Attributes:
        sweep: `sweep.json`.
        rows: of the loss table.
        fit, fit_file: the record of the first fit, and its name in the bundle.
        ledger: lines of the ledger of forecasts.
        multiverse: of that fit.
    """

    sweep: Record
    rows: list[Record]
    fit: Record
    fit_file: str
    ledger: list[Record]
    multiverse: Record

    @property
    def config(self) -> Record:
        return self.sweep.get("config") or {}

    @property
    def done(self) -> list[Record]:
        """Rows of finished trials."""
        return [row for row in self.rows if row.get("status") == "done"]

    def span(self, column: str) -> tuple[Any, Any] | None:
        """(smallest, largest) of a column over the finished trials; None where it is not there."""
        values = [row[column] for row in self.done if row.get(column) is not None]
        return (min(values), max(values)) if values else None


@dataclass(frozen=True)
class Question:
    """One item of the checklist.

    Attributes:
        tell: the answer by the records, or None.
        where: file that answers it; empty for that of the fit.
        otherwise: said where the records do not tell.
    """

    topic: str
    text: str
    tell: Callable[[Known], str | None]
    where: str = ""
    otherwise: str = "the records do not say"

    def file(self, known: Known) -> str:
        """The file that answers it."""
        return self.where or known.fit_file


@dataclass(frozen=True)
class Answer:
    """A question with its answer and the file that has it; `text` is None where it is not known, and `why` says why."""

    topic: str
    question: str
    text: str | None
    file: str | None
    why: str

    def as_dict(self) -> Record:
        """Plain JSON types."""
        return dataclasses.asdict(self) | {"known": self.text is not None}


def count(value: float | int) -> str:
    """A count in three digits: 2,824 or 7.31e+09."""
    return f"{value:,.0f}" if abs(value) < 1e6 else f"{value:.3g}"


def between(ends: tuple[Any, Any] | None, write: Callable[[Any], str] = count) -> str | None:
    """`low to high`, or the one value."""
    if ends is None:
        return None
    low, high = map(write, ends)
    return low if low == high else f"{low} to {high}"
