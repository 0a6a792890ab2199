"""Which devices train which cohort: sizes of device groups, and a schedule. Pure functions of the whole plan.

A cohort's mesh decides the last bits of its losses, so `place` does not look at what is already trained: a repeated
command meets the same meshes. `remaining` decides anew which devices take the cohorts that are left.
"""

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sweep.design.cohorts import Cohort
from sweep.design.cost import Axes, Cost
from sweep.design.mesh import options
from sweep.design.packing import pack
from sweep.design.search import WORTH, Ladder, search


@dataclass(frozen=True)
class Place:
    """One cohort's device group, and when the cost model has it run; times are FLOPs of one device."""

    cohort: Cohort
    axes: Axes
    first: int  # device; the group is `axes.devices` of them, side by side, and begins at a multiple of their number
    start: float
    end: float
    busy: float  # of all devices of the group together


@dataclass(frozen=True)
class Schedule:
    """Every cohort of a plan on `devices` devices, numbered host by host, in the order in which they start.

    Attributes:
        bound: no schedule of such groups can end before (`bound_of`).
        per_host: devices of each host. With several hosts a group is a run of whole hosts, and its mesh has all their
            devices: each process of a gang belongs to one group at a time.
    """

    devices: int
    places: tuple[Place, ...]
    bound: float
    per_host: int

    @property
    def hosts(self) -> int:
        return self.devices // self.per_host

    def hosts_of(self, place: Place) -> range:
        """Numbers of the hosts whose devices a cohort has, all of them or, with one host, some."""
        return range(place.first // self.per_host, -(-(place.first + place.axes.devices) // self.per_host))

    @property
    def makespan(self) -> float:
        return length(self.places)

    @property
    def utilisation(self) -> float:
        """Share of the devices' time in which they train, from the first start to the last end."""
        return sum(place.busy for place in self.places) / (self.devices * self.makespan)

    @property
    def ratio(self) -> float:
        """Makespan over its lower bound."""
        return self.makespan / self.bound


def place(
    cohorts: Iterable[Cohort], devices: int, platform: str, memory: int | None = None, per_host: int | None = None
) -> Schedule:
    """A schedule of all cohorts on `devices` devices, short by the cost model.

    On a CPU with a cohort for each device (or host, where there are several), each has one.

    Args:
        memory: bytes of one device, or None where it sets no limit.
        per_host: devices of each host; None: all are of one.

    Raises:
        ValueError: hosts that would not be equal.
    """
    per_host = per_host or max(1, devices)
    if devices % per_host:
        raise ValueError(f"{devices} devices are not hosts of {per_host}")
    hosts = devices // max(1, per_host)
    unit = per_host if hosts > 1 else 1  # devices that are given to one group together
    tasks = sorted(cohorts, key=lambda c: c.hash)
    ladders = [
        list(options(cohort, devices, platform, memory, per_host if hosts > 1 else None).items()) for cohort in tasks
    ]
    bound = bound_of(ladders, devices)
    if platform == "cpu" and len(tasks) >= devices // unit:
        ladders = [ladder[:1] for ladder in ladders]
    chosen = [ladder[rung] for ladder, rung in zip(ladders, search(ladders, devices, hosts, bound), strict=True)]
    return Schedule(devices, places_of(tasks, chosen, devices, unit), bound, per_host)


def remaining(schedule: Schedule, left: Mapping[str, float]) -> Schedule:
    """The schedule of what is left of another one, every cohort on a mesh as before.

    On the same devices in the same order, or on devices that are decided anew where that ends sooner.

    Args:
        left: share of its work that a cohort has still to do, by hash; those that are not named are done.
    """
    kept = [p for p in schedule.places if left.get(p.cohort.hash, 0.0) > 0]
    shares = [left[p.cohort.hash] for p in kept]
    chosen = [(p.axes, Cost(s * (p.end - p.start), s * p.busy)) for p, s in zip(kept, shares, strict=True)]
    unit = schedule.per_host if schedule.hosts > 1 else 1
    before = in_order(kept, [taken for _, taken in chosen], schedule.devices)
    anew = places_of([p.cohort for p in kept], chosen, schedule.devices, unit)
    places = anew if length(anew) < length(before) * (1 - WORTH) else before
    return Schedule(schedule.devices, places, bound_of([[one] for one in chosen], schedule.devices), schedule.per_host)


def in_order(places: Sequence[Place], taken: Sequence[Cost], devices: int) -> tuple[Place, ...]:
    """`places` on the same devices in the same order, each as soon as those before it have left them."""
    free = [0.0] * devices
    made = []
    for place, one in zip(places, taken, strict=True):
        group = slice(place.first, place.first + place.axes.devices)
        start = max(free[group])
        made.append(replace(place, start=start, end=start + one.time, busy=one.busy))
        free[group] = [start + one.time] * place.axes.devices
    return tuple(sorted(made, key=lambda p: p.start))


def length(places: Sequence[Place]) -> float:
    return max((place.end for place in places), default=0.0)


def places_of(
    tasks: Sequence[Cohort], chosen: Sequence[tuple[Axes, Cost]], devices: int, unit: int
) -> tuple[Place, ...]:
    """The schedule by which the engine would start `tasks` on their meshes, in groups of `unit` devices."""
    begun = pack([axes.devices // unit for axes, _ in chosen], [taken.time for _, taken in chosen], devices // unit)
    return tuple(
        Place(tasks[i], chosen[i][0], first * unit, start, start + chosen[i][1].time, chosen[i][1].busy)
        for start, i, first in begun
    )


def bound_of(ladders: Sequence[Ladder], devices: int) -> float:
    """A time before which no schedule ends (Ludwig, Tiwari 1994).

    In a time T a cohort is done only on a group on which it takes T or less. On the cheapest such groups all of them
    together take some time of all devices, which must be T or less too. This is the least T of which both hold.
    """

    def work(limit: float) -> float:
        return sum(min(o.time * axes.devices for axes, o in one if o.time <= limit) for one in ladders) / devices

    if not ladders:
        return 0.0
    slowest = max(min(o.time for _, o in ladder) for ladder in ladders)
    limits = [slowest, *sorted({o.time for ladder in ladders for _, o in ladder if o.time > slowest})]
    k = bisect.bisect_left(range(len(limits) - 1), True, key=lambda k: work(limits[k]) < limits[k + 1])
    return max(limits[k], work(limits[k]))
