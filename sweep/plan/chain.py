"""A ledger whose lines are chained by hashes: a line that was edited, replaced, removed or moved shows.

Every line is a JSON object that ends with `previous`, the hash of the line before it, and `hash`, the SHA-256 of its
own text without the hash. Who changes a line breaks its own hash; who also renews that hash breaks the next line. What
the chain cannot show is that its last lines were cut off, or that all from some line on was written anew: keep the hash
of the last line (the head) somewhere else, and ask whether it is still in the ledger (`Ledger.holds`).

Lines written before there were hashes are read as they are: nothing shows what happened to them until the first sealed
line, which holds a hash of them all.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sweep import storage
from sweep.errors import InputError, Refusal
from sweep.plan import entries
from sweep.storage import Location

ORIGIN = "0" * 64  # what the first line follows
BEGIN = b'{"kind": '  # of every line: what a torn end begins with
Record = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """One line: its number in the file from 1, its content, and the edit that shows in it, empty where none does."""

    number: int
    record: Record
    problem: str

    @property
    def sealed(self) -> bool:
        """Whether it carries a hash."""
        return "hash" in self.record


@dataclass(frozen=True)
class Ledger:
    """A file of chained lines.

    Attributes:
        lines: oldest first.
        torn: bytes of an end that is no line, because its writer died.
        head: hash that the next line will hold.
        whole: bytes up to the end of the last line.
    """

    file: Location
    lines: tuple[Line, ...]
    torn: int
    head: str
    whole: int

    @property
    def records(self) -> list[Record]:
        """Content of every line."""
        return [line.record for line in self.lines]

    @property
    def broken(self) -> list[Line]:
        """Lines in which an edit shows."""
        return [line for line in self.lines if line.problem]

    @property
    def unsealed(self) -> int:
        """Lines at the beginning that were written before there were hashes."""
        return next((i for i, line in enumerate(self.lines) if line.sealed), len(self.lines))

    def holds(self, hash: str) -> bool:
        """Whether a line has this hash, or begins with these 12 or more digits of it."""
        return len(hash) >= 12 and any(str(line.record.get("hash", "")).startswith(hash) for line in self.lines)

    def refuse_broken(self) -> None:
        """Raise Refusal `broken_chain` where an edit shows, naming the first line."""
        if self.broken:
            first, more = self.broken[0], len(self.broken) - 1
            others = f" (and {more} more: `sweep forecast verify`)" if more else ""
            raise Refusal(
                "broken_chain",
                f"{self.file}: line {first.number} {first.problem}{others}; restore the ledger from a copy, or move it "
                "away and begin another",
            )


def read(file: Location) -> Ledger:
    """The ledger of a file and of the entries beside it, empty where there are none; its name is that of the folder of
    the entries where it grows there. Raises InputError for what is no JSON object.
    """
    folder = file.parent / entries.FOLDER
    held = entries.read(folder)
    return parse(entries.joined(storage.read(file) or b"", held), folder if in_entries(file, held) else file)


def lines_of(file: Location) -> bytes:
    """The text of a ledger, all its entries in it; empty where there is none."""
    return entries.joined(storage.read(file) or b"", entries.read(file.parent / entries.FOLDER))


def in_entries(file: Location, held: dict[int, bytes]) -> bool:
    """Whether a ledger grows by entries: in a store always, on a disk where it was copied from one."""
    return bool(held) or isinstance(file, storage.Address)


def parse(data: bytes, file: Location) -> Ledger:
    """The ledger of a file's bytes."""
    body, newline, tail = data.rpartition(b"\n")
    if tail and loaded(tail) is not None:  # whole, and only its line's end is missing
        body, newline, tail = data, b"", b""
    if not BEGIN.startswith(tail[: len(BEGIN)]):
        raise InputError(f"{file}: not a ledger of forecasts (its end is no line of one); restore it from a copy")
    lines, head = judge(body, file)
    return Ledger(file, tuple(lines), len(tail), head, len(body + newline))


def judge(body: bytes, file: Location) -> tuple[list[Line], str]:
    """Every line with the edit that shows in it, and the hash that the next one must hold."""
    lines: list[Line] = []
    head: str | None = ORIGIN  # None after a line whose own hash cannot be trusted: only the changed are named
    for number, raw in enumerate(body.split(b"\n"), 1):
        if not raw.strip():
            continue
        record = loaded(raw)
        if record is None:
            raise InputError(
                f"{file}: line {number}: not a ledger of forecasts (no JSON object); restore it from a copy"
            )
        before = lines[-1] if lines else None
        problem = changed(raw, record, before)
        follows = problem or head is None or "hash" not in record or record["previous"] == head
        lines.append(Line(number, record, problem if follows else misplaced(before)))
        head = None if problem else record["hash"] if "hash" in record else digest(record, head)
    return lines, head or ORIGIN


def changed(raw: bytes, record: Record, before: Line | None) -> str:
    """What shows that a line is not as it was written; empty where nothing does."""
    if "hash" not in record:
        added = before is not None and before.sealed
        return "has no hash, and the line before it has: it was added or changed by hand" if added else ""
    if record["hash"] != digest(record, record.get("previous")) or raw.decode() != text(record):
        return "was changed after it was written: its content does not give its hash"
    return ""


def misplaced(before: Line | None) -> str:
    """What it means that a line does not hold the hash of the one before."""
    if before is None:
        return "is not the first that was written: lines before it were removed"
    return f"does not follow line {before.number}: that line was replaced, or lines were removed, added or moved here"


def seal(record: Record, previous: str) -> Record:
    """The record with the hash of the line before and its own."""
    return {**record, "previous": previous, "hash": digest(record, previous)}


def digest(record: Record, previous: Any) -> str:
    """SHA-256 of a line's text without its hash."""
    body = {name: value for name, value in record.items() if name != "hash"} | {"previous": previous}
    return hashlib.sha256(text(body).encode()).hexdigest()


def text(record: Record) -> str:
    """A record as its line, ASCII."""
    return json.dumps(record, allow_nan=False)


def loaded(raw: bytes) -> Record | None:
    """The JSON object of a line, or None."""
    try:
        found = json.loads(raw, parse_constant=no_constant)
    except ValueError:  # not JSON, or not UTF-8
        return None
    return found if isinstance(found, dict) else None


def no_constant(name: str) -> None:
    """NaN and Infinity are not JSON."""
    raise ValueError(name)


def kinds(records: list[Record], kind: str) -> Iterator[Record]:
    """Records of one kind."""
    return (record for record in records if record.get("kind") == kind)
