"""Each process trains the cohorts of its groups, in the order of all; process 0 says what is left."""

import dataclasses
from types import SimpleNamespace
from typing import Any

from sweep.design.cohorts import cohorts
from sweep.design.cost import Axes
from sweep.design.placement import place
from sweep.train.gang.team import Team
from sweep.train.gang.turns import in_turn, shared
from tests.train.gang.test_team import together
from tests.train.tiny import TINY, make_trial

SHAPES = [dataclasses.replace(TINY, width=8 * n, ffn=16 * n) for n in (1, 2, 3)]
COHORTS = cohorts([make_trial(shape, steps=20, seed=seed) for shape in SHAPES for seed in (0, 1)])
DEVICES = [SimpleNamespace(process_index=n // 2) for n in range(4)]  # of two processes
SCHEDULE = place(COHORTS, 4, "cpu", None, 2)


def test_every_cohort_is_trained_by_all_processes_of_its_group_in_one_order():
    def work(team: Team) -> Any:
        seen: list[tuple[str, tuple[int, ...]]] = []
        in_turn(SCHEDULE, team, DEVICES, lambda place, _, part: seen.append((place.cohort.hash, part.members)), {})
        return seen

    told = together((0, 1), work)
    order = [p.cohort.hash for p in SCHEDULE.places]
    for me, seen in enumerate(told):
        assert [name for name, _ in seen] == [name for name in order if name in dict(seen)]
        assert all(me in members for _, members in seen)
    assert {name for seen in told for name, _ in seen} == set(order)


def test_a_second_round_does_not_take_the_answers_of_the_first():
    """A cohort that another run had claimed comes again: what was shared then must not be taken for what is now."""

    def work(team: Team) -> Any:
        answers: list[Any] = []
        whole = dataclasses.replace(SCHEDULE.places[0], axes=Axes(4, 1), first=0)
        schedule, teams = dataclasses.replace(SCHEDULE, places=(whole,)), {}
        for number in range(2):
            in_turn(schedule, team, DEVICES, lambda _, __, part, n=number: answers.append(part.share(lambda: n)), teams)
            team.meet()
        return answers

    assert together((0, 1), work) == [[0, 1]] * 2


def test_process_0_says_what_is_left():
    """Another one sees other files: it goes by those of process 0. Meshes stay."""
    left = {COHORTS[0].hash: 0.5, COHORTS[2].hash: 1.0}

    def work(team: Team) -> Any:
        found = shared(SCHEDULE, lambda: left if team.leads else {}, team)
        return [(p.cohort.hash, p.first, p.axes) for p in found.places]

    first, second = together((0, 1), work)
    assert first == second
    assert {name for name, _, _ in first} == left.keys()
    axes = {p.cohort.hash: p.axes for p in SCHEDULE.places}
    assert all(axes[name] == mesh for name, _, mesh in first)
