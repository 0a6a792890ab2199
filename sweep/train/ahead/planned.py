"""What the engine would run of a cohort on given devices: the one place that knows both the engine and the compiler.

Everything else of this package takes a `Planned` program as it comes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jax.stages import Traced

from models import counting
from models.shape import Shape
from sweep.design import estimate
from sweep.design.cohorts import Cohort
from sweep.errors import Refusal
from sweep.train import devices, program
from sweep.train.ahead.targets import Target
from sweep.train.cohort import trial_axis
from sweep.train.machine import mode_of
from sweep.train.rows import rows_of
from sweep.train.sharding import make_mesh

STEPS = 101  # of a chunk: a length that no other loop of a program has, so that the loop over steps is known by it
STREAM = 2**22  # tokens of the training stream that a program is compiled with: a longer one changes nothing else


@dataclass(frozen=True)
class Planned:
    """The static choices that a cohort is trained with."""

    mesh: Mesh
    rows: int  # trained by one program, idle ones included
    mode: program.Mode
    remat: str = "none"
    micro_batches: int = 1

    @property
    def data(self) -> int:
        """Devices that share a trial."""
        return self.mesh.shape["data"]


def choices(cohort: Cohort, target: Target, cohorts: int) -> Iterator[Planned]:
    """The programs that the engine tries for a cohort, one of `cohorts`: it trains with the first that fits.

    At least one; the last is the smallest that there is.

    Raises:
        Refusal: `no_mesh`, devices that cannot be laid out so that each axis of the mesh follows links between them.
    """
    group = devices.lanes(list(target.devices), cohorts)[0]
    wanted = len(rows_of(cohort))
    trial = trial_axis(wanted, len(group))
    try:
        mesh = make_mesh(group[:trial] if target.platform == "cpu" else group, trial)
    except NotImplementedError as error:
        sizes = f"({trial}, {len(group) // trial})"
        raise Refusal("no_mesh", f"{target.name} cannot be laid out as a mesh {sizes} of trial and data") from error
    mode = mode_of(cohort.shape, target.platform)
    rows = -(-wanted // trial) * trial
    if mode == "map":
        yield Planned(mesh, rows, mode)
        return
    rows = trial * 2 ** int(np.ceil(np.log2(rows // trial)))
    while rows >= trial:
        yield Planned(mesh, rows, mode)
        rows //= 2


def trace(shape: Shape, planned: Planned, val_tokens: int) -> tuple[Traced, tuple]:
    """The cohort's program, traced but not lowered, and its arguments as shapes and shardings: nothing is allocated."""
    arguments = abstract(shape, planned, val_tokens)
    chunk = program.make_chunk(shape, planned.mesh, steps=STEPS, mode=planned.mode)
    return chunk.trace(*arguments), arguments


def abstract(shape: Shape, planned: Planned, val_tokens: int) -> tuple:
    """Arguments of the chunk, as shapes."""
    mesh, rows = planned.mesh, planned.rows

    def like(x: Any, spec: P) -> Any:
        return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=NamedSharding(mesh, spec))

    ids: Any = np.uint16 if shape.vocab <= 2**16 else np.uint32
    train: Any = jax.ShapeDtypeStruct((STREAM,), ids)
    val: Any = jax.ShapeDtypeStruct((batches(shape, val_tokens), shape.batch, shape.seq_len + 1), np.int32)
    limits = program.stack([program.example_hyper()] * rows), np.zeros(rows, np.int32), np.zeros(rows, bool)
    by_trial = jax.tree.map(lambda x: like(x, P("trial")), limits)
    corpus = jax.tree.map(lambda x: like(x, P()), program.Tokens(train, val))
    return corpus, program.abstract_states(shape, mesh, rows), *by_trial


def batches(shape: Shape, val_tokens: int) -> int:
    """Validation batches."""
    return max(1, val_tokens // shape.batch_tokens)


def exact_flops(shape: Shape, planned: Planned, val_tokens: int) -> float:
    """FLOPs (exact, causal) of the program of `trace`: its steps, and the validation that follows them."""
    trained = STEPS * shape.batch_tokens * counting.train_flops_per_token(shape)
    validated = batches(shape, val_tokens) * shape.batch_tokens * counting.forward_flops_per_token(shape)
    return planned.rows * (trained + validated)


def kept_bytes(shape: Shape, planned: Planned) -> float:
    """Activations that a device keeps for the backward pass of one trial's batch, an estimate."""
    return estimate.activation_bytes(shape) / estimate.WORKING / planned.data
