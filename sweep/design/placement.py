"""Which devices train which cohort: meshes, sizes of device groups, and a schedule. Pure functions of the whole plan.

A cohort's mesh decides the last bits of its losses, so `place` does not look at what is already trained: a repeated
command meets the same meshes. `remaining` decides anew which devices take the cohorts that are left.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sweep.design.cohorts import Cohort, Span, spans
from sweep.design.cost import Axes, Cost, Mode, cost, mode_of, phases
from sweep.models import counting

MIN_TOKENS_A_DEVICE = 2048  # of a step: with fewer a device waits for weights longer than it computes (E)
WORTH = 0.005  # a schedule must be shorter by this share to be preferred: the model is no better than that
PAIRED = 12  # cohorts whose groups are also changed in pairs
STATE_SHARE = 0.5  # of a device's memory for weights, moments and gradients; activations take the rest (E)


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
        bound: no schedule can end before: the work at its cheapest over all devices, or the slowest cohort alone.
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
        return max((place.end for place in self.places), default=0.0)

    @property
    def utilisation(self) -> float:
        """Share of the devices' time in which they train, from the first start to the last end."""
        return sum(place.busy for place in self.places) / (self.devices * self.makespan)

    @property
    def ratio(self) -> float:
        """Makespan over its lower bound."""
        return self.makespan / self.bound


def axes_of(
    *, rows: int, batch: int, seq_len: int, mode: Mode, devices: int, platform: str, abreast: int | None = None
) -> Axes:
    """The mesh rule: how `rows` rows of `batch` sequences lie on at most `devices` devices.

    `data` divides the batch and leaves MIN_TOKENS_A_DEVICE of a step to each device; `trial` is at most `rows`; as many
    devices are used as can be. What then remains is settled by the mode:

    map:  the smallest `trial`. Rows of a tree are of unlike length, and devices along `trial` wait for the longest;
          devices along `data` never do.
    vmap: `trial` as far as rows run at the same time, `data` beyond. Rows need not talk to one another, and a small
          model often waits for launches, which a split batch does not shorten; but a trunk that runs alone leaves
          every device idle but its own.

    On a CPU `data` is 1: the cores already share one step's work.

    Args:
        abreast: rows that run at the same time, on average; by default all.
    """
    if platform == "cpu":
        return Axes(min(rows, devices), 1)
    side_by_side = (rows if abreast is None else abreast) if mode == "vmap" else 1
    for used in range(devices, 1, -1):
        splits = [
            Axes(trial, used // trial)
            for trial in range(1, min(rows, used) + 1)
            if used % trial == 0 and divides(batch, seq_len, used // trial)
        ]
        if splits:
            return max((s for s in splits if s.trial <= side_by_side), default=splits[0])
    return Axes(1, 1)


def divides(batch: int, seq_len: int, data: int) -> bool:
    """Whether `data` devices may share a batch."""
    return data == 1 or (batch % data == 0 and batch * seq_len >= data * MIN_TOKENS_A_DEVICE)


def place(
    cohorts: Iterable[Cohort], devices: int, platform: str, memory: int | None = None, per_host: int | None = None
) -> Schedule:
    """A schedule of all cohorts on `devices` devices, short by the cost model.

    Sizes of groups are chosen as for malleable tasks (Turek, Wolf, Yu 1992): for each length of time, every cohort
    takes the fewest devices with which it keeps to it, and the length whose schedule ends first is kept; then one or
    two cohorts take another size while that helps. On a CPU with a cohort for each device (or host, where there are
    several), each has one.

    Args:
        memory: bytes of one device, or None where it sets no limit.
        per_host: devices of each host; None: all are of one.

    Raises:
        ValueError: hosts that would not be equal.
    """
    per_host = per_host or max(1, devices)
    if devices % per_host:
        raise ValueError(f"{devices} devices are not hosts of {per_host}")
    unit = per_host if per_host < devices else 1  # devices that are given to one group together
    tasks = sorted(cohorts, key=lambda c: c.hash)
    possible = [options(cohort, devices, platform, memory, unit) for cohort in tasks]
    cheapest = sum(min(o.time * axes.devices for axes, o in found.items()) for found in possible) / max(1, devices)
    slowest = max((min(o.time for o in found.values()) for found in possible), default=0.0)
    if platform == "cpu" and len(tasks) >= devices // unit:
        possible = [dict([next(iter(found.items()))]) for found in possible]
    best = simulate(tasks, [next(iter(found.items())) for found in possible], devices)
    for limit in sorted({o.time for found in possible for o in found.values()}, reverse=True):
        chosen = [next(((a, o) for a, o in f.items() if o.time <= limit), list(f.items())[-1]) for f in possible]
        best = shorter(best, simulate(tasks, chosen, devices))
    return Schedule(devices, refine(best, tasks, possible, devices), max(cheapest, slowest), per_host)


def remaining(schedule: Schedule, left: Mapping[str, float]) -> Schedule:
    """The schedule of what is left of another one: every cohort on a mesh as before, on devices that are decided anew.

    Args:
        left: share of its work that a cohort has still to do, by hash; those that are not named are done.
    """
    kept = sorted((p for p in schedule.places if left.get(p.cohort.hash, 0.0) > 0), key=lambda p: p.cohort.hash)
    shares = [left[p.cohort.hash] for p in kept]
    costs = [Cost(share * (p.end - p.start), share * p.busy) for p, share in zip(kept, shares, strict=True)]
    chosen = [(p.axes, taken) for p, taken in zip(kept, costs, strict=True)]
    places = simulate([p.cohort for p in kept], chosen, schedule.devices)
    work = sum(taken.time * axes.devices for axes, taken in chosen) / schedule.devices
    slowest = max((taken.time for _, taken in chosen), default=0.0)
    return Schedule(schedule.devices, places, max(work, slowest), schedule.per_host)


def options(cohort: Cohort, devices: int, platform: str, memory: int | None, unit: int = 1) -> dict[Axes, Cost]:
    """Meshes that a cohort may have, the smallest first, each faster than those before it.

    One that does not fit the memory is left out; where none fits, the largest stands alone, and what trains it says so.

    Args:
        unit: devices that are given to one group together: groups are multiples of it.
    """
    sizes = [unit * n for n in sizes_of(devices // unit)]
    legal = [axes for size in sizes if (axes := mesh_of(cohort, size, platform)).devices == size]
    legal = legal or [padded(cohort, unit, platform)]
    found: dict[Axes, Cost] = {}
    for axes in legal:
        if memory is not None and axes != legal[-1] and state_bytes(cohort, axes, platform) > STATE_SHARE * memory:
            continue
        taken = cost(cohort, axes, platform)
        if not found or taken.time < min(o.time for o in found.values()):
            found[axes] = taken
    return found


def padded(cohort: Cohort, devices: int, platform: str) -> Axes:
    """A mesh of exactly `devices` devices for a cohort that has no use for all of them: some of `trial` stay idle."""
    shape = cohort.shape
    splits = [n for n in range(1, devices + 1) if devices % n == 0 and divides(shape.batch, shape.seq_len, n)]
    data = 1 if platform == "cpu" else max(splits)
    return Axes(devices // data, data)


def mesh_of(cohort: Cohort, devices: int, platform: str) -> Axes:
    """The mesh of a cohort on at most `devices` devices."""
    rows, shape = spans(cohort), cohort.shape
    return axes_of(
        rows=len(rows),
        batch=shape.batch,
        seq_len=shape.seq_len,
        mode=mode_of(shape, platform),
        devices=devices,
        platform=platform,
        abreast=abreast_of(rows),
    )


def abreast_of(rows: Sequence[Span]) -> int:
    """Rows that run at the same time, on average over the steps of the cohort."""
    taken = list(phases(rows))
    return round(sum(steps * len(active) for steps, active in taken) / max(1, sum(steps for steps, _ in taken)))


def sizes_of(devices: int) -> list[int]:
    """Sizes that a device group may have: powers of two, and what divides the devices."""
    powers = {2**k for k in range(devices.bit_length()) if 2**k <= devices}
    return sorted(powers | {size for size in range(1, devices + 1) if devices % size == 0})


def state_bytes(cohort: Cohort, axes: Axes, platform: str) -> float:
    """Bytes on one device: float32 weights and moments of its rows; gradients and compute copies of those under way."""
    rows = -(-len(spans(cohort)) // axes.trial)
    under_way = rows if mode_of(cohort.shape, platform) == "vmap" else 1
    return counting.params(cohort.shape).total * (12 * rows + 6 * under_way) / axes.data


# Schedules


def simulate(tasks: Sequence[Cohort], chosen: Sequence[tuple[Axes, Cost]], devices: int) -> tuple[Place, ...]:
    """The schedule by which the engine would start `tasks` on their meshes: the widest first, then the longest.

    In that order a group of devices that comes free is never too narrow for the next cohort, where sizes divide one
    another: devices idle only after the last cohort has started.
    """
    order = sorted(range(len(tasks)), key=lambda i: (-chosen[i][0].devices, -chosen[i][1].time, i))
    waiting: dict[int, deque[int]] = {}  # size of a group, the widest first -> tasks in order
    for i in order:
        waiting.setdefault(chosen[i][0].devices, deque()).append(i)
    now, free = 0.0, (1 << devices) - 1
    running: list[tuple[float, int]] = []  # (end, its devices as bits)
    places = []
    while waiting:
        found = next(((s, first) for s in waiting if (first := first_free(free, s, devices)) is not None), None)
        if found is None:
            now, group = heapq.heappop(running)
            free |= group
            continue
        size, first = found
        i = waiting[size].popleft()
        if not waiting[size]:
            del waiting[size]
        axes, taken = chosen[i]
        free &= ~bits(first, size)
        heapq.heappush(running, (now + taken.time, bits(first, size)))
        places.append(Place(tasks[i], axes, first, now, now + taken.time, taken.busy))
    return tuple(places)


def next_start(sizes: Sequence[int], free: int, devices: int) -> tuple[int, int] | None:
    """(which of the waiting groups of `sizes` starts now, its first device): the first in order that finds a place.

    Args:
        free: devices that are free, as bits.
    """
    for size in dict.fromkeys(sizes):
        first = first_free(free, size, devices)
        if first is not None:
            return sizes.index(size), first
    return None


def first_free(free: int, size: int, devices: int) -> int | None:
    """The first of `size` free devices side by side, of those that begin at a multiple of `size`."""
    for first in range(0, devices - size + 1, size):
        if free & bits(first, size) == bits(first, size):
            return first
    return None


def bits(first: int, size: int) -> int:
    """Devices `first` to `first + size`, as bits."""
    return ((1 << size) - 1) << first


def shorter(a: tuple[Place, ...], b: tuple[Place, ...]) -> tuple[Place, ...]:
    """The schedule that ends first; `a`, whose groups are narrower, unless `b` is worth it."""
    return b if length(b) < length(a) * (1 - WORTH) else a


def length(places: Sequence[Place]) -> float:
    return max((place.end for place in places), default=0.0)


def refine(
    best: tuple[Place, ...], tasks: Sequence[Cohort], possible: Sequence[dict[Axes, Cost]], devices: int
) -> tuple[Place, ...]:
    """`best`, with one or two cohorts on groups of another size as long as the schedule becomes shorter."""
    ladders = [list(found.items()) for found in possible]
    axes = {p.cohort: p.axes for p in best}
    rungs = tuple(list(found).index(axes[task]) for task, found in zip(tasks, possible, strict=True))
    while True:
        kept = rungs
        for others in neighbours(rungs, ladders):
            made = simulate(tasks, [ladder[r] for ladder, r in zip(ladders, others, strict=True)], devices)
            if shorter(best, made) is made:
                best, kept = made, others
        if kept == rungs:
            return best
        rungs = kept


def neighbours(rungs: tuple[int, ...], ladders: Sequence[Sequence[tuple[Axes, Cost]]]) -> Iterator[tuple[int, ...]]:
    """Choices that differ from `rungs` in one cohort, or by one size in two of the PAIRED with the most work."""

    def moved(*moves: tuple[int, int]) -> tuple[int, ...]:
        made = list(rungs)
        for i, rung in moves:
            made[i] = rung
        return tuple(made)

    for i, ladder in enumerate(ladders):
        yield from (moved((i, rung)) for rung in range(len(ladder)) if rung != rungs[i])
    heavy = sorted(range(len(ladders)), key=lambda i: (-ladders[i][0][1].busy, i))[:PAIRED]
    for i, j in itertools.combinations(heavy, 2):
        for a, b in itertools.product((rungs[i] - 1, rungs[i] + 1), (rungs[j] - 1, rungs[j] + 1)):
            if 0 <= a < len(ladders[i]) and 0 <= b < len(ladders[j]):
                yield moved((i, a), (j, b))
