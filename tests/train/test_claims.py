"""Claims under every order of events that a store and its workers may come to, simulated a store's operation at a time.

The store is strong for names and weak for all else, as object stores are: creation answers a conflict first or loses
its answer after success; a listing leaves out what was written lately; its clock is its own, and may be set by an hour.
Workers stop for longer than the expiry and wake up, or die; their own clocks are off by hours.
"""

import json
import math
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pytest

from sweep.errors import InputError
from sweep.train.claims import DONE, Claim, Claims, lease

EXPIRY = 40.0


class Killed(BaseException):
    """The end of a simulated worker."""


@dataclass
class World:
    """One store and its clock. Workers are threads that take turns: one operation each, in an order drawn by chance."""

    random: random.Random
    time: float = 1e6
    files: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    history: list[tuple[str, bytes]] = field(default_factory=list)  # every write that took place
    turn: threading.Condition = field(default_factory=threading.Condition)
    ready: set[int] = field(default_factory=set)
    alive: set[int] = field(default_factory=set)
    chosen: int | None = None
    asleep: dict[int, float] = field(default_factory=dict)  # until when
    jumps: bool = False  # of the store's clock, an hour to and fro
    ahead: float = 0.0  # the store's clock

    def step(self, worker: int, chance: float) -> None:
        """Wait for a turn; by chance sleep beyond the expiry first, or die."""
        with self.turn:
            if self.random.random() < chance:
                self.asleep[worker] = self.time + self.random.choice([0.5, 1.5, 4.0]) * EXPIRY
            self.ready.add(worker)
            self.turn.notify_all()
            assert self.turn.wait_for(lambda: self.chosen == worker, 20)
            self.chosen = None
            self.ready.discard(worker)
            self.time += self.random.uniform(0.01, 0.5)
            if self.jumps and self.random.random() < 0.002:
                self.ahead = self.random.choice([-3600.0, 0.0, 3600.0])
            if self.random.random() < chance / 2:
                raise Killed

    def run(self, workers: dict[int, Callable[[], None]]) -> None:
        """Let all workers come to their ends."""

        def whole(number: int, work: Callable[[], None]) -> None:
            try:
                work()
            except Killed:
                pass
            finally:
                with self.turn:
                    self.alive.discard(number)
                    self.turn.notify_all()

        self.alive |= workers.keys()
        threads = [threading.Thread(target=whole, args=pair, daemon=True) for pair in workers.items()]
        for thread in threads:
            thread.start()
        with self.turn:
            while self.alive:
                assert self.turn.wait_for(lambda: self.chosen is None and self.ready >= self.alive, 20)
                if not self.alive:
                    break
                awake = sorted(w for w in self.ready if self.asleep.get(w, 0.0) <= self.time)
                if not awake:
                    self.time = min(self.asleep[w] for w in self.ready)
                    continue
                self.chosen = self.random.choice(awake)
                self.turn.notify_all()
        for thread in threads:
            thread.join(20)


@dataclass(frozen=True)
class Seen:
    """The store as one worker sees one cohort."""

    world: World
    cohort: str
    worker: int
    trouble: float  # chance of a pause before each operation, of death half as much

    def put(self, name: str, content: bytes) -> None:
        self.world.step(self.worker, self.trouble)
        self.write(name, content)

    def put_new(self, name: str, content: bytes) -> bool:
        """As the storage room does it: a conflict is tried again, a lost answer is settled by reading back."""
        self.world.step(self.worker, self.trouble)
        if self.world.random.random() < 0.2:  # 409: try again
            self.world.step(self.worker, self.trouble)
        key = f"{self.cohort}/{name}"
        if key not in self.world.files:
            self.write(name, content)
            if self.world.random.random() < 0.2:  # the answer is lost; the content read back is ours
                self.world.step(self.worker, self.trouble)
        return self.world.files[key][0] == content

    def get(self, name: str) -> bytes | None:
        self.world.step(self.worker, self.trouble)
        return self.world.files.get(f"{self.cohort}/{name}", (None, 0.0))[0]

    def written(self, name: str) -> float | None:
        self.world.step(self.worker, self.trouble)
        return self.world.files.get(f"{self.cohort}/{name}", (None, None))[1]

    def remove(self, name: str) -> None:
        self.world.step(self.worker, self.trouble)
        self.world.files.pop(f"{self.cohort}/{name}", None)

    def listed(self, start: str) -> list[str]:
        """Names that begin so; any that was written in the last minute may be left out."""
        self.world.step(self.worker, self.trouble)
        start, before = f"{self.cohort}/{start}", self.world.time + self.world.ahead - 60.0
        found = [n for n in self.world.files if n.startswith(start)]
        seen = [n for n in found if self.world.files[n][1] < before or self.world.random.random() < 0.5]
        return [n.removeprefix(f"{self.cohort}/") for n in seen]

    def write(self, name: str, content: bytes) -> None:
        self.world.files[f"{self.cohort}/{name}"] = content, self.world.time + self.world.ahead
        self.world.history.append((f"{self.cohort}/{name}", content))


UNITS = 4  # of work in a cohort
COHORTS = ("a", "b", "c")


def work(world: World, worker: int, trouble: float) -> None:
    """What a worker does until nothing is left: claim, go on from the newest checkpoint, save, write rows, finish."""
    left = list(COHORTS)
    while left:
        world.asleep[worker] = world.time + 1.0  # between two looks
        world.random.shuffle(left)
        for cohort in list(left):
            store = Seen(world, cohort, worker, trouble)
            claims = Claims(store, EXPIRY)
            if claims.stand().state == "done":
                left.remove(cohort)
            elif claim := claims.take({"worker": worker}):
                train(store, claim)


def train(store: Seen, claim: Claim) -> None:
    saved = [store.listed(f"attempt-{attempt}/checkpoint-") for attempt in range(1, claim.attempt + 1)]
    done = max((int(name.rpartition("-")[2]) for names in saved for name in names), default=0)
    for unit in range(done + 1, UNITS + 1):
        if not claim.renew():
            return
        if store.world.random.random() < store.trouble:
            return claim.release()
        store.put(f"attempt-{claim.attempt}/checkpoint-{unit}", b"")
    store.put(f"attempt-{claim.attempt}/rows", json.dumps(claim.attempt).encode())
    claim.finish()


def lived(seed: int, *, jumps: bool = False) -> World:
    """A world at its end: three workers in trouble, and one that never fails, so that there is an end."""
    world = World(random.Random(seed), jumps=jumps)
    world.run({w: partial(work, world, w, 0.03) for w in range(3)} | {9: partial(work, world, 9, 0.0)})
    return world


@pytest.mark.parametrize("jumps", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_each_cohort_ends_once_and_its_rows_are_those_of_the_winner(seed: int, jumps: bool):
    world = lived(seed, jumps=jumps)
    for cohort in COHORTS:
        marks = [content for name, content in world.history if name == f"{cohort}/{DONE}"]
        assert len(marks) == 1
        winner = json.loads(marks[0])["attempt"]
        assert json.loads(world.files[f"{cohort}/attempt-{winner}/rows"][0]) == winner
        claimed = [name for name, _ in world.history if name.startswith(f"{cohort}/lease-")]
        assert len(claimed) == len(set(claimed))  # no attempt had two owners


def test_some_of_those_worlds_have_owners_that_lost_their_claim():
    """The worlds above are worth something only where workers do take over from one another."""
    assert sum(name.endswith(lease(2)) for seed in range(10) for name, _ in lived(seed).history) >= 3
    assert any(lived(seed, jumps=True).ahead for seed in range(10))


@pytest.mark.parametrize("seed", range(5))
def test_the_clocks_of_workers_are_never_asked(seed: int, monkeypatch):
    """The same world, event by event, where the clocks of its workers are hours apart and run backwards."""

    def events(world: World) -> list[str]:
        return [re.sub("now-.*", "now", name) for name, _ in world.history]

    right, now = events(lived(seed)), time.time
    monkeypatch.setattr(time, "time", lambda: 3600.0 * (threading.get_ident() // 64 % 5 - 2) - now())
    assert events(lived(seed)) == right


@dataclass
class Held:
    """A store without trouble, whose clock the test sets."""

    now: float = 0.0
    files: dict[str, tuple[bytes, float]] = field(default_factory=dict)

    def put(self, name: str, content: bytes) -> None:
        self.files[name] = content, self.now

    def put_new(self, name: str, content: bytes) -> bool:
        return self.files.setdefault(name, (content, self.now))[0] == content

    def get(self, name: str) -> bytes | None:
        return self.files[name][0] if name in self.files else None

    def written(self, name: str) -> float | None:
        return self.files[name][1] if name in self.files else None

    def remove(self, name: str) -> None:
        self.files.pop(name, None)


def test_a_claim_is_held_as_long_as_it_is_renewed_and_free_when_it_expires():
    store = Held()
    claims = Claims(store, EXPIRY)
    first = claims.take({"host": "one"})
    assert first is not None
    assert claims.take({"host": "two"}) is None
    store.now = 39.0
    assert first.renew()
    store.now = 78.0
    standing = claims.stand()
    assert (standing.state, standing.owner["host"], standing.silent) == ("held", "one", 39.0)
    store.now = 79.0
    second = claims.take({"host": "two"})
    assert second is not None
    assert second.attempt == 2
    assert not first.renew()


def test_an_owner_that_wakes_up_cannot_undo_what_counts():
    store = Held()
    first = Claims(store, EXPIRY).take({"host": "one"})
    store.now = 100.0
    second = Claims(store, EXPIRY).take({"host": "two"})
    assert first is not None
    assert second is not None
    assert second.finish()
    assert not first.finish()
    standing = Claims(store, EXPIRY).stand()
    assert (standing.state, standing.attempt, standing.owner["host"]) == ("done", 2, "two")
    assert Claims(store, EXPIRY).take({"host": "three"}) is None


def test_a_claim_that_was_released_or_whose_owner_is_known_to_have_ended_is_free_at_once():
    store = Held()
    first = Claims(store, EXPIRY).take({"host": "one"})
    assert first is not None
    first.release()
    assert Claims(store, EXPIRY).take({"host": "two"}) is not None
    assert Claims(store, EXPIRY).take({"host": "three"}) is None
    assert Claims(store, EXPIRY, gone=lambda owner: owner["host"] == "two").take({"host": "three"}) is not None


def test_when_its_owner_was_heard_of():
    store = Held()
    claims = Claims(store, EXPIRY)
    assert claims.heard() is None
    store.now = 10.0
    first = claims.take({"host": "one"})
    assert first is not None
    assert claims.heard() == 10.0
    store.now = 20.0
    assert first.renew()
    before = dict(store.files)
    assert claims.heard() == 20.0
    assert Claims(store, EXPIRY, gone=lambda owner: owner["host"] == "one").heard() == -math.inf
    assert store.files == before
    first.release()
    assert claims.heard() == -math.inf
    store.now = 30.0
    assert claims.take({"host": "two"}) is not None
    assert claims.heard() == 30.0


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"attempt": "x"}', b"\xff"])
def test_a_damaged_claim_is_named_and_not_taken_over(content: bytes):
    store = Held()
    store.put(lease(1), content)
    with pytest.raises(InputError, match="lease-0001: damaged"):
        Claims(store, EXPIRY).take({"host": "one"})
