"""Disks that take no more: files below a folder that cannot be opened or written, and real file systems of a few pages.

What Python writes is met where it opens files and makes folders; what libraries write in C++ is not (see `pages`).
"""

import builtins
import contextlib
import io
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PAGE = 4096  # bytes of a file at least, in tmpfs
PART = re.compile(r"\.(.+)\.[0-9a-f]{32}\.part$")  # the name of a file before all of it is written
NUMBERS = re.compile(r"\d+(-\d+)?")


class Disk:
    """Stands before a folder, and may refuse what is written there.

    Attributes:
        fails: whether the disk fails at a file that is opened to be written, by its name as `plain` has it.
        half: whether the first half of what is written then reaches the file.
        failing: it has failed once, and goes on failing until it is told otherwise.
    """

    def __init__(self, patch: pytest.MonkeyPatch, root: Path, number: int):
        self.root, self.number = root, number
        self.fails: Callable[[str], bool] = lambda name: False
        self.half = self.failing = False
        self.lock = threading.Lock()
        self.real, self.folder = io.open, os.mkdir
        patch.setattr(io, "open", self.open)
        patch.setattr(builtins, "open", self.open)
        patch.setattr(os, "mkdir", self.mkdir)

    def error(self, path: Any) -> OSError:
        return OSError(self.number, os.strerror(self.number), str(path))

    def open(self, path: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        mine = not isinstance(path, int) and Path(os.fsdecode(path)).is_relative_to(self.root)
        if not mine or not set(mode) & set("wax+"):
            return self.real(path, mode, *args, **kwargs)
        with self.lock:
            begins = not self.failing and self.fails(plain(self.root, path))
            self.failing = self.failing or begins
        if begins and self.half:
            return Half(self.real(path, mode, *args, **kwargs), self.error(path))
        if self.failing:
            raise self.error(path)
        return self.real(path, mode, *args, **kwargs)

    def mkdir(self, path: Any, *args: Any, **kwargs: Any) -> None:
        if self.failing and Path(path).is_relative_to(self.root) and Path(path).parent.exists():
            raise FileExistsError(path) if Path(path).exists() else self.error(path)
        self.folder(path, *args, **kwargs)


class Half:
    """A file on a disk that has room for the first half of what is written."""

    def __init__(self, file: Any, error: OSError):
        self.file, self.error = file, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> "Half":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, data: Any) -> int:
        self.file.write(bytes(data)[: len(data) // 2] if "b" in self.file.mode else data[: len(data) // 2])
        self.file.flush()
        raise self.error


def plain(root: Path, path: Any) -> str:
    """`log.jsonl` of any cohort, `rows-N.parquet`, `checkpoints/N/state/_METADATA`: what a file is, whichever it is."""
    parts = [found[1] if (found := PART.match(part)) else part for part in Path(path).relative_to(root).parts]
    if parts[0] == "cohorts":
        parts = parts[2:]
    return NUMBERS.sub("N", "/".join(parts))


@contextlib.contextmanager
def pages(folder: Path) -> Iterator[Callable[[int | None], None]]:
    """A file system in memory; leave(N) fills it up but for N pages, and leave(None) empties it again."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("no file system may be mounted here (it takes root)")
    filler = folder / "filler"

    def leave(number: int | None) -> None:
        filler.unlink(missing_ok=True)
        if number is not None:
            free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
            filler.write_bytes(b"x" * (free - number * PAGE))

    try:
        yield leave
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)
