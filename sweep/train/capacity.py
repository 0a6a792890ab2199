"""What fits a device: recomputation, micro-batches and rows, by arithmetic first and then by the compiler's account."""

import math
from collections.abc import Iterator
from typing import Any

import jax

from sweep.config import Memory
from sweep.design import estimate, room
from sweep.design.cost import Mode
from sweep.design.room import SHARE
from sweep.devices import size_text
from sweep.errors import Refusal
from sweep.models.layout import DATA
from sweep.models.shape import Shape
from sweep.train import devices
from sweep.train.gang.team import ALONE, Team
from sweep.train.machine import Machine
from sweep.train.program import Execution
from sweep.train.sharding import TRIAL

SLACK = 1.3  # an estimate up to this factor above the memory is still put to the compiler
OUT_OF_MEMORY = (
    "RESOURCE_EXHAUSTED",
    "Out of memory",
    "out of memory",
    "Ran out of memory",
    "exceeds available memory",
)


def choices(shape: Shape, data: int, mode: Mode, asked: Memory) -> Iterator[Execution]:
    """Executions in the order in which they are tried. Raises InputError: see `room.choices`."""
    return (Execution(mode, *choice) for choice in room.choices(shape, data, asked))


def settle(
    machine: Machine,
    asked: Memory,
    rows: int,
    *,
    after: Execution | None = None,
    limit: int | None = None,
    team: Team = ALONE,
) -> int:
    """Give `machine` the first execution that fits, and compile it; returns how many of `rows` run at once.

    Args:
        after: an execution that ran out of memory as it ran; only those that are tried after it are left.
        limit: bytes of a device, the same one for all of `team`; None: those of this process's.
        team: the processes that share the mesh: they choose alike, the first execution that fits on all of them.

    Raises:
        Refusal: `too_large`, no execution fits.
    """
    device = machine.mesh.local_devices[0]
    limit = limit or devices.memory_bytes(device)
    shape, data = machine.shape, machine.mesh.shape[DATA]
    held = machine.state_bytes(rows)
    left = attempts(shape, data, device.platform, machine.execution.mode, asked, limit, held)
    least = estimated(shape, data, device.platform, left[-1], held)
    for execution in left[left.index(after) + 1 :] if after in left else left:
        machine.use(execution)
        found = most_rows(machine, rows, limit, team)
        if found:
            feed_where_full(machine, found, rows, limit, team)
            return found
    raise Refusal("too_large", describe(shape, data, least, limit, asked))


def attempts(
    shape: Shape, data: int, platform: str, mode: Mode, asked: Memory, limit: int | None, held: int = 0
) -> list[Execution]:
    """The choices that are worth compiling on devices of `limit` bytes: at least the smallest.

    Args:
        held: bytes of the state of all rows of a device.
    """
    all_of_them = list(choices(shape, data, mode, asked))
    most = math.inf if limit is None else SLACK * SHARE * limit
    return [e for e in all_of_them if estimated(shape, data, platform, e, held) <= most] or all_of_them[-1:]


def estimated(shape: Shape, data: int, platform: str, execution: Execution, held: int = 0) -> float:
    """Bytes of a device by arithmetic, one row at a time, beside `held` bytes of state."""
    remat, parts = execution.remat, execution.micro_batches
    one = estimate.device_bytes(shape, platform=platform, data=data, remat=remat, micro_batches=parts)
    return float(max(held, one.arguments) + one.temporaries)


def most_rows(machine: Machine, wanted: int, limit: int, team: Team = ALONE) -> int:
    """The most rows up to `wanted` whose program fits everywhere, by XLA's own account; 0 where not one a device does.

    `map` holds one row's work at a time, so all rows fit or none.
    """
    unit = machine.mesh.shape[TRIAL]
    rows = machine.rows_for(wanted) if machine.execution.mode == "vmap" else wanted
    while True:
        if team.most(int(not fits(machine, rows, beside(machine, rows, wanted), limit))) == 0:
            return rows
        if machine.execution.mode == "map" or rows <= unit:
            return 0
        rows //= 2


def beside(machine: Machine, rows: int, held: int) -> int:
    """Bytes of a device that are there while a chunk of `rows` of `held` rows runs and are none of its arguments: the
    batches of the next chunk, and with `vmap`, which trains copies, the state of all rows.
    """
    return machine.batch_bytes(rows) + (machine.state_bytes(held) if machine.execution.mode == "vmap" else 0)


def feed_where_full(machine: Machine, rows: int, held: int, limit: int, team: Team) -> None:
    """Let the hosts cut the batches where a copy of the stream does not fit beside the program that was chosen."""
    there = beside(machine, rows, held) + machine.train.nbytes
    if not machine.fed and team.most(int(not fits(machine, rows, there, limit))):
        machine.fed = True


def fits(machine: Machine, rows: int, beside: int, limit: int) -> bool:
    """Whether the chunk of `rows` rows can be compiled, and runs beside so many other bytes."""
    try:
        return needs(machine.chunk(rows).memory_analysis()) + beside <= SHARE * limit
    except jax.errors.JaxRuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False


def needs(memory: Any) -> int:
    """Bytes of a device that a program takes, by its memory analysis: arguments, fresh results and temporaries."""
    if memory is None:
        return 0
    fresh = memory.output_size_in_bytes - memory.alias_size_in_bytes
    return memory.argument_size_in_bytes + memory.temp_size_in_bytes + fresh


def is_out_of_memory(error: Exception) -> bool:
    """Whether a compiler or a device ran out of memory."""
    return any(words in str(error) for words in OUT_OF_MEMORY)


def describe(shape: Shape, data: int, least: float, limit: int, asked: Memory) -> str:
    """One line: what does not fit, by how much, and what would."""
    free = "" if asked == Memory() else "; memory.remat auto and memory.micro_batches 0 let the smallest be chosen"
    return (
        f"a trial of width {shape.width}, {shape.depth} blocks, batch {shape.batch} x {shape.seq_len} tokens does not "
        f"fit {data} devices even with everything recomputed and the smallest micro-batches: about "
        f"{size_text(least)} of {size_text(limit)} a device; use more devices, or a smaller model "
        f"or batch{free}"
    )
