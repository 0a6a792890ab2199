"""What the engine would run of a cohort on given devices: the one place that knows both the engine and the compiler.

Everything else of this package takes a `Planned` program as it comes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import jax
import numpy as np
from jax.stages import Traced

from sweep.config import Memory
from sweep.design import estimate
from sweep.design.cost import mode_of
from sweep.design.placement import Place
from sweep.models import counting
from sweep.models.shape import Shape
from sweep.train import capacity
from sweep.train.ahead.targets import Target
from sweep.train.machine import Machine
from sweep.train.program import Execution
from sweep.train.rows import rows_of
from sweep.train.sharding import DATA, make_mesh

STEPS = 101  # of a chunk: a length that no other loop of a program has, so that the loop over steps is known by it


@dataclass(frozen=True)
class Corpus:
    """As much of a corpus as a program depends on."""

    tokens: int
    val_tokens: int


@dataclass(frozen=True)
class Planned:
    """A program that the engine may train a cohort with."""

    machine: Machine
    rows: int  # trained by one program, idle ones included

    @property
    def execution(self) -> Execution:
        return self.machine.execution

    @property
    def data(self) -> int:
        """Devices that share a trial."""
        return self.machine.mesh.shape[DATA]


def choices(place: Place, target: Target, asked: Memory, corpus: Corpus) -> Iterator[Planned]:
    """The programs that the engine tries for a cohort on its place: it trains with the first that fits.

    At least one; the last is the smallest that there is.

    Raises:
        InputError: micro-batches that do not divide a device's part of the batch.
    """
    shape, axes = place.cohort.shape, place.axes
    mode, wanted = mode_of(shape, target.platform), len(rows_of(place.cohort))
    last = (len(target.devices) // axes.devices - 1) * axes.devices
    group = list(target.devices[last : last + axes.devices])  # groups of a size are alike; libtpu refuses a v5e's first
    for execution in capacity.attempts(shape, axes.data, target.platform, mode, asked, target.limit):
        machine = machine_of(shape, make_mesh(group, axes.trial), execution, corpus)
        rows = machine.rows_for(wanted) if mode == "vmap" else -(-wanted // axes.trial) * axes.trial
        while rows >= axes.trial:
            yield Planned(machine, rows)
            rows = rows // 2 if mode == "vmap" else 0


def machine_of(shape: Shape, mesh: jax.sharding.Mesh, execution: Execution, corpus: Corpus) -> Machine:
    """The engine's programs for a corpus that need not exist: its arrays are shapes without memory."""
    ids = np.dtype(np.uint16 if shape.vocab <= 2**16 else np.uint32)
    train = np.broadcast_to(np.zeros((), ids), (corpus.tokens,))
    windows = max(mesh.shape[DATA], corpus.val_tokens // shape.seq_len)
    val = np.broadcast_to(np.int32(0), (windows, shape.seq_len + 1))
    return Machine(shape, mesh, execution, STEPS, train, val)


def trace(planned: Planned) -> tuple[Traced, tuple]:
    """The cohort's program, traced but not lowered, and its arguments as shapes and shardings: nothing is allocated."""
    return planned.machine.trace_chunk(planned.rows), planned.machine.chunk_arguments(planned.rows)


def exact_flops(planned: Planned) -> float:
    """FLOPs (exact, causal) of the steps of the program of `trace`."""
    shape = planned.machine.shape
    return planned.rows * STEPS * shape.batch_tokens * counting.train_flops_per_token(shape)


def kept_bytes(planned: Planned, platform: str) -> float:
    """Activations that a device keeps for the backward pass of one trial's batch, an estimate."""
    shape, remat = planned.machine.shape, planned.execution.remat
    return estimate.kept_bytes(shape, estimate.COMPILERS[platform], remat, shape.batch_tokens / planned.data)
