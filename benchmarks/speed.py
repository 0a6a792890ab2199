"""tokens/s and MFU of each size, alone and as a cohort, beside the floor."""

import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks import record
from benchmarks.trials import Devices, Trials, best_of, hyper, rate, step_floor
from sweep.design.cost import VMAP_UP_TO
from sweep.models import counting
from sweep.models.shape import Shape
from sweep.train.machine import chunk_steps

COHORT = 8  # rows of a small model's cohort
SHARE_OF_A_CHUNK = 4  # the trainer's chunks last seconds; a quarter of one is long enough to time


def programs(shapes: Sequence[Shape]) -> list[tuple[Shape, int]]:
    """(shape, rows): small models as a cohort and large ones alone first, then small ones alone."""
    small = [s for s in shapes if counting.params(s).total < VMAP_UP_TO]
    large = [s for s in shapes if s not in small]
    return [*((s, COHORT) for s in small), *((s, 1) for s in large), *((s, 1) for s in small)]


def measure(shapes: Sequence[Shape], group: Devices, *, seconds: float) -> Iterator[dict[str, Any]]:
    """One record a program, as it is measured; those that the time does not reach, or that fail, say so."""
    began = time.perf_counter()
    for shape, rows in programs(shapes):
        about = {"params": counting.params(shape).total, "rows": rows, "shape": vars(shape)}
        if time.perf_counter() - began > seconds:
            yield {**about, "status": "skipped: out of time"}
            continue
        try:
            yield {**about, "status": "done", **one(shape, rows, group)}
        except Exception as error:  # too large for this device, a kernel it lacks: recorded, and the others measured
            traceback.print_exc()
            yield {**about, "status": record.failure(error)}


def one(shape: Shape, rows: int, group: Devices, seconds: float = 3.0) -> dict[str, Any]:
    """Speed of one program: the best of at least three chunks."""
    steps = max(4, chunk_steps(shape, rows, list(group)) // SHARE_OF_A_CHUNK)
    trials = Trials.build(shape, group, [hyper(seed, 1e-3) for seed in range(rows)], at_once=rows, steps=steps)
    trials.advance()  # warm
    took = best_of({"chunk": trials.advance}, seconds)["chunk"]
    return {
        "mode": trials.machine.execution.mode,
        "mesh": dict(trials.machine.mesh.shape),
        "steps": steps,
        "compile_s": trials.compile_s,
        "memory_bytes": trials.memory_bytes(),
        "step_s": min(took) / steps,
        "floor_per_step_and_trial": step_floor(shape),
        **rate(shape, rows * steps * shape.batch_tokens, min(took), group),
        "rounds_s": [round(t, 4) for t in took],
    }
