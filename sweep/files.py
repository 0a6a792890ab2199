"""Files appear whole or not at all: written beside, flushed to disk, renamed. Everything durable is written here."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sweep.errors import InputError


@contextlib.contextmanager
def whole(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write that takes its name only when all of it is on disk; folders on the way are made.

    Raises:
        InputError: the place cannot be written: no permission, no room, a file where a folder is meant.
    """
    file = Path(path)
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
