"""Placement over several hosts: groups of whole hosts, and what is left of a schedule."""

import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.design import placement
from sweep.design.cohorts import cohorts, spans
from sweep.design.cost import Axes
from tests.design.test_placement import PLANS, SMALL, WIDE, built, planned, trial


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


@settings(max_examples=100, deadline=None)
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


def test_hosts_of_one_device_are_placed_as_devices_are():
    tasks = planned("configs/pod.py", 32_768, "tpu")
    apart = placement.place(tasks, 8, "tpu", per_host=1)
    assert (apart.places, apart.hosts) == (placement.place(tasks, 8, "tpu").places, 8)


def test_hosts_are_equal():
    with pytest.raises(ValueError, match="10 devices are not hosts of 4"):
        placement.place([], 10, "tpu", per_host=4)


def test_a_cohort_too_small_for_a_host_has_all_of_it_with_idle_rows():
    """One run of two sequences of 512 tokens may not be split, and no mesh is smaller than a host."""
    (cohort,) = cohorts([trial(dataclasses.replace(SMALL, batch=2), 10)])
    found = placement.options(cohort, 16, "tpu", None, 4)
    assert found.keys() == {Axes(4, 1)}
    assert found[Axes(4, 1)].busy == pytest.approx(found[Axes(4, 1)].time)  # three devices of four wait
    assert len(spans(cohort)) == 1


@settings(max_examples=60, deadline=None)
@given(plan=PLANS, hosts=st.integers(1, 6), seed=st.randoms(use_true_random=False))
def test_what_is_left_keeps_its_meshes(plan, hosts, seed):
    whole = placement.place(built(plan), 4 * hosts, "tpu", per_host=4)
    everything = {p.cohort.hash: 1.0 for p in whole.places}
    assert placement.remaining(whole, everything).places == whole.places
    left = {h: seed.choice([0.25, 1.0]) for h in everything if seed.random() < 0.6}
    rest = placement.remaining(whole, left)
    assert {p.cohort.hash: p.axes for p in rest.places} == {
        p.cohort.hash: p.axes for p in whole.places if p.cohort.hash in left
    }
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
