"""Teams over a service of threads: each call gives all members one answer."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sweep.errors import InputError, Partial, Refusal
from sweep.train.gang.team import Team


class Board:
    """A service for threads of one process."""

    def __init__(self):
        self.held: dict[str, str] = {}
        self.changed = threading.Condition()

    def put(self, name: str, value: str) -> None:
        with self.changed:
            self.held[name] = value
            self.changed.notify_all()

    def get(self, name: str) -> str | None:
        with self.changed:
            return self.held.get(name)

    def wait(self, name: str) -> str:
        with self.changed:
            assert self.changed.wait_for(lambda: name in self.held, 10)
            return self.held[name]


def together(members: tuple[int, ...], work: Callable[[Team], Any]) -> list[Any]:
    """What `work` returns to each member of one team."""
    board = Board()
    with ThreadPoolExecutor(len(members)) as pool:
        return list(pool.map(lambda me: work(Team("t", members, me, board)), members))


def test_the_leader_alone_makes_what_is_shared():
    made = []

    def work(team: Team) -> Any:
        return [team.share(lambda: made.append(team.me) or {"from": team.me}), team.share(lambda: team.me)]

    assert together((2, 5, 6), work) == [[{"from": 2}, 2]] * 3
    assert made == [2]


@pytest.mark.parametrize("error", [Refusal("too_few", "x: none"), InputError("y: no"), Partial("z")])
def test_what_the_leader_refuses_all_refuse(error):
    def fail() -> None:
        raise error

    def work(team: Team) -> Any:
        with pytest.raises(type(error), match=str(error)) as raised:
            team.share(fail)
        return getattr(raised.value, "code", None), team.share(lambda: "on")

    assert together((0, 1), work) == [(getattr(error, "code", None), "on")] * 2


def test_gather_keeps_the_order_of_members_and_most_is_the_largest():
    def work(team: Team) -> Any:
        return team.gather(10 * team.me), team.most(-team.me)

    assert together((1, 3), work) == [([10, 30], -1)] * 2


def test_nobody_leaves_a_meeting_before_all_have_come():
    here: list[int] = []

    def work(team: Team) -> int:
        here.append(team.me)
        team.meet()
        return len(here)

    assert together((0, 1, 2, 3), work) == [4] * 4


def test_two_parts_of_a_team_do_not_hear_each_other():
    def work(team: Team) -> Any:
        half = team.part("low" if team.me < 2 else "high", (0, 1) if team.me < 2 else (2, 3))
        return half.leads, half.gather(team.me)

    assert together((0, 1, 2, 3), work) == [(True, [0, 1]), (False, [0, 1]), (True, [2, 3]), (False, [2, 3])]


def test_a_team_of_one_asks_nobody():
    team = Team("t")
    assert team.leads
    assert team.share(lambda: 3) == 3
    assert team.gather(4) == [4]
    assert team.most(5) == 5
    team.meet()
