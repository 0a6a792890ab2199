"""A ledger in a store, which cannot append: `ledger/000001.json`, …, one line each, created only where there is none.

Of two writers that hold the same head one creates the next entry; the other reads again and follows it.
"""

import itertools
from collections.abc import Callable

from sweep import storage
from sweep.storage import Location

FOLDER = "ledger"  # beside the file that a ledger on a disk is
BATCH = 16  # names that are asked for at a time


def read(folder: Location) -> dict[int, bytes]:
    """The entries, by number from 1. One that is missing among others stays so: the chain shows it."""
    found = present(folder)
    if found and len(found) < max(found):  # perhaps one was asked for just before it was made, and the next just after
        found = present(folder)
    return found


def present(folder: Location) -> dict[int, bytes]:
    """The entries up to the first batch of names in which one is missing."""
    found: dict[int, bytes] = {}
    for start in itertools.count(1, BATCH):
        numbers = range(start, start + BATCH)
        texts = storage.read_many([folder / name_of(n) for n in numbers])
        found |= {n: text for n, text in zip(numbers, texts, strict=True) if text is not None}
        if None in texts:
            return found
    raise AssertionError  # counting has no end


def append(folder: Location, line: Callable[[dict[int, bytes]], bytes | None]) -> None:
    """Add the line that follows from what is there, asked anew where another writer was quicker; None adds none."""
    while True:
        held = read(folder)
        added = line(held)
        if added is None or storage.create(folder / name_of(1 + max(held, default=0)), added):
            return


def name_of(number: int) -> str:
    """The object of an entry."""
    return f"{number:06d}.json"


def joined(before: bytes, entries: dict[int, bytes]) -> bytes:
    """One text: the file that the ledger was before it was in a store, and the entries."""
    ends = b"" if before.endswith(b"\n") or not before or not entries else b"\n"
    return before + ends + b"".join(entries[number] for number in sorted(entries))
