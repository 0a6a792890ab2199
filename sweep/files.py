"""Files appear whole or not at all: written beside, flushed to disk, renamed. Everything durable is written here.

A file that only grows is appended to instead (`extend`): under a lock, and cut back where the disk fails half-way.
"""

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sweep.errors import InputError

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/(?=/)")
COLLAPSED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # what a Path keeps of it


def local(path: str | Path) -> Path:
    """The path, which must lie on this machine. Every verb and function asks here before it reads or writes.

    Raises:
        InputError: an address such as `gs://bucket/x`, which Python would take for a folder named `gs:`.
    """
    if scheme := (SCHEME if isinstance(path, str) else COLLAPSED).match(str(path)):
        raise InputError(
            f"{path}: files at {scheme[0]}/ cannot be read or written; give a path on this machine, and copy what you "
            "need, or mount the store as a folder"
        )
    return Path(path)


@contextlib.contextmanager
def whole(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write that takes its name only when all of it is on disk; folders on the way are made.

    Raises:
        InputError: the place cannot be written: no permission, no room, a file where a folder is meant.
    """
    file = local(path)
    beside = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        os.replace(beside, file)
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}; choose another --out or make room") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """UTF-8 text, whole or not at all."""
    with whole(path) as sink:
        sink.write(text.encode())


class Growth(NamedTuple):
    """What to do with the end of a file: keep so many of its bytes, then add these."""

    keep: int
    added: bytes


def extend(path: str | Path, growth: Callable[[bytes], Growth]) -> None:
    """Append to a file, whole or not at all; processes that append to one file wait for each other.

    Args:
        growth: told what the file holds, with the lock held, it says what to keep of it (all, but for an end that
            another writer's death left torn) and what to add.

    Raises:
        InputError: the place cannot be written.
    """
    file = local(path)
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
            sync_folder(file.parent)
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}; make room, or mend its permissions") from error


def sync_folder(folder: Path) -> None:
    """Flush the name of a new file to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def cache() -> Path:
    """Where tokens of embedded corpora and compiled programs are kept: it may be deleted at any time."""
    if chosen := os.environ.get("SWEEP_CACHE"):
        return local(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sweep"
