"""One cohort's program through the compiler of its target: memory, collectives, FLOPs, seconds.

At low effort, which is three to seven times as fast and finds the same memory; the program that trains may be scheduled
otherwise. Running out of memory is an answer, not an error.
"""

import math
import re
import time
from dataclasses import dataclass, replace
from typing import Any

import jax

from sweep.train import capacity
from sweep.train.ahead import collectives, flops, planned
from sweep.train.ahead.collectives import Traffic
from sweep.train.ahead.planned import Planned
from sweep.train.ahead.targets import Target, compiling
from sweep.train.effort import QUICK

NO_GPU = {"xla_gpu_autotune_level": 0}  # timing kernels needs the GPU
UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
SIZE = r"([\d.]+)([KMGT]?)"
ALL_TOO_LARGE = re.compile(rf"Used {SIZE} of {SIZE} hbm")  # libtpu's two ways to say so, each with what there is
TEMP_TOO_LARGE = re.compile(rf"for HLO temporaries \({SIZE}\) exceeds available HBM \({SIZE}\)")


@dataclass(frozen=True)
class Compiled:
    """What the compiler says of a program. Bytes are of one device."""

    temp_bytes: int
    argument_bytes: int
    used_bytes: int  # both, and results that no argument's memory takes
    limit_bytes: int | None
    fits: bool
    compile_s: float
    flops_ratio: float | None  # traced over exact; None: a kernel whose work is not known
    traffic: tuple[Traffic, ...] = ()  # empty where the program did not fit and was never finished
    crossing: int = 0  # collectives between devices of different trials
    error: str = ""  # why it does not compile, where the reason is not its size


def compiled(choice: Planned, target: Target) -> Compiled:
    """Compile the program of `choice`. A program that is too large, or that the compiler refuses, is a result."""
    with jax.set_mesh(choice.machine.mesh), compiling(target):
        try:
            traced, arguments = planned.trace(choice)
            lowered = traced.lower()
        except (ValueError, RuntimeError) as error:  # what a kernel's own rules refuse
            return Compiled(0, 0, 0, target.limit, False, 0.0, None, error=reason(error))
        done = flops.traced(traced.jaxpr.jaxpr, planned.STEPS)
        ratio = None if done is None else done / planned.exact_flops(choice)
        given = sum(device_bytes(x) for x in jax.tree.leaves(arguments))
        began = time.perf_counter()
        options: Any = QUICK["accelerator"] | (NO_GPU if target.platform == "gpu" else {})
        result = Compiled(0, given, given, target.limit, False, 0.0, ratio)
        try:
            program = lowered.compile(compiler_options=options)
        except jax.errors.JaxRuntimeError as error:
            seconds = time.perf_counter() - began
            return replace(too_large(result, str(error)), compile_s=seconds)
    return finished(replace(result, compile_s=time.perf_counter() - began), program, choice)


def finished(result: Compiled, program: jax.stages.Compiled, choice: Planned) -> Compiled:
    """`result` with what a compiled program tells of itself."""
    memory: Any = program.memory_analysis()
    temp, given = memory.temp_size_in_bytes, memory.argument_size_in_bytes
    used = temp + given + memory.output_size_in_bytes - memory.alias_size_in_bytes
    there = used + choice.machine.batch_bytes(choice.rows)  # the next chunk's, which wait
    found = collectives.find(program.as_text() or "", choice.machine.mesh.size)
    return replace(
        result,
        temp_bytes=temp,
        argument_bytes=given,
        used_bytes=used,
        fits=result.limit_bytes is None or there <= capacity.SHARE * result.limit_bytes,
        traffic=tuple(collectives.traffic(found, planned.STEPS)),
        crossing=collectives.crossing(found, choice.data),
    )


def too_large(result: Compiled, message: str) -> Compiled:
    """`result` of a program that the compiler refused, with the bytes it wanted where that was the reason."""
    if not (found := ALL_TOO_LARGE.search(message) or TEMP_TOO_LARGE.search(message)):
        return replace(result, error=reason(message))
    wanted, limit = (round(float(found[n]) * 2 ** UNITS[found[n + 1]]) for n in (1, 3))
    given = result.argument_bytes
    temp = wanted if found.re is TEMP_TOO_LARGE else max(0, wanted - given)
    return replace(result, temp_bytes=temp, used_bytes=temp + given, limit_bytes=limit)


def reason(error: object) -> str:
    """One line of a message: its first, or where Python failed inside of the compiler, the exception."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    raised = [line for line in lines[1:] if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return (raised[-1] if raised and "Traceback" in lines[0] else lines[0])[:300]


def device_bytes(x: jax.ShapeDtypeStruct) -> int:
    """Bytes of an argument on one device, padding left out."""
    shape = x.sharding.shard_shape(x.shape) if x.sharding else x.shape
    return math.prod(shape) * x.dtype.itemsize
