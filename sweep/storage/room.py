"""What can be done at any location, on this machine or in a store."""

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sweep.errors import InputError
from sweep.storage import disk
from sweep.storage.address import Address, Location
from sweep.storage.store import store_of

T = TypeVar("T")
U = TypeVar("U")
AT_ONCE = 32  # objects that are read side by side


def put(place: Location, data: bytes) -> None:
    """Write it whole: a reader sees the old file or the new one, never a part. Raises InputError."""
    if isinstance(place, Address):
        return store_of(place).put(place, data)
    with disk.whole(place) as sink:
        sink.write(data)


def create(place: Location, data: bytes) -> bool:
    """Write it whole if there is none; whether it is ours. Of several writers exactly one is told True, unless they
    write the same bytes. Raises InputError.
    """
    if isinstance(place, Address):
        return store_of(place).create(place, data)
    return disk.create(place, data)


def read(place: Location) -> bytes | None:
    """All of it, or None where there is no such file. Raises InputError."""
    try:
        return place.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{place}: cannot be read: {error.strerror}; mend its permissions") from error


def read_many(places: Sequence[Location]) -> list[bytes | None]:
    """As `read`, of each; those in a store side by side."""
    return each(read, places, places[0]) if places else []


def each(do: Callable[[T], U], things: Sequence[T], where: Location) -> list[U]:
    """`do` of each, side by side where they are in a store, whose answers take their time."""
    if not isinstance(where, Address) or not things:
        return [do(thing) for thing in things]
    with ThreadPoolExecutor(min(AT_ONCE, len(things)), "reading") as pool:
        return list(pool.map(do, things))


def readable(place: Location) -> Path | io.BytesIO:
    """What a library reads it from: the path, or the bytes. In a store it raises FileNotFoundError as the library."""
    return io.BytesIO(place.read_bytes()) if isinstance(place, Address) else place


def size(place: Location) -> int | None:
    """Bytes of a file; None where there is none. Raises InputError."""
    if isinstance(place, Address):
        return store_of(place).size(place)
    with reading(place):
        return place.stat().st_size if place.is_file() else None


def blocks(place: Location, length: int) -> Iterator[bytes]:
    """A file piece by piece: for what is too large to be read at once. Raises InputError."""
    if isinstance(place, Address):
        yield from store_of(place).blocks(place, length)
        return
    with reading(place):
        file = place.open("rb")
    with file:
        while True:
            with reading(place):
                piece = file.read(length)
            if not piece:
                return
            yield piece


@contextlib.contextmanager
def reading(place: Path) -> Iterator[None]:
    """What a disk raises, as InputError in one line."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{place}: cannot be read: {error.strerror}; mend its permissions or its disk") from error


def listed(folder: Location) -> list[str]:
    """Names of the files and folders in a folder, sorted; none where there is no such folder.

    In a store the list may be late: a name may be missing from it, or name what is gone.
    """
    if isinstance(folder, Address):
        return store_of(folder).listed(folder)
    try:
        return sorted(one.name for one in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror}; mend its permissions") from error


def remove(place: Location) -> None:
    """Delete one file, if it is there. Raises InputError."""
    if isinstance(place, Address):
        return store_of(place).remove(place)
    with disk.written(place):
        Path(place).unlink(missing_ok=True)


def written(place: Location) -> float | None:
    """When it was written last, in seconds by the clock of whatever keeps it; None where there is none."""
    if isinstance(place, Address):
        return store_of(place).written(place)
    try:
        return place.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{place}: cannot be read: {error.strerror}; mend its permissions") from error
