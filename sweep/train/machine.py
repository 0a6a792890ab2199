"""The compiled programs of one shape on one mesh, and the tokens that they read."""

import functools
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jax.stages import Compiled, Traced

from sweep.models import counting
from sweep.models.layout import DATA
from sweep.models.shape import Shape
from sweep.train import effort, program, state
from sweep.train.data.feeder import Feeder, Part, Stretch, Wanted
from sweep.train.data.ids import require_ids
from sweep.train.data.windows import Stream
from sweep.train.devices import Device
from sweep.train.program import Execution
from sweep.train.sharding import TRIAL
from sweep.train.state import Hyper, State
from sweep.train.watch import Watch

CHUNK_SECONDS = 4.0  # the host looks up this often: for signals, checkpoints, progress
CHUNK_STEPS = (10, 256)
RESIDENT_SHARE = 0.1  # of a device's memory that the training tokens may take; above it they come with each chunk
ADDRESSABLE = 2**31  # tokens that a program can address
WORDS = {  # what is compiled, as the board and the log call it
    "chunk": "training", "validation": "validation", "branching": "branching", "cutting": "batches",
    "init": "first weights",
}  # fmt: skip


def chunk_steps(shape: Shape, rows: int, group: list[Device]) -> int:
    """Steps of a chunk that take about CHUNK_SECONDS for `rows` rows on a group of devices."""
    step = counting.train_flops_per_token(shape) * shape.batch_tokens * rows
    return int(np.clip(CHUNK_SECONDS * effort.rate(group) / step, *CHUNK_STEPS))


def feeds(tokens: int, itemsize: int, memory: int) -> bool:
    """Whether a training stream comes from the host with each chunk: it is too large to be copied onto every device."""
    return tokens >= ADDRESSABLE or tokens * itemsize > RESIDENT_SHARE * memory


def validation_batches(shape: Shape, data: int, micro_batches: int, windows: int) -> tuple[int, int]:
    """(batches, windows a batch) that hold all windows: as many at once as a training step holds, in equal parts for
    the devices. What is left over in the last batch repeats windows and is not counted.
    """
    size = min(shape.batch // micro_batches, -(-windows // data) * data)
    return -(-windows // size), size


def part_of(index: tuple[slice, ...], shape: tuple[int, ...]) -> Part:
    """The part of batches [T, steps, B, L + 1] that JAX names by slices."""
    rows, _, sequences, _ = (s.indices(size) for s, size in zip(index, shape, strict=True))
    return Part(rows[0], rows[1], sequences[0], sequences[1])


@dataclass
class Machine:
    """Programs are compiled ahead of time, when first asked for, and kept by number of rows."""

    shape: Shape
    mesh: Mesh
    execution: Execution
    steps: int  # of a chunk
    train: np.ndarray  # [tokens], on the host
    windows: np.ndarray  # [n, L + 1] validation windows, on the host
    fed: bool = False
    quick: bool = False  # compile with little effort: sweep.train.effort
    watch: Watch = field(default_factory=Watch)
    compiled: dict[tuple[str, int], Compiled] = field(default_factory=dict)
    compiling: threading.Lock = field(default_factory=threading.Lock)

    def use(self, execution: Execution) -> None:
        """Run by `execution` from now on."""
        self.execution = execution
        self.compiled.clear()
        self.__dict__.pop("val", None)  # cut for the micro-batches of before

    def state_bytes(self, rows: int) -> int:
        """Bytes of a device that the state of `rows` rows takes."""
        leaves = jax.tree.leaves(state.abstract_states(self.shape, self.mesh, rows))
        return sum(math.prod(x.sharding.shard_shape(x.shape)) * x.dtype.itemsize for x in leaves)

    def batch_bytes(self, rows: int) -> int:
        """Bytes of a device that the batches of a chunk of `rows` rows take."""
        batches = self.abstract_batches(rows)
        return math.prod(self.batches_sharding.shard_shape(batches.shape)) * batches.dtype.itemsize

    # Programs

    def chunk(self, rows: int) -> Compiled:
        """The compiled chunk of `rows` rows."""
        return self.compiled_once(("chunk", rows), lambda: self.trace_chunk(rows))

    def validation(self, rows: int) -> Compiled:
        """The compiled validation of `rows` rows."""
        return self.compiled_once(("validation", rows), lambda: self.trace_validation(rows))

    def branching(self, rows: int) -> Compiled:
        """The compiled copying of some of `rows` rows over others."""
        return self.compiled_once(("branching", rows), lambda: self.trace_branching(rows), quick=True)

    def cutting(self, rows: int) -> Compiled:
        """The compiled cutting of the batches of `rows` rows out of the resident stream."""
        return self.compiled_once(("cutting", rows), lambda: self.trace_cutting(rows), quick=True)

    def compiled_once(
        self, name: tuple[str, int], trace: Callable[[], Traced], *, quick: bool | None = None
    ) -> Compiled:
        """A program by name. Raises Partial where a stop is asked for before it is compiled."""
        platform, effortless = self.mesh.devices.flat[0].platform, self.quick if quick is None else quick

        def make() -> Compiled:
            with jax.set_mesh(self.mesh):
                return effort.compile(trace().lower(), platform, quick=effortless)

        with self.compiling:  # one at a time: a second thread that asks for the same program waits for it
            if name not in self.compiled:
                self.compiled[name] = self.watch.over(WORDS[name[0]], make)
            return self.compiled[name]

    def trace_chunk(self, rows: int) -> Traced:
        """The chunk of `rows` rows, not lowered yet; its arguments are shapes and shardings, nothing is allocated."""
        chunk = program.make_chunk(self.shape, self.mesh, self.execution, steps=self.steps)
        return chunk.trace(*self.chunk_arguments(rows))

    def trace_validation(self, rows: int) -> Traced:
        """The validation of `rows` rows, not lowered yet."""
        states, _, until = self.abstract_rows(rows)
        wanted = jax.ShapeDtypeStruct(until.shape, bool, sharding=until.sharding)
        validation = program.make_validation(self.shape, self.mesh, self.execution, len(self.windows))
        return validation.trace(self.abstract_validation(), states.params, wanted)

    def trace_branching(self, rows: int) -> Traced:
        """The copying of rows, not lowered yet."""
        pairs = jax.ShapeDtypeStruct((rows, 2), np.int32, sharding=NamedSharding(self.mesh, P()))
        count = jax.ShapeDtypeStruct((), np.int32, sharding=NamedSharding(self.mesh, P()))
        branch = state.make_branch(self.shape, self.mesh)
        return branch.trace(state.abstract_states(self.shape, self.mesh, rows), pairs, count)

    def trace_cutting(self, rows: int) -> Traced:
        """The cutting of batches, not lowered yet."""
        train = jax.ShapeDtypeStruct(self.train.shape, self.train.dtype, sharding=NamedSharding(self.mesh, P()))
        by_row = NamedSharding(self.mesh, P(TRIAL))
        numbers = [jax.ShapeDtypeStruct((rows,), kind, sharding=by_row) for kind in (np.uint32, np.int32, np.int32)]
        return program.make_cutting(self.shape, self.mesh, steps=self.steps).trace(train, *numbers)

    def chunk_arguments(self, rows: int) -> tuple:
        """What the chunk of `rows` rows is given, as shapes."""
        return self.abstract_batches(rows), *self.abstract_rows(rows)

    def abstract_rows(self, rows: int) -> tuple[State, Hyper, jax.ShapeDtypeStruct]:
        """States, hyper-parameters and limits of `rows` rows: shapes and shardings, nothing allocated."""
        sharding = NamedSharding(self.mesh, P(TRIAL))
        stacked = state.stack([state.example_hyper()] * rows), np.zeros(rows, np.int32)
        hypers, until = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), stacked)
        return state.abstract_states(self.shape, self.mesh, rows), hypers, until

    @property
    def batches_sharding(self) -> NamedSharding:
        """Where the batches of a chunk lie."""
        return NamedSharding(self.mesh, program.batches_spec(self.mesh.shape[DATA]))

    def abstract_batches(self, rows: int) -> jax.ShapeDtypeStruct:
        """The batches of a chunk of `rows` rows."""
        dims = (rows, self.steps, self.shape.batch, self.shape.seq_len + 1)
        return jax.ShapeDtypeStruct(dims, self.train.dtype, sharding=self.batches_sharding)

    def abstract_validation(self) -> jax.ShapeDtypeStruct:
        """The validation windows [batches, B, L + 1]."""
        data, parts = self.mesh.shape[DATA], self.execution.micro_batches
        count, size = validation_batches(self.shape, data, parts, len(self.windows))
        sharding = NamedSharding(self.mesh, P(None, DATA))
        return jax.ShapeDtypeStruct((count, size, self.windows.shape[1]), self.windows.dtype, sharding=sharding)

    # Tokens

    @functools.cached_property
    def resident(self) -> jax.Array:
        """The training stream, a copy on every device. Raises InputError for an id beyond the vocabulary."""
        require_ids(self.train, self.shape.vocab, "training tokens")
        return self.put(np.asarray(self.train), P())

    @functools.cached_property
    def val(self) -> jax.Array:
        """The validation windows, split over the devices of a trial."""
        count, size, width = self.abstract_validation().shape
        filled = self.windows[np.arange(count * size) % len(self.windows)]
        return self.put(filled.reshape(count, size, width), P(None, DATA))

    @functools.cached_property
    def feeder(self) -> Feeder:
        """Cuts the batches that come with the chunks."""
        return Feeder(Stream(self.train, self.shape.seq_len, self.shape.vocab), self.shape.batch)

    def batches(self, seeds: np.ndarray, first: np.ndarray, taken: np.ndarray) -> jax.Array:
        """What a chunk reads, cut by the devices or by their hosts.

        Args:
            seeds, first, taken: [T] of the rows: data seed, first step, and how many steps it takes, 0 where it idles.
        Raises:
            InputError: a shard cannot be read.
        """
        if not self.fed:
            numbers = (seeds.astype(np.uint32), first.astype(np.int32), taken.astype(np.int32))
            return self.cutting(len(seeds))(self.resident, *self.by_trial(numbers))
        batches, cut = self.abstract_batches(len(seeds)), self.feeder.take(self.wanted(seeds, first, taken))
        part = lambda index: cut[part_of(index, batches.shape)]  # noqa: E731
        return jax.make_array_from_callback(batches.shape, batches.sharding, part)

    def foresee(self, seeds: np.ndarray, first: np.ndarray, taken: np.ndarray) -> None:
        """Let the host cut what a chunk to come reads, where the host cuts: arguments as those of `batches`."""
        if self.fed:
            self.feeder.ahead(self.wanted(seeds, first, taken))

    def wanted(self, seeds: np.ndarray, first: np.ndarray, taken: np.ndarray) -> Wanted:
        """What this process's devices read of a chunk's batches."""
        rows = zip(seeds.tolist(), first.tolist(), np.minimum(taken, self.steps).tolist(), strict=True)
        return Wanted(tuple(Stretch(*row) for row in rows), self.steps, tuple(sorted(set(self.parts(len(seeds))))))

    def parts(self, rows: int) -> list[Part]:
        """What each device of this process holds of the batches of `rows` rows."""
        shape = self.abstract_batches(rows).shape
        held = self.batches_sharding.addressable_devices_indices_map(shape)
        return [part_of(index, shape) for index in held.values() if index is not None]

    # Rows

    def put(self, host: np.ndarray, spec: P) -> jax.Array:
        """A host array on the devices, spelled out: a process hands over only what its devices hold."""
        return jax.make_array_from_callback(host.shape, NamedSharding(self.mesh, spec), lambda index: host[index])

    def by_trial(self, host: Any) -> Any:
        """Host rows to their devices."""
        return jax.tree.map(lambda x: self.put(x, P(TRIAL)), host)

    def votes(self, mine: int) -> jax.Array:
        """[trial, data] int32: on the devices of this process `mine`, on those of others what they say."""
        return self.put(np.full(self.mesh.devices.shape, mine, np.int32), P(TRIAL, DATA))

    def init(self, hypers: Hyper) -> State:
        """Fresh states. Raises Partial where a stop is asked for before they are there."""

        def make() -> State:
            with jax.set_mesh(self.mesh):
                return state.make_init(self.shape, self.mesh)(self.by_trial(hypers))

        return self.watch.over(WORDS["init"], make)

    def branch(self, states: State, source: np.ndarray) -> State:
        """Row r becomes a copy of row `source[r]`; the states that were are gone. No row is both source and copy."""
        slots = states.step.shape[0]
        copies = np.flatnonzero(source != np.arange(len(source)))
        pairs = np.zeros((slots, 2), np.int32)
        pairs[: len(copies)] = np.stack([source[copies], copies], axis=1)
        return self.branching(slots)(states, self.put(pairs, P()), self.put(np.asarray(len(copies), np.int32), P()))

    def copy_rows(self, states: State, source: np.ndarray) -> State:
        return state.make_take(self.shape, self.mesh)(states, self.put(source, P()))

    def put_rows(self, states: State, some: State, where: np.ndarray) -> State:
        return state.make_put(self.shape, self.mesh)(states, some, self.put(where, P()))

    def rows_for(self, wanted: int) -> int:
        """Rows of the program that serves `wanted`: a power of two of the trial axis, so that few are compiled."""
        unit = self.mesh.shape[TRIAL]
        return unit * 2 ** int(np.ceil(np.log2(max(1, -(-wanted // unit)))))
