"""A store for tests: an fsspec filesystem on a local folder that is as unhelpful as an object store may be.

It does not rename, copy, move or append; a new object appears in lists only after some of them; it can be told to
answer 409, to lose answers after success, and to fail. `bucket://name/...` lies in the folder `name` below
`Bucket.root`, which must exist, as a bucket must.
"""

import datetime
import itertools
import os
import uuid
from pathlib import Path
from typing import Any, ClassVar

import fsspec
from fsspec.spec import AbstractFileSystem

from sweep.storage.store import open_store


class Bucket(AbstractFileSystem):
    """State is of the class: a process has one store."""

    protocol = "bucket"
    cachable = False
    root = Path()
    late = 0  # lists in which a new object is missing
    conflicts = 0  # how many creations are answered 409
    lost = 0  # how many answers are lost after success
    fails: ClassVar[list[BaseException]] = []  # raised by the next calls, in order
    born: ClassVar[dict[str, int]] = {}  # object -> number of the list before which it was made
    lists = itertools.count(1)
    seen = 0
    calls: ClassVar[list[tuple[str, str]]] = []

    @classmethod
    def reset(cls, root: Path) -> None:
        cls.root, cls.late, cls.conflicts, cls.lost, cls.seen = root, 0, 0, 0, 0
        cls.fails, cls.born, cls.calls, cls.lists = [], {}, [], itertools.count(1)

    def place(self, path: str, call: str) -> Path:
        if Bucket.fails:
            raise Bucket.fails.pop(0)
        Bucket.calls.append((call, path))
        return Bucket.root / str(self._strip_protocol(path))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        file = self.place(path, "create" if mode == "create" else "put")
        if not (Bucket.root / file.relative_to(Bucket.root).parts[0]).is_dir():
            raise FileNotFoundError("The specified bucket does not exist")
        if mode == "create" and Bucket.conflicts:
            Bucket.conflicts -= 1
            raise conflict()
        file.parent.mkdir(parents=True, exist_ok=True)
        whole = Bucket.root / f".{uuid.uuid4().hex}"  # an object appears with all that is in it
        whole.write_bytes(value)
        try:
            (os.link if mode == "create" else os.replace)(whole, file)
        finally:
            whole.unlink(missing_ok=True)
        Bucket.born.setdefault(str(file), Bucket.seen)
        if Bucket.lost:
            Bucket.lost -= 1
            raise TimeoutError("the answer was lost")

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        file = self.place(path, "read")
        if not file.is_file():
            raise FileNotFoundError(path)
        return file.read_bytes()[start:end]

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        file = self.place(path, "info")
        if file.is_file():
            return {"name": path, "size": file.stat().st_size, "type": "file"}
        self.ls(path, detail=False)
        return {"name": path, "size": 0, "type": "directory"}

    def modified(self, path: str) -> datetime.datetime:
        file = self.place(path, "info")
        if not file.is_file():
            raise FileNotFoundError(path)
        return datetime.datetime.fromtimestamp(file.stat().st_mtime, datetime.UTC)

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        folder = self.place(path, "list")
        Bucket.seen = next(Bucket.lists)
        found = [f"{self._strip_protocol(path)}/{one.name}" for one in self.shown(folder)]
        if not found:
            raise FileNotFoundError(path)
        return [self.info(one) for one in found] if detail else found

    def shown(self, folder: Path) -> list[Path]:
        """What a list of `folder` shows now: what is old enough, or holds something that is."""
        old = [
            Path(one) for one, born in Bucket.born.items() if Bucket.seen - born > Bucket.late and Path(one).exists()
        ]
        return sorted({folder / one.relative_to(folder).parts[0] for one in old if one.is_relative_to(folder)})

    def rm_file(self, path: str) -> None:
        file = self.place(path, "remove")
        if not file.is_file():
            raise FileNotFoundError(path)
        file.unlink()
        Bucket.born.pop(str(file), None)

    def refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("a store does not do this")

    open = mv = move = rename = copy = cp_file = makedir = makedirs = mkdir = mkdirs = touch = rm = refuse  # pyright: ignore


class ClientError(Exception):
    """As botocore's."""

    def __init__(self, status: int, code: str, message: str = "said the store"):
        super().__init__(message)
        self.response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}


def conflict() -> OSError:
    """409, as s3fs raises it."""
    error = OSError(5, "The conditional request cannot succeed due to a conflicting operation")
    error.__cause__ = ClientError(409, "ConditionalRequestConflict")
    return error


def register(root: Path) -> None:
    """A new, empty store with one bucket, `b`, below `root`."""
    fsspec.register_implementation("bucket", Bucket, clobber=True)
    open_store.cache_clear()
    (root / "b").mkdir(parents=True)
    Bucket.reset(root)
