"""The cohorts of a run directory and the tables that they wrote, found by known names where a list may be late.

`cohorts.json` names the cohorts. A cohort's `DONE` holds the attempt that ended it, whose files have the rows of all
its trials; those of a cohort that is not done are numbered by attempt from 000 on. On a disk the folders are listed
instead, which also finds what was written before there were such names. Another attempt's files beside those that
count are of a run that was taken for dead, and are not read.
"""

import contextlib
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from sweep import files, storage
from sweep.errors import InputError
from sweep.storage import Location

INDEX, FOLDER, DONE = "cohorts.json", "cohorts", "DONE"
BATCH = 8  # names that are asked for at a time; an attempt that ended before its files were written leaves a gap


class Damaged(InputError):
    """The index cannot be read."""


class Part(NamedTuple):
    """A table of one cohort: the cohort's folder and the file's name, and the file, or what it holds."""

    cohort: str
    name: str
    content: Path | io.BytesIO


def is_folder(place: Location) -> bool:
    """Whether it is a folder, which a run directory and that of a fit in a store are by the names of their files."""
    if isinstance(place, Path):
        return place.is_dir()
    return not place.is_file() and (
        place.is_dir() or any((place / name).is_file() for name in ("sweep.json", "fit.json"))
    )


def write_index(directory: Location, cohorts: Iterable[str]) -> None:
    """Name the cohorts of a run directory, by their hashes; those that are named already stay, unless the index is
    damaged: then it is written anew.
    """
    there: list[str] = []
    with contextlib.suppress(Damaged):
        there = named(directory)
    names = sorted({*cohorts, *there})
    files.write_text(directory / INDEX, json.dumps({"cohorts": names}, indent=1))


def named(directory: Location) -> list[str]:
    """The hashes in the index, none where there is no index. Raises InputError where it is damaged."""
    text = storage.read(directory / INDEX)
    try:
        return [str(name) for name in json.loads(text)["cohorts"]] if text is not None else []
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{directory / INDEX}: damaged; repeat `sweep run`, which writes it anew") from error


def folders(directory: Location) -> list[Location]:
    """The folders of all cohorts, in order of their names."""
    listed = (name for name in storage.listed(directory / FOLDER) if not name.startswith("."))
    return [directory / FOLDER / name for name in sorted({*named(directory), *listed})]


def parts(directory: Location, kind: Literal["rows", "curves"]) -> list[Part]:
    """The tables of one kind that the cohorts wrote."""
    if isinstance(directory, Path):
        return [part for folder in directory.glob(f"{FOLDER}/*") for part in listed(folder, kind)]
    every = folders(directory)
    ended = list(map(attempt, every, storage.read_many([folder / DONE for folder in every])))
    done = [(folder, name_of(kind, k)) for folder, k in zip(every, ended, strict=True) if k is not None]
    found = known(done)
    waiting = [folder for folder, k in zip(every, ended, strict=True) if k is None]
    for start in range(0, 10**6, BATCH):
        more = known([(folder, name_of(kind, k)) for folder in waiting for k in range(start, start + BATCH)])
        seen = {part.cohort for part in more}
        waiting = [folder for folder in waiting if folder.name in seen]
        found += more
        if not waiting:
            break
    return found


def listed(folder: Path, kind: str) -> list[Part]:
    """The tables of one cohort on a disk: that of the attempt that ended it, else those of all attempts.

    Raises:
        InputError: it is done and its table is missing.
    """
    files = sorted(folder.glob(f"{kind}-*.parquet"))
    ended = attempt(folder, storage.read(folder / DONE)) if len(files) != 1 else None
    counts = [file for file in files if ended is not None and file.name == name_of(kind, ended)]
    if ended and not counts:
        raise InputError(
            f"{folder / name_of(kind, ended)}: missing, though the cohort is done; restore it, or delete {DONE} beside "
            "it and repeat `sweep run`, which writes both anew from the last checkpoint"
        )
    return [Part(folder.name, file.name, file) for file in counts or files]


def name_of(kind: str, attempt: int) -> str:
    """The file of an attempt."""
    return f"{kind}-{attempt:03d}.parquet"


def attempt(folder: Location, done: bytes | None) -> int | None:
    """The attempt that ended a cohort, by its mark; None where it is not done, or the mark is empty.

    Raises:
        InputError: the mark is damaged.
    """
    try:
        return int(json.loads(done)["attempt"]) if done else None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / DONE}: damaged; delete it and repeat `sweep run`, which writes it anew") from error


def known(files: Sequence[tuple[Location, str]]) -> list[Part]:
    """Those files, (folder, name) each, that are there."""
    contents = storage.read_many([folder / name for folder, name in files])
    found = [(folder, name, text) for (folder, name), text in zip(files, contents, strict=True) if text is not None]
    return [Part(folder.name, name, io.BytesIO(text)) for folder, name, text in found]
