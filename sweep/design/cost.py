"""What a cohort takes on a group of devices, by a model: good enough to place cohorts by, and nothing else.

The unit is the work of one device at its best: FLOPs; divided by a device's FLOP/s they are seconds. All of it is
arithmetic on shapes and steps (E: an assumption, not a measurement):

    step of n rows on a device = max(floor, n x flops / data x (1 + SPLIT_TOKENS / tokens of the device))

The second factor is there where a batch is split. A device then gathers the weights twice and sends its gradients on,
8 bytes a parameter, beside 6 FLOPs a parameter and token: at 600 GB/s and 4.6e14 FLOP/s (v5p) the two take equally long
at 1,020 tokens a device, whatever the size of the model. Overlap of the two is not counted.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from sweep.design.cohorts import Cohort, Span, spans
from sweep.models import counting
from sweep.models.shape import Shape

Mode = Literal["vmap", "map"]
VMAP_UP_TO = 30e6  # parameters; above it one trial fills an accelerator
SPLIT_TOKENS = 1024  # of a device, at which splitting a batch doubles its time
STEP_FLOOR = 4e11  # FLOPs: 1 ms of launches at 4e14 FLOP/s, on accelerators


class Axes(NamedTuple):
    """A mesh: devices along which rows are dealt, and devices along which each row's batch is split."""

    trial: int
    data: int

    @property
    def devices(self) -> int:
        return self.trial * self.data

    def __str__(self) -> str:
        return f"{self.trial}x{self.data}"


@dataclass(frozen=True)
class Cost:
    """What a cohort takes on one mesh, in FLOPs of a device."""

    time: float  # from its start to its end
    busy: float  # of all its devices together, without those that wait for rows of another


def mode_of(shape: Shape, platform: str) -> Mode:
    """How rows share a device.

    `vmap` where launches cost more than work: small models on accelerators. `map` where one trial fills the chip, and
    on a CPU, where it is as fast and finished rows cost nothing.
    """
    return "vmap" if platform != "cpu" and counting.params(shape).total < VMAP_UP_TO else "map"


def step(shape: Shape, data: int, rows: int, platform: str) -> float:
    """One step of `rows` rows together on one device of `data` that share each batch."""
    tokens = shape.batch_tokens / data
    split = SPLIT_TOKENS / tokens if data > 1 else 0.0
    work = rows * counting.train_flops_per_token(shape) * tokens * (1 + split)
    return max(work, STEP_FLOOR if platform != "cpu" else 0.0)


def cost(cohort: Cohort, axes: Axes, platform: str) -> Cost:
    """Time of a cohort on a mesh, as the engine plans its chunks: every row that can run does, all by equal steps.

    With `map` a row stays with its devices, and those of one `trial` position run one after another: the position with
    the most rows under way decides, and the others wait. With `vmap` the rows under way are dealt anew each time, as
    one program of a power of two of rows a position.
    """
    return costs(cohort, [axes], platform)[0]


def costs(cohort: Cohort, meshes: Iterable[Axes], platform: str) -> list[Cost]:
    """`cost` on each of several meshes."""
    rows = spans(cohort)
    taken = [(steps, np.array(active)) for steps, active in phases(rows)]
    together = mode_of(cohort.shape, platform) == "vmap"
    return [
        in_step(cohort.shape, axes, platform, taken)
        if together
        else in_turn(cohort.shape, axes, len(rows), platform, taken)
        for axes in meshes
    ]


def in_step(shape: Shape, axes: Axes, platform: str, taken: Sequence[tuple[int, np.ndarray]]) -> Cost:
    """Rows under way are dealt anew in each phase, the rows of a position together."""
    time = busy = 0.0
    for steps, active in taken:
        width = 2 ** math.ceil(math.log2(-(-len(active) // axes.trial)))
        one = steps * step(shape, axes.data, width, platform)
        time += one
        busy += one * -(-len(active) // width) * axes.data
    return Cost(time, busy)


def in_turn(shape: Shape, axes: Axes, rows: int, platform: str, taken: Sequence[tuple[int, np.ndarray]]) -> Cost:
    """Rows stay where they are, side by side in equal parts, and those of a position run one after another."""
    each = -(-rows // axes.trial)  # rows of one position
    one = step(shape, axes.data, 1, platform)
    time = sum(steps * one * int(np.bincount(active // each).max()) for steps, active in taken)
    return Cost(time, sum(steps * one * len(active) for steps, active in taken) * axes.data)


def phases(rows: Sequence[Span]) -> Iterator[tuple[int, list[int]]]:
    """(steps, rows that run) from the beginning to the end: which rows run changes where a trunk or a row ends."""
    at = [row.start for row in rows]
    begun = [row.source is None for row in rows]
    while True:
        for r, row in enumerate(rows):
            begun[r] = begun[r] or (row.source is not None and at[row.source] >= row.start)
        active = [r for r, row in enumerate(rows) if begun[r] and at[r] < row.end]
        if not active:
            return
        steps = min(next(stop for stop in rows[r].stops if stop > at[r]) - at[r] for r in active)
        yield steps, active
        for r in active:
            at[r] += steps
