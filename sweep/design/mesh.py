"""Meshes that a cohort may have on a number of devices."""

from collections.abc import Sequence

from sweep.design.cohorts import Cohort, Span, spans
from sweep.design.cost import Axes, Cost, Mode, costs, mode_of, phases
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
    else:
        known = fastest(cohort, [per_host * n for n in sizes_of(devices // per_host)], platform)
    last = next(reversed(known))
    kept: dict[Axes, Cost] = {}
    for axes, taken in known.items():
        if memory is not None and axes != last and state_bytes(cohort, axes, platform) > STATE_SHARE * memory:
            continue
        if not kept or taken.time < min(o.time for o in kept.values()):
            kept[axes] = taken
    return kept


def fastest(cohort: Cohort, sizes: Sequence[int], platform: str) -> dict[Axes, Cost]:
    """The fastest mesh of exactly each of `sizes` devices by the cost model, where there is one; at least one mesh.

    Of those that are about as fast, the one with the smallest `data`: devices along `trial` send one another nothing.
    """
    rows = len(spans(cohort))
    splits = [
        Axes(size // data, data)
        for size in sizes
        for data in range(1, size + 1)
        if size % data == 0 and size // data <= rows and shares(cohort, data, platform)
    ] or [padded(cohort, sizes[0], platform)]
    known: dict[int, tuple[Axes, Cost]] = {}
    for axes, taken in zip(splits, costs(cohort, splits, platform), strict=True):
        size = axes.devices
        if size not in known or taken.time < known[size][1].time * (1 - ABOUT):
            known[size] = axes, taken
    return dict(known.values())


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
