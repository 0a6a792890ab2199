"""Placement over several hosts: groups of whole hosts, and what is left of a schedule."""

import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.config import Memory, load
from sweep.design import cost, families, mesh, placement
from sweep.design.cohorts import cohorts, spans
from sweep.design.cost import Axes
from sweep.design.room import room_of
from tests.design.test_placement import PLANS, SMALL, WIDE, built, planned, tree, trial


def check(schedule: placement.Schedule) -> None:
    """Groups are whole hosts, from a multiple of their number on, and no host is in two groups at a time."""
    for p in schedule.places:
        hosts = schedule.hosts_of(p)
        assert len(hosts) * schedule.per_host == p.axes.devices
        assert hosts[0] % len(hosts) == 0
        assert hosts[-1] < schedule.hosts
        assert p.first == hosts[0] * schedule.per_host
        assert p.axes.data == 1 or p.cohort.shape.batch % p.axes.data == 0
        assert 0 <= p.start < p.end
    for a, b in itertools.combinations(schedule.places, 2):
        apart = a.end <= b.start or b.end <= a.start
        assert apart or not set(schedule.hosts_of(a)) & set(schedule.hosts_of(b))
    assert [p.start for p in schedule.places] == sorted(p.start for p in schedule.places)
    assert schedule.ratio >= 1 - 1e-9
    assert 0 < schedule.utilisation <= 1 + 1e-9


@settings(max_examples=40, deadline=None)
@given(
    plan=PLANS,
    hosts=st.integers(2, 7),
    per_host=st.sampled_from([1, 2, 3, 4, 8]),
    platform=st.sampled_from(["cpu", "gpu", "tpu"]),
)
def test_a_group_is_whole_hosts(plan, hosts, per_host, platform):
    tasks = built(plan)
    schedule = placement.place(tasks, hosts * per_host, platform, per_host=per_host)
    assert sorted(p.cohort.hash for p in schedule.places) == sorted(c.hash for c in tasks)
    assert (schedule.hosts, schedule.per_host) == (hosts, per_host)
    check(schedule)


def test_one_host_is_placed_by_devices():
    tasks = planned("configs/pod.py", 32_768, "tpu")
    assert placement.place(tasks, 8, "tpu", per_host=8) == placement.place(tasks, 8, "tpu")
    assert placement.place(tasks, 8, "tpu").hosts == 1


def test_hosts_are_equal():
    with pytest.raises(ValueError, match="10 devices are not hosts of 4"):
        placement.place([], 10, "tpu", per_host=4)


def test_a_cohort_too_small_for_a_host_has_all_of_it_with_idle_rows():
    """One run of two sequences of 512 tokens may not be split, and no mesh is smaller than a host."""
    (cohort,) = cohorts([trial(dataclasses.replace(SMALL, batch=2), 10)])
    found = mesh.options(cohort, 16, "tpu", None, 4)
    assert found.keys() == {Axes(4, 1)}
    assert found[Axes(4, 1)].busy == pytest.approx(found[Axes(4, 1)].time)  # three devices of four wait
    assert len(spans(cohort)) == 1


@settings(max_examples=25, deadline=None)
@given(plan=PLANS, hosts=st.integers(1, 6), seed=st.randoms(use_true_random=False))
def test_what_is_left_keeps_its_meshes(plan, hosts, seed):
    whole = placement.place(built(plan), 4 * hosts, "tpu", per_host=4)
    everything = {p.cohort.hash: 1.0 for p in whole.places}
    assert placement.remaining(whole, everything).places == whole.places
    left = {h: seed.choice([0.25, 1.0]) for h in everything if seed.random() < 0.6}
    rest = placement.remaining(whole, left)
    meshes = {p.cohort.hash: p.axes for p in whole.places if p.cohort.hash in left}
    assert {p.cohort.hash: p.axes for p in rest.places} == meshes
    assert rest.makespan <= whole.makespan * (1 + 1e-9)
    if left and hosts > 1:
        check(rest)


def test_what_is_left_moves_to_hosts_that_are_free():
    """Runs that had to follow one another on the same host are shared out once the other hosts have nothing to do."""
    tasks = cohorts(trial(dataclasses.replace(WIDE, ffn=2688 + i), 100) for i in range(16))
    whole = placement.place(tasks, 16, "tpu", per_host=4)
    queued = {p.cohort.hash: 1.0 for p in whole.places if whole.hosts_of(p) == range(1)}
    assert len(queued) == 4
    rest = placement.remaining(whole, queued)
    assert [rest.hosts_of(p) for p in rest.places] == [range(n, n + 1) for n in range(4)]
    assert rest.makespan == pytest.approx(whole.makespan / 4, rel=0.01)
    assert rest.ratio == pytest.approx(1.0, rel=0.01)


# Hosts that work through their own places


def played(schedule: placement.Schedule, times: dict[str, float]) -> dict[str, float]:
    """When each cohort begins if every host takes its own places in order, and waits for the others of a group."""
    free = [0.0] * schedule.hosts
    begun = {}
    for place in schedule.places:
        hosts = schedule.hosts_of(place)
        begun[place.cohort.hash] = max(free[h] for h in hosts)
        for h in hosts:
            free[h] = begun[place.cohort.hash] + times[place.cohort.hash]
    return begun


POD = load("configs/pod.py")
FINE = dataclasses.replace(POD.recipe, head_dim=64, ffn_step=64)
SWEEPS = {
    "as it is": (POD, 32),
    "six seeds, five rates": (
        dataclasses.replace(POD, seeds=tuple(range(6)), lr_bracket=(0.25, 0.5, 1.0, 2.0, 4.0)),
        960,
    ),
    "eight budgets": (
        dataclasses.replace(
            POD, budgets=tuple(1e18 * 100 ** (k / 7) for k in range(8)), sizes=14, seeds=(0, 1, 2),
            lr_bracket=(0.5, 1.0, 2.0), recipe=dataclasses.replace(FINE, width_step=64),
        ),
        1000,
    ),
    "thirteen budgets": (
        dataclasses.replace(
            POD, budgets=tuple(10 ** (17 + k / 4) for k in range(13)), sizes=20, seeds=(0, 1), lr_bracket=(0.5, 2.0),
            recipe=dataclasses.replace(FINE, width_step=16),
        ),
        1040,
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("hosts", [16, 64])
@pytest.mark.parametrize("name", SWEEPS)
def test_a_thousand_trials_on_many_hosts_end_near_the_bound(name, hosts):
    """On v5p hosts of four chips; then with an interruption, after which what is left is placed anew."""
    sweep, number = SWEEPS[name]
    made = families.plan(sweep, vocab=32_768, data="d", unique_tokens=10**13, platform="tpu")
    assert len(made.trials) == pytest.approx(number, rel=0.02)
    tasks = cohorts(made.trials)
    schedule = placement.place(tasks, 4 * hosts, "tpu", 95 * 10**9, per_host=4)
    check(schedule)
    times = {p.cohort.hash: p.end - p.start for p in schedule.places}
    assert all(times[p.cohort.hash] > 0.999 * cost.cost(p.cohort, p.axes, "tpu").time for p in schedule.places)
    begun = played(schedule, times)
    assert begun == pytest.approx({p.cohort.hash: p.start for p in schedule.places})
    assert max(begun[h] + times[h] for h in times) <= 1.10 * schedule.bound
    for share in (0.2, 0.5, 0.8):
        now = share * schedule.makespan
        left = {h: 1 - min(1.0, max(0.0, (now - begun[h]) / times[h])) for h in times}
        rest = placement.remaining(schedule, left)
        assert now + rest.makespan <= 1.001 * schedule.makespan


@settings(max_examples=15, deadline=None)
@given(plan=PLANS, hosts=st.integers(1, 3))
def test_no_choice_of_groups_ends_before_the_bound(plan, hosts):
    """Against every choice of meshes, each packed in every order."""
    tasks = built(dict(list(plan.items())[:3]))
    schedule = placement.place(tasks, 4 * hosts, "tpu", per_host=4)
    ladders = [list(mesh.options(c, 4 * hosts, "tpu", None, 4 if hosts > 1 else None).items()) for c in tasks]
    shortest = float("inf")
    for chosen in itertools.product(*ladders):
        for order in itertools.permutations(chosen):
            free = [0.0] * 4 * hosts
            for axes, taken in order:
                firsts = range(0, 4 * hosts - axes.devices + 1, axes.devices)
                first = min(firsts, key=lambda f: max(free[f : f + axes.devices]))
                group = slice(first, first + axes.devices)
                free[group] = [max(free[group]) + taken.time] * axes.devices
            shortest = min(shortest, max(free))
    assert schedule.bound <= shortest * (1 + 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("memory", [33 * 10**9, 16 * 10**9])
def test_a_mesh_that_does_not_fit_is_not_taken_where_another_does(memory):
    sweep, _ = SWEEPS["eight budgets"]
    tasks = cohorts(families.plan(sweep, vocab=32_768, data="d", unique_tokens=10**13, platform="tpu").trials)
    for place in placement.place(tasks, 256, "tpu", memory, per_host=4).places:
        shape = place.cohort.shape
        meshes = [Axes(1, n) for n in (64, 128, 256) if shape.batch % n == 0]
        rooms = {axes: room_of(place.cohort, axes, "tpu", Memory(), memory) for axes in [place.axes, *meshes]}
        assert rooms[place.axes].fits or not any(r.fits for r in rooms.values())


def test_devices_along_trial_have_whole_trees():
    """Thirty seeds of a tree of four rows: a tree for two devices of 64, of which four wait, beats splitting more."""
    tasks = cohorts(
        dataclasses.replace(t, seed=s, trunk=f"t{s}") for s in range(30) for t in tree(WIDE, 1000, 2000, 4000)
    )
    found = mesh.options(tasks[0], 64, "tpu", None, 4)
    assert list(found)[-1] == (32, 2)
    wide = found[Axes(32, 2)]
    assert wide.busy / wide.time / 64 == pytest.approx(30 / 32)
    assert wide.time < 0.9 * cost.cost(tasks[0], Axes(1, 64), "tpu").time
