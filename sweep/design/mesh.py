"""Meshes that a cohort may have on a number of devices."""

import math
from collections.abc import Mapping, Sequence

from sweep.config import Memory
from sweep.design.cohorts import Cohort, Span, spans
from sweep.design.cost import Axes, Cost, Mode, costs, mode_of, phases
from sweep.design.room import room_of, slower
from sweep.devices import GIB
from sweep.models import counting

MIN_TOKENS_A_DEVICE = 2048  # of a step: with fewer a device waits for weights longer than it computes (E)
ABOUT = 0.01  # by how much a mesh must be faster to be preferred: the model is no better than that
STATE_SHARE = 0.5  # of a device's memory for weights, moments and gradients; activations take the rest (E)


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


def options(
    cohort: Cohort, devices: int, platform: str, memory: int | None, per_host: int | None = None
) -> dict[Axes, Cost]:
    """Meshes that a cohort may have, the smallest first, each faster than those before it.

    One that does not fit the memory is left out; where none fits, the largest stands alone, and what trains it says so.

    Args:
        per_host: devices of a host, which are given to one group together: meshes have whole hosts. None: all devices
            are of one host, and are given one by one.
    """
    if per_host is None:
        legal = [axes for size in sizes_of(devices) if (axes := mesh_of(cohort, size, platform)).devices == size]
        known = dict(zip(legal, costs(cohort, legal, platform), strict=True))
        limit = math.inf if memory is None else STATE_SHARE * memory
        fitting = [axes for axes in legal if state_bytes(cohort, axes, platform) <= limit] or legal[-1:]
    else:
        sizes = [per_host * n for n in sizes_of(devices // per_host)]
        known = measured(cohort, splits(cohort, sizes, platform), platform, memory)
        fitting = fastest(known)
    kept: dict[Axes, Cost] = {}
    for axes in fitting:
        if not kept or known[axes].time < min(o.time for o in kept.values()):
            kept[axes] = known[axes]
    return kept


def splits(cohort: Cohort, sizes: Sequence[int], platform: str) -> list[Axes]:
    """Meshes of exactly each of `sizes` devices, the smallest `data` first; at least one mesh, if a padded one."""
    rows = len(spans(cohort))
    found = [
        Axes(size // data, data)
        for size in sizes
        for data in range(1, size + 1)
        if size % data == 0 and size // data <= rows and shares(cohort, data, platform)
    ]
    return found or [padded(cohort, sizes[0], platform)]


def measured(cohort: Cohort, meshes: Sequence[Axes], platform: str, memory: int | None) -> dict[Axes, Cost]:
    """Costs with what a step takes longer so that it fits: parts of a batch, and what the backward pass computes again.

    Where some meshes fit by estimate, only these; else the last. Memory counts in whole GiB, so that devices of one
    kind that differ by a little come to the same meshes.
    """
    taken = dict(zip(meshes, costs(cohort, meshes, platform), strict=True))
    if memory is None:
        return taken
    rooms = {axes: room_of(cohort, axes, platform, Memory(), memory // GIB * GIB) for axes in meshes}
    fitting = [axes for axes in meshes if rooms[axes].fits] or meshes[-1:]
    longer = {axes: slower(cohort.shape, axes.data, rooms[axes].choice) for axes in fitting}
    return {axes: Cost(taken[axes].time * longer[axes], taken[axes].busy * longer[axes]) for axes in fitting}


def fastest(known: Mapping[Axes, Cost]) -> list[Axes]:
    """The fastest mesh of each number of devices.

    Of those that are about as fast, the one with the smallest `data`: devices along `trial` send one another nothing.
    """
    best: dict[int, Axes] = {}
    for axes, taken in known.items():
        size = axes.devices
        if size not in best or taken.time < known[best[size]].time * (1 - ABOUT):
            best[size] = axes
    return list(best.values())


def shares(cohort: Cohort, data: int, platform: str) -> bool:
    """Whether `data` devices may share a batch; on a CPU the cores already share one step's work."""
    return data == 1 or (platform != "cpu" and divides(cohort.shape.batch, cohort.shape.seq_len, data))


def padded(cohort: Cohort, devices: int, platform: str) -> Axes:
    """A mesh of exactly `devices` devices for a cohort that has no use for all of them: some of `trial` stay idle."""
    data = max(n for n in range(1, devices + 1) if devices % n == 0 and shares(cohort, n, platform))
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
