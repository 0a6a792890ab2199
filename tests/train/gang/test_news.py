"""What a process hears while its main thread trains: a request to stop, and a word from one that cannot go on."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from sweep.train.gang import news
from sweep.train.gang.news import every, heeding, leave_word, stopping_together
from sweep.train.gang.team import Team
from tests.train.gang.test_team import Board


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(news, "LOOK", 0.01)


def until(true: Callable[[], object]) -> None:
    limit = time.monotonic() + 10
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_a_request_to_stop_reaches_all_processes():
    board, stops = Board(), [threading.Event() for _ in range(3)]
    with ExitStack() as stack:
        for me, stop in enumerate(stops):
            stack.enter_context(stopping_together(Team("all", (0, 1, 2), me, board), stop))
        assert not any(stop.is_set() for stop in stops)
        stops[1].set()
        until(lambda: all(stop.is_set() for stop in stops))


@pytest.mark.parametrize("member", [2, 5])
def test_the_leader_writes_what_a_member_leaves_once_and_is_waited_for(member):
    board, written = Board(), []
    leader = Team("c", (2, 5), 2, board)
    with heeding(leader, lambda **event: written.append(event)):
        leave_word(Team("c", (2, 5), member, board), out_of_memory={"mode": "map"}, mesh={"trial": 2})
        assert written == [{"out_of_memory": {"mode": "map"}, "mesh": {"trial": 2}}]
        time.sleep(0.05)
    assert len(written) == 1


def test_a_leader_that_is_gone_is_not_waited_for_without_end(monkeypatch):
    monkeypatch.setattr(news, "HEARD", 0.1)
    leave_word(Team("c", (2, 5), 5, Board()), out_of_memory={})


def test_looking_ends_with_the_block():
    looks: list[int] = []
    with every(0.01, lambda: looks.append(1)):
        until(lambda: len(looks) > 2)
    count = len(looks)
    time.sleep(0.05)
    assert len(looks) == count
