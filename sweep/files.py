"""Files appear whole or not at all, on this machine or in a store. Everything durable is written here.

A file on this machine that only grows is appended to instead (`extend`): under a lock, and cut back where the disk
fails half-way.
"""

import contextlib
import errno
import fcntl
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sweep import storage
from sweep.errors import InputError
from sweep.storage import Address, Location, disk, locate


def local(path: str | Path | Address, field: str = "") -> Path:
    """The path, which must lie on this machine: corpora, config files and what only a disk can do.

    Args:
        field: of a config, that gives the path.

    Raises:
        InputError: an address in a store.
    """
    place = locate(path)
    if isinstance(place, Address):
        raise InputError(
            f"{f'{field} ' if field else ''}{place}: files at {place.scheme}:// cannot be read or written; give a path "
            "on this machine, and copy what you need, or mount the store as a folder"
        )
    return place


@contextlib.contextmanager
def whole(path: str | Location) -> Iterator[BinaryIO]:
    """A file to write that takes its name only when all of it is there; folders on the way are made.

    Raises:
        InputError: the place cannot be written: no permission, no room, a file where a folder is meant.
    """
    place = locate(path)
    if isinstance(place, Path):
        with disk.whole(place) as sink:
            yield sink
        return
    memory = io.BytesIO()
    yield memory
    storage.put(place, memory.getvalue())


def write_text(path: str | Location, text: str) -> None:
    """UTF-8 text, whole or not at all."""
    storage.put(locate(path), text.encode())


class Growth(NamedTuple):
    """What to do with the end of a file: keep so many of its bytes, then add these."""

    keep: int
    added: bytes


def extend(file: Path, growth: Callable[[bytes], Growth]) -> None:
    """Append to a file, whole or not at all; processes that append to one file wait for each other.

    Args:
        growth: told what the file holds, with the lock held, it says what to keep of it (all, but for an end that
            another writer's death left torn) and what to add.

    Raises:
        InputError: the place cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a+b", buffering=0) as sink:
            fcntl.flock(sink, fcntl.LOCK_EX)
            sink.seek(0)
            held = sink.readall()
            keep, added = growth(held)
            if keep < len(held):
                sink.truncate(keep)
            try:
                if sink.write(added) != len(added):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(sink.fileno())
            except BaseException:
                sink.truncate(keep)
                raise
        if not held:
            disk.sync_folder(file.parent)
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}; make room, or mend its permissions") from error


def cache() -> Path:
    """Where tokens of embedded corpora and compiled programs are kept: it may be deleted at any time."""
    if chosen := os.environ.get("SWEEP_CACHE"):
        return local(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sweep"
