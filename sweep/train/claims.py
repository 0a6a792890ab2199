"""Which worker trains a cohort: claims that are safe for any number of workers on one run directory.

A worker claims attempt k + 1 by creating `lease-<k + 1>`, which a store lets one of them do. It then writes `beat-<k +
1>` again and again; where that has not happened for `expiry` seconds, by the store's clock, another may claim the next
attempt. Whatever an attempt leaves, it leaves below its own folder, and `DONE` is created once and names the attempt
that counts. So an owner that was paused, and wakes up after another took over, can damage nothing, and need not even
be told: its work is lost, or it is the first to end and counts.

A store is asked for no more than this: a name is created once, what was written is read by name from then on, and it
says when something was written. Names are asked for one by one: a folder's listing may be late. Clocks of workers are
never compared.
"""

import json
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from sweep import storage
from sweep.errors import InputError
from sweep.storage import Location
from sweep.tables.cohorts import DONE

RELEASED = b"released"
BEATS = 4  # of an owner before it counts as gone


@runtime_checkable
class Store(Protocol):
    """The folder of one cohort."""

    def put(self, name: str, content: bytes) -> None:
        """Write, whole; what was there is written over."""
        ...

    def put_new(self, name: str, content: bytes) -> bool:
        """Write where nothing is; False where something is that another has written."""
        ...

    def get(self, name: str) -> bytes | None:
        """What is there."""
        ...

    def written(self, name: str) -> float | None:
        """When it was written last, in seconds of the store's clock."""
        ...

    def remove(self, name: str) -> None:
        """Take it away."""
        ...


@dataclass(frozen=True)
class Folder:
    """The store that keeps a cohort's folder."""

    place: Location

    def put(self, name: str, content: bytes) -> None:
        storage.put(self.place / name, content)

    def put_new(self, name: str, content: bytes) -> bool:
        return storage.create(self.place / name, content)

    def get(self, name: str) -> bytes | None:
        return storage.read(self.place / name)

    def written(self, name: str) -> float | None:
        return storage.written(self.place / name)

    def remove(self, name: str) -> None:
        storage.remove(self.place / name)


@dataclass(frozen=True)
class Standing:
    """Whose a cohort is.

    Attributes:
        attempt: the last one that was claimed, or the one that counts where `state` is done; 0: none.
        owner: who claimed it.
        silent: seconds since its owner was heard of; None where `state` is not held.
    """

    state: Literal["free", "held", "done"]
    attempt: int
    owner: dict[str, Any]
    silent: float | None = None


@dataclass(frozen=True)
class Claims:
    """Claims on one cohort.

    Attributes:
        expiry: seconds without a beat after which an owner counts as gone; owners beat BEATS times as often.
        gone: whether an owner is known to have ended, so that nobody need wait for its claim to expire.
    """

    store: Store
    expiry: float
    gone: Callable[[dict[str, Any]], bool] = lambda owner: False

    def stand(self) -> Standing:
        """Whose the cohort is now. Raises InputError where a file is damaged."""
        if (done := self.store.get(DONE)) is not None:
            attempt = self.parsed(DONE, done)["attempt"] if done else 0  # empty in directories of older versions
            return Standing("done", attempt, self.read(lease(attempt)) or {})
        attempt = self.newest()
        if not attempt:
            return Standing("free", 0, {})
        owner = self.read(lease(attempt)) or {}
        if self.store.get(beat(attempt)) == RELEASED or self.gone(owner):
            return Standing("free", attempt, owner)
        silent = self.silence(attempt)
        return Standing("held", attempt, owner, silent) if silent < self.expiry else Standing("free", attempt, owner)

    def take(self, owner: dict[str, Any]) -> "Claim | None":
        """Claim the cohort where it is free; None where it is not, or another was faster.

        Args:
            owner: what to tell others of this worker: host, process, since when.
        """
        now = self.stand()
        if now.state != "free":
            return None
        attempt, nonce = now.attempt + 1, uuid.uuid4().hex
        content = json.dumps({**owner, "attempt": attempt, "nonce": nonce}).encode()
        return Claim(self, attempt, nonce) if self.store.put_new(lease(attempt), content) else None

    def newest(self) -> int:
        """The last attempt that was claimed; 0: none."""
        attempt = 0
        while self.store.get(lease(attempt + 1)) is not None:
            attempt += 1
        return attempt

    def silence(self, attempt: int) -> float:
        """Seconds since the owner of an attempt was heard of, by the store's clock: that of a file written just now."""
        heard = self.store.written(beat(attempt)) or self.store.written(lease(attempt))
        name = f"now-{uuid.uuid4().hex[:8]}"
        self.store.put(name, b"")
        now = self.store.written(name)
        self.store.remove(name)
        if heard is None or now is None:  # a store that forgets what it was given: take nothing from anybody
            return 0.0
        return now - heard

    def heard(self) -> float | None:
        """When the last owner was heard of, seconds since 1970 by the store's clock; nothing is written.

        -inf where it has left, or is known to have ended; None where nobody has claimed the cohort.
        """
        if not (attempt := self.newest()):
            return None
        if self.store.get(beat(attempt)) == RELEASED or self.gone(self.read(lease(attempt)) or {}):
            return -math.inf
        return self.store.written(beat(attempt)) or self.store.written(lease(attempt))

    def read(self, name: str) -> dict[str, Any] | None:
        """A file of claims."""
        content = self.store.get(name)
        return None if content is None else self.parsed(name, content)

    def parsed(self, name: str, content: bytes) -> dict[str, Any]:
        """What a file of claims says."""
        try:
            values = json.loads(content)
            if not isinstance(values, dict) or not isinstance(values["attempt"], int):
                raise ValueError(name)
            return values
        except (ValueError, KeyError) as error:
            raise InputError(
                f"{name}: damaged, not a claim of a worker; delete it when no worker trains this cohort"
            ) from error


@dataclass(frozen=True)
class Claim:
    """An attempt that this worker has claimed."""

    of: Claims
    attempt: int
    nonce: str

    def renew(self) -> bool:
        """Be heard of. False where another has claimed the next attempt, or the cohort is done: leave it then."""
        if self.of.store.get(lease(self.attempt + 1)) is not None or self.of.store.get(DONE) is not None:
            return False
        self.of.store.put(beat(self.attempt), b"")
        return True

    def release(self) -> None:
        """Leave the cohort to others, at once; what was saved stays."""
        self.of.store.put(beat(self.attempt), RELEASED)

    def finish(self, attempt: int | None = None) -> bool:
        """All of this attempt is written: it counts, unless another counts already.

        Args:
            attempt: its number in the names of what it has left, where that is another.
        """
        content = json.dumps({"attempt": attempt or self.attempt, "nonce": self.nonce}).encode()
        return self.of.store.put_new(DONE, content)


def lease(attempt: int) -> str:
    return f"lease-{attempt:04d}"


def beat(attempt: int) -> str:
    return f"beat-{attempt:04d}"
