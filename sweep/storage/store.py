"""One kind of store, through fsspec: what every object store can do, and no more.

Every object is named to fsspec by its whole address. Lists are asked for anew each time, never from fsspec's memory.
"""

import contextlib
import functools
import importlib.metadata
import inspect
import logging
import time
from collections.abc import Iterator
from typing import Any

from sweep.errors import InputError
from sweep.storage.address import Address
from sweep.storage.trouble import AGAIN, kind_of, sentence

EXTRAS = {"gs": "gcs", "gcs": "gcs", "s3": "s3", "s3a": "s3"}  # of this package
FLOORS = {"gcs": ("gcsfs", (2024, 12, 0)), "s3": ("s3fs", (2025, 7, 0))}  # the first that create only what is absent
LOGGERS = (
    "gcsfs",
    "s3fs",
    "aiobotocore",
    "google.auth",
)  # they print what they also raise, and guesses at a bucket's kind
WAITS = (0.3, 1.0, 3.0)  # seconds before each further try; the libraries have tried several times before


class Absent(FileNotFoundError):
    """There is no such object."""


class Store:
    """The filesystem of fsspec for one scheme."""

    def __init__(self, system: Any):
        self.system = system

    def put(self, place: Address, data: bytes) -> None:
        """The object, whole: a reader sees the old one or the new one."""
        with told(place):
            for wait in (*WAITS, None):
                try:
                    return self.system.pipe_file(str(place), data)
                except Exception as error:  # of whatever library; raised again unless another try may help
                    if wait is None or kind_of(error) not in AGAIN:
                        raise
                    time.sleep(wait)

    def create(self, place: Address, data: bytes) -> bool:
        """The object, if there is none; False where there is one of somebody else's.

        A try whose answer was lost may have made it, and the next try, ours or one inside the library, is then told
        that it exists. So what is there is read before that is believed: equal bytes are ours. Where it matters who of
        several writers of the same won, `data` holds something that no other writer writes.
        """
        with told(place):
            how = creating(self.system, place)
            for wait in (*WAITS, None):
                try:
                    self.system.pipe_file(str(place), data, **how)
                    return True
                except Exception as error:  # as in `put`
                    with contextlib.suppress(Absent):
                        return self.fetch(place) == data
                    if wait is None or kind_of(error) not in (*AGAIN, "taken"):
                        raise
                    time.sleep(wait)
        raise AssertionError  # the last try returned or raised

    def read(self, place: Address) -> bytes:
        """Raises FileNotFoundError where there is none."""
        with told(place):
            return self.fetch(place)

    def fetch(self, place: Address) -> bytes:
        """The bytes, or what the library raises; Absent in whatever way it says so."""
        try:
            return bytes(self.system.cat_file(str(place)))
        except Exception as error:
            if kind_of(error) != "absent":
                raise
            raise Absent(str(place)) from error

    def size(self, place: Address) -> int | None:
        """Bytes of an object; None where there is none."""
        with told(place):
            try:
                return int(self.system.info(str(place))["size"])
            except Exception as error:
                if kind_of(error) != "absent":
                    raise
                return None

    def blocks(self, place: Address, length: int) -> Iterator[bytes]:
        """The object, piece by piece."""
        with told(place):
            file = self.system.open(str(place), "rb")
        with file:
            while True:
                with told(place):  # not around the yield: what goes wrong with a piece is no trouble of the store
                    piece = file.read(length)
                if not piece:
                    return
                yield piece

    def kind(self, place: Address) -> str | None:
        """`file`, `directory`, or None."""
        with told(place):
            try:
                return str(self.system.info(str(place))["type"])
            except Exception as error:
                if kind_of(error) != "absent":
                    raise
                return None

    def written(self, place: Address) -> float | None:
        """When the object was written, in seconds by the store's clock; None where there is none."""
        with told(place):
            try:
                return self.system.modified(str(place)).timestamp()
            except Exception as error:
                if kind_of(error) != "absent":
                    raise
                return None

    def listed(self, folder: Address) -> list[str]:
        """Names of the objects and folders in a folder, as far as the store's list has come."""
        with told(folder):
            try:
                found = self.system.ls(str(folder), detail=False)
            except Exception as error:
                if kind_of(error) != "absent":
                    raise
                return []
        return sorted({name for one in found if (name := str(one).rstrip("/").rpartition("/")[2]) != folder.name})

    def remove(self, place: Address) -> None:
        """The object, if there is one."""
        with told(place):
            try:
                self.system.rm_file(str(place))
            except Exception as error:
                if kind_of(error) != "absent":
                    raise


@contextlib.contextmanager
def told(place: Address) -> Iterator[None]:
    """What a store's library raises, as InputError in one line; Absent, and what is no trouble of a store, as it is."""
    try:
        yield
    except (Absent, InputError):
        raise
    except Exception as error:  # the libraries' exceptions share no base: what is not known by kind passes
        kind = kind_of(error)
        if kind == "unknown" and not isinstance(error, OSError):
            raise
        raise sentence(place, error, kind) from error


def store_of(place: Address) -> Store:
    """The store that holds `place`. Raises InputError where what is needed to reach it is not installed."""
    return open_store(place.scheme)


@functools.cache
def open_store(scheme: str) -> Store:
    """The store of a scheme: one for the process."""
    extra = EXTRAS.get(scheme)
    cure = f"pip install 'isoflop[{extra}]'" if extra else f"install the fsspec filesystem for {scheme}://"
    check_version(scheme, cure)
    try:
        import fsspec
    except ImportError:
        raise InputError(f"{scheme}:// needs fsspec, which is missing; pip install fsspec") from None
    try:
        kind = fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise InputError(f"{scheme}:// needs a library that is missing ({error}); {cure}") from None
    except ValueError:
        known = "gs://, s3:// or another that fsspec knows"
        raise InputError(f"{scheme}:// is no store that can be read or written; use {known}, or a folder") from None
    for name in LOGGERS:
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.CRITICAL)
    with told(Address(scheme, "")):
        return Store(kind(use_listings_cache=False))


def check_version(scheme: str, cure: str) -> None:
    """InputError where the library of an extra is absent, or too old to create an object only if it is absent."""
    if scheme not in EXTRAS:
        return
    name, floor = FLOORS[EXTRAS[scheme]]
    try:
        there = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise InputError(f"{scheme}:// needs {name}, which is missing; {cure}") from None
    numbers = tuple(int(part) for part in there.split(".")[:3] if part.isdigit())
    if numbers < floor:
        raise InputError(
            f"{scheme}://: {name} {there} is too old, {'.'.join(map(str, floor))} is needed; {cure} --upgrade"
        )


def creating(system: Any, place: Address) -> dict[str, Any]:
    """Arguments of `pipe_file` that create only what is absent.

    Raises:
        InputError: the filesystem has no such thing. Its base class looks first and then writes, so that two writers
            could both win.
    """
    import fsspec

    name = "_pipe_file" if hasattr(system, "_pipe_file") else "pipe_file"
    own = getattr(type(system), name)
    parameters = inspect.signature(own).parameters
    if "mode" in parameters and own is not fsspec.AbstractFileSystem.pipe_file:
        return {"mode": "create"}
    if "overwrite" in parameters:  # of Azure's
        return {"overwrite": False}
    raise InputError(
        f"{place}: {place.scheme}:// cannot create a file only if it is absent, so two runs could write here at once; "
        "use gs://, s3:// or a folder"
    )
