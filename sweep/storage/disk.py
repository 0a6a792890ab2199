"""Files on this machine: they appear whole or not at all, and are on disk when they do."""

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sweep.errors import InputError
from sweep.storage.trouble import ERRNO, Kind

ADVICE: dict[Kind, str] = {
    "full": "make room, then repeat the command",
    "denied": "get the right to write there, or choose another --out",
    "busy": "see that the disk or mount works, then repeat the command",
    "unreachable": "see that the disk or mount works, then repeat the command",
}


@contextlib.contextmanager
def whole(file: Path) -> Iterator[BinaryIO]:
    """A file to write that takes its name only when all of it is on disk; folders on the way are made.

    Raises:
        InputError: the place cannot be written: no permission, no room, a file where a folder is meant.
    """
    beside = another(file)
    with written(file):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as sink:
                yield sink
                sink.flush()
                os.fsync(sink.fileno())
            os.replace(beside, file)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)


def create(file: Path, data: bytes) -> bool:
    """The file, whole, if there is none of its name; False where there is one. Raises InputError as `whole`."""
    beside = another(file)
    with written(file):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as sink:
                sink.write(data)
                sink.flush()
                os.fsync(sink.fileno())
            made = linked(beside, file, data)
            sync_folder(file.parent)
            return made
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)


def another(file: Path) -> Path:
    """A name beside a file that no other writer has: on other hosts a process may have the number of this one."""
    return file.with_name(f".{file.name}.{uuid.uuid4().hex}.part")


def linked(beside: Path, file: Path, data: bytes) -> bool:
    """The second name of a file; where the filesystem has none (a mounted store), the file itself, made exclusively."""
    try:
        try:
            os.link(beside, file)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
            with file.open("xb") as sink:
                sink.write(data)
                sink.flush()
                os.fsync(sink.fileno())
    except FileExistsError:
        return False
    return True


@contextlib.contextmanager
def written(file: Path) -> Iterator[None]:
    """Trouble of a disk in one line."""
    try:
        yield
    except OSError as error:
        said = error.strerror or error
        raise InputError(f"{file}: cannot be written: {said}; {advice(error.errno)}") from error


def advice(number: int | None) -> str:
    """What to do where something cannot be written, by the number of the error."""
    return ADVICE.get(ERRNO.get(number or 0, "unknown"), "choose another --out or make room")


def sync_folder(folder: Path) -> None:
    """Flush the name of a new file to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
