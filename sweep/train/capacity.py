"""What fits a device: recomputation, micro-batches and rows, by arithmetic first and then by the compiler's account."""

from collections.abc import Iterator
from typing import Any

import jax

from models.layout import DATA, Remat
from models.shape import Shape
from sweep.config import Memory
from sweep.design import estimate
from sweep.design.cost import Mode
from sweep.errors import InputError, Refusal
from sweep.train import devices
from sweep.train.machine import Machine
from sweep.train.program import Execution
from sweep.train.sharding import TRIAL

SHARE = 0.92  # of a device's memory that a program may take
SLACK = 1.3  # an estimate up to this factor above the memory is still put to the compiler
ENOUGH_TOKENS = 2048  # of a device at once; below it smaller micro-batches cost more than recomputing does
OUT_OF_MEMORY = (
    "RESOURCE_EXHAUSTED",
    "Out of memory",
    "out of memory",
    "Ran out of memory",
    "exceeds available memory",
)


def choices(shape: Shape, data: int, mode: Mode, asked: Memory) -> Iterator[Execution]:
    """Executions in the order in which they are tried: the fastest first, the smallest last.

    Recomputing what is cheap (`dots`) costs a few percent, smaller micro-batches little while a device keeps
    ENOUGH_TOKENS, and recomputing whole blocks (`full`) a third of the FLOPs.

    Raises:
        InputError: micro-batches that do not divide a device's part of the batch.
    """
    local = shape.batch // data
    if asked.micro_batches and local % asked.micro_batches:
        raise InputError(
            f"config: memory.micro_batches is {asked.micro_batches}; it must divide the {local} sequences that a "
            f"device holds of a batch of {shape.batch} over {data}"
        )
    counts = [asked.micro_batches] if asked.micro_batches else [m for m in range(1, local + 1) if local % m == 0]
    large = [m for m in counts if m == counts[0] or local * shape.seq_len / m >= ENOUGH_TOKENS]
    order: list[tuple[Remat, list[int]]] = [("none", counts[:1]), ("dots", large), ("full", counts)]
    for remat, micro in order:
        if asked.remat in ("auto", remat):
            for m in counts if asked.remat != "auto" else micro:
                yield Execution(mode, remat, m)


def settle(machine: Machine, asked: Memory, rows: int, *, after: Execution | None = None) -> int:
    """Give `machine` the first execution that fits, and compile it; returns how many of `rows` run at once.

    Args:
        after: an execution that ran out of memory as it ran; only those that are tried after it are left.

    Raises:
        Refusal: `too_large`, no execution fits.
    """
    device = machine.mesh.devices.flat[0]
    limit = devices.memory_bytes(device)
    shape, data = machine.shape, machine.mesh.shape[DATA]
    least = None
    left = list(choices(shape, data, machine.execution.mode, asked))
    for execution in left[left.index(after) + 1 :] if after else left:
        guess = estimate.device_bytes(shape, data=data, remat=execution.remat, micro_batches=execution.micro_batches)
        least = min(guess, least or guess)
        if guess > SLACK * SHARE * limit:
            continue
        machine.use(execution)
        found = most_rows(machine, rows, limit)
        if found:
            return found
    raise Refusal("too_large", describe(shape, data, least or 0, limit, asked))


def most_rows(machine: Machine, wanted: int, limit: int) -> int:
    """The most rows up to `wanted` whose program fits, by XLA's own account; 0 where not one a device does.

    `map` holds one row's work at a time, so all rows fit or none.
    """
    unit = machine.mesh.shape[TRIAL]
    rows = machine.rows_for(wanted) if machine.execution.mode == "vmap" else wanted
    while True:
        resident = machine.state_bytes(wanted) - machine.state_bytes(rows)
        try:
            if needs(machine.chunk(rows).memory_analysis()) + resident <= SHARE * limit:
                return rows
        except jax.errors.JaxRuntimeError as error:
            if not is_out_of_memory(error):
                raise
        if machine.execution.mode == "map" or rows <= unit:
            return 0
        rows //= 2


def needs(memory: Any) -> int:
    """Bytes of a device that a program takes, by its memory analysis: arguments, fresh results and temporaries."""
    if memory is None:
        return 0
    fresh = memory.output_size_in_bytes - memory.alias_size_in_bytes
    return memory.argument_size_in_bytes + memory.temp_size_in_bytes + fresh


def is_out_of_memory(error: Exception) -> bool:
    """Whether a compiler or a device ran out of memory."""
    return any(words in str(error) for words in OUT_OF_MEMORY)


def describe(shape: Shape, data: int, least: int, limit: int, asked: Memory) -> str:
    """One line: what does not fit, by how much, and what would."""
    free = "" if asked == Memory() else "; memory.remat auto and memory.micro_batches 0 let the smallest be chosen"
    return (
        f"a trial of width {shape.width}, {shape.depth} blocks, batch {shape.batch} x {shape.seq_len} tokens needs "
        f"{least / 2**30:.1f} GiB a device on {data} devices even with everything recomputed and the smallest "
        f"micro-batches, and a device has {limit / 2**30:.1f} GiB; use more devices, a smaller model or batch{free}"
    )
