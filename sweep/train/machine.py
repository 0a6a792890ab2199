"""The compiled programs of one shape on one mesh, and how many rows they may hold at once."""

from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jax.stages import Compiled

from models import counting
from models.shape import Shape
from sweep.train import devices, program
from sweep.train.devices import Device
from sweep.train.program import Hyper, Mode, State, Tokens

CHUNK_SECONDS = 4.0  # the host looks up this often: for signals, checkpoints, progress
CHUNK_STEPS = (10, 256)
VMAP_UP_TO = 30e6  # parameters; above it one trial fills an accelerator
CPU_FLOPS = 8e9  # a second and device, to size a chunk with
MEMORY_SHARE = 0.85  # of a device's memory that a program may take


def mode_of(shape: Shape, platform: str) -> Mode:
    """How rows share a device.

    `vmap` where launches cost more than work: small models on accelerators. `map` where one trial fills the chip, and
    on a CPU, where it is as fast and finished rows cost nothing.
    """
    return "vmap" if platform != "cpu" and counting.params(shape).total < VMAP_UP_TO else "map"


def chunk_steps(shape: Shape, rows: int, group: list[Device]) -> int:
    """Steps of a chunk that take about CHUNK_SECONDS for `rows` rows on a group of devices."""
    peak = devices.peak_flops(group[0])
    rate = len(group) * (0.2 * peak if peak else CPU_FLOPS)
    step = counting.train_flops_per_token(shape) * shape.batch_tokens * rows
    return int(np.clip(CHUNK_SECONDS * rate / step, *CHUNK_STEPS))


@dataclass
class Machine:
    """Programs are compiled ahead of time, when first asked for, and kept by number of rows."""

    shape: Shape
    mesh: Mesh
    mode: Mode
    steps: int  # of a chunk
    tokens: Tokens
    compiled: dict[int, Compiled] = field(default_factory=dict)

    @classmethod
    def build(cls, shape: Shape, mesh: Mesh, mode: Mode, steps: int, train: np.ndarray, val: np.ndarray) -> "Machine":
        """Puts the training tokens [tokens] and the validation windows [n, L + 1] on every device of the mesh."""
        batch = min(shape.batch, len(val))
        batches = val[: len(val) // batch * batch].reshape(-1, batch, shape.seq_len + 1)
        return cls(shape, mesh, mode, steps, Tokens(everywhere(mesh, train), everywhere(mesh, batches)))

    def by_trial(self, host: Any) -> Any:
        """Host rows to their devices, spelled out: a process hands over only what its devices hold."""
        sharding = NamedSharding(self.mesh, P("trial"))
        return jax.tree.map(lambda x: jax.make_array_from_callback(x.shape, sharding, lambda i: x[i]), host)

    def init(self, hypers: Hyper) -> State:
        return program.make_init(self.shape, self.mesh)(self.by_trial(hypers))

    def copy_rows(self, states: State, source: np.ndarray) -> State:
        return program.make_take(self.shape, self.mesh)(states, everywhere(self.mesh, source))

    def put_rows(self, states: State, some: State, where: np.ndarray) -> State:
        return program.make_put(self.shape, self.mesh)(states, some, everywhere(self.mesh, where))

    def chunk(self, rows: int) -> Compiled:
        """The compiled chunk of `rows` rows."""
        if rows not in self.compiled:
            make = program.make_chunk(self.shape, self.mesh, steps=self.steps, mode=self.mode)
            states = program.abstract_states(self.shape, self.mesh, rows)
            hypers = program.stack([program.example_hyper()] * rows)
            limits = np.zeros(rows, np.int32), np.zeros(rows, bool)
            self.compiled[rows] = make.lower(self.tokens, states, *self.by_trial((hypers, *limits))).compile()
        return self.compiled[rows]

    def rows_for(self, wanted: int) -> int:
        """Rows of the program that serves `wanted`: a power of two of the trial axis, so that few are compiled."""
        unit = self.mesh.shape["trial"]
        return unit * 2 ** int(np.ceil(np.log2(max(1, -(-wanted // unit)))))

    def most_rows(self, wanted: int, resident_bytes: float) -> int:
        """The most rows up to `wanted` whose program fits the device beside `resident_bytes`, by XLA's own account."""
        limit = MEMORY_SHARE * devices.memory_bytes(self.mesh.devices.flat[0]) - resident_bytes
        rows = self.rows_for(wanted)
        while rows > self.mesh.shape["trial"]:
            memory = self.chunk(rows).memory_analysis()
            if memory is None or memory.temp_size_in_bytes + memory.argument_size_in_bytes <= limit:
                break
            rows //= 2
        return rows


def everywhere(mesh: Mesh, host: np.ndarray) -> jax.Array:
    """A copy on every device of the mesh."""
    return jax.make_array_from_callback(host.shape, NamedSharding(mesh, P()), lambda i: host[i])
