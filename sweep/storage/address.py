"""The name of an object, or of a folder of objects, in a store; it is used as a Path is."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from sweep.errors import InputError

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
COLLAPSED = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")  # what a Path keeps of it
PATTERN = re.compile(r"[*?\[\]]")  # several objects at once
ONE_SLASH = ("gs:/", "gcs:/", "s3:/", "s3a:/")  # what nobody means as a folder
CHAIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+::.*:/")  # one store behind another


@dataclass(frozen=True, order=True)
class Address:
    """`gs://bucket/exp`: scheme `gs`, path `bucket/exp`.

    Folders of a store are beginnings of names: none is made, and one without objects does not exist. `exists`,
    `is_file` and the reading methods ask the store, and raise InputError in one line where it does not answer.
    """

    scheme: str
    path: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}"

    def __truediv__(self, name: str | PurePosixPath) -> "Address":
        return Address(self.scheme, f"{self.path}/{str(name).strip('/')}")

    @property
    def name(self) -> str:
        """What stands behind the last slash."""
        return self.path.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def parent(self) -> "Address":
        """The folder; a bucket is its own."""
        return Address(self.scheme, self.path.rpartition("/")[0] or self.path)

    @property
    def parents(self) -> tuple["Address", ...]:
        """The folders that it lies in, nearest first, the bucket last."""
        above, found = self, []
        while above.parent != above:
            found.append(above := above.parent)
        return tuple(found)

    @property
    def bucket(self) -> str:
        return self.path.partition("/")[0]

    def with_name(self, name: str) -> "Address":
        return self.parent / name

    def resolve(self) -> "Address":
        return self

    def exists(self) -> bool:
        """Whether there is an object of this name, or one below it, by a list, which may be late."""
        return self.kind() is not None

    def is_file(self) -> bool:
        return self.kind() == "file"

    def is_dir(self) -> bool:
        """Whether a list, which may be late, has an object below it."""
        return self.kind() == "directory"

    def kind(self) -> str | None:
        """`file`, `directory`, or None."""
        from sweep.storage.store import store_of

        return store_of(self).kind(self)

    def read_bytes(self) -> bytes:
        """Raises FileNotFoundError where there is none."""
        from sweep.storage.store import store_of

        return store_of(self).read(self)

    def read_text(self) -> str:
        """UTF-8."""
        return self.read_bytes().decode()


Location: TypeAlias = Path | Address


def locate(path: str | Path | Address) -> Location:
    """The place of that name: `gs://bucket/x` in a store, everything else on this machine.

    A Path, which makes `gs:/bucket/x` of such a name, is taken as it was meant.

    Raises:
        InputError: a pattern, a chain of stores, or no bucket.
    """
    if isinstance(path, Address):
        return path
    scheme = (SCHEME if isinstance(path, str) else COLLAPSED).match(str(path))
    if scheme is None and str(path).startswith(ONE_SLASH):
        raise InputError(f"{path}: an address has two slashes: {str(path).replace(':/', '://', 1)}")
    if scheme is None and not CHAIN.match(str(path)):
        return Path(path)
    if scheme is None:
        raise InputError(f"{path}: a chain of stores cannot be used; give the address behind the last ::")
    rest = str(path)[scheme.end() :]
    if scheme[1] == "file":
        return Path("/" + rest.removeprefix("localhost/").lstrip("/"))
    if PATTERN.search(rest.partition("?")[0] if scheme[1].startswith("http") else rest):
        raise InputError(f"{path}: the name of one file or folder is needed, without any of * ? [ ]")
    if not rest.strip("/"):
        raise InputError(f"{path}: no bucket; write {scheme[1]}://BUCKET/FOLDER")
    return Address(scheme[1], rest.strip("/"))
