"""Cohorts side by side: at the same time, on devices that no other holds, in an order in which nobody starves."""

import threading
import time

from sweep.design.cost import Axes
from sweep.design.placement import Place
from sweep.train.dispatch import side_by_side
from tests.train.tiny import cohort_of, make_trial

LONG = 20.0  # seconds after which a test gives up


def places(*sizes: int) -> list[Place]:
    cohorts = [cohort_of(make_trial(seed=i)) for i in range(len(sizes))]
    return [Place(c, Axes(1, n), 0, 0.0, 1.0, 1.0) for c, n in zip(cohorts, sizes, strict=True)]


def test_what_fits_runs_at_the_same_time_on_disjoint_devices():
    meet, groups = threading.Barrier(3, timeout=LONG), []

    def train(place: Place, group: list[str]) -> None:
        groups.append("".join(group))
        meet.wait()  # raises unless all three are here at once

    side_by_side(places(4, 2, 2), list("abcdefgh"), train, threading.Event())
    assert not meet.broken
    assert sorted(groups) == ["abcd", "ef", "gh"]


def test_devices_are_never_shared_and_every_place_runs_once():
    held, problems, done = set(), [], []
    lock = threading.Lock()

    def train(place: Place, group: list[int]) -> None:
        with lock:
            problems.extend(set(group) & held)
            held.update(group)
        time.sleep(0.002 * (1 + len(done) % 3))
        with lock:
            held.difference_update(group)
            done.append((place, len(group), group[0] % len(group)))

    todo = places(8, 1, 4, 2, 1, 8, 2, 4, 1, 1, 1, 2)
    side_by_side(todo, list(range(8)), train, threading.Event())
    assert not problems
    assert {p.cohort.hash for p, _, _ in done} == {p.cohort.hash for p in todo}
    assert len(done) == len(todo)
    assert all(size == p.axes.devices and offset == 0 for p, size, offset in done)


def test_narrow_cohorts_take_only_what_no_wide_one_can_use():
    used = {2: [], 1: []}

    def train(place: Place, group: list[int]) -> None:
        used[len(group)].append(group)
        time.sleep(0.01 * len(group))

    side_by_side(places(2, 2, 2, 1, 1, 1, 1), [0, 1, 2], train, threading.Event())
    assert used[2] == [[0, 1]] * 3
    assert used[1][0] == [2]  # at once, beside the first wide one


def test_nothing_starts_after_a_stop_and_what_runs_is_waited_for():
    stop, ended = threading.Event(), []

    def train(place: Place, group: list[int]) -> None:
        stop.set()
        time.sleep(0.05)
        ended.append(group)

    side_by_side(places(1, 1, 1), [0], train, stop)
    assert ended == [[0]]


def test_a_thread_that_dies_gives_its_devices_back(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    ran = []

    def train(place: Place, group: list[int]) -> None:
        ran.append(group)
        if len(ran) == 1:
            raise RuntimeError("a bug")

    side_by_side(places(2, 2), [0, 1], train, threading.Event())
    assert ran == [[0, 1], [0, 1]]
