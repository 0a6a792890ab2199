"""The batches of the next chunk, cut on a thread of the host while the devices run the present one.

The thread reads shards and fills NumPy arrays; it never touches JAX, whose work one thread of a process issues. One
chunk at most lies ready: what a host holds is that chunk, the one that is handed over, and those that its devices have.
"""

import dataclasses
import queue
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, Integer

from sweep.train.data.order import host_indices
from sweep.train.data.windows import Stream

Batches = Integer[np.ndarray, "rows steps b W"]


class Stretch(NamedTuple):
    """What one row of a chunk reads."""

    seed: int  # of the order of the windows
    first: int  # step
    steps: int  # 0: nothing


class Part(NamedTuple):
    """What one device holds of a chunk's batches: rows and sequences, from and up to."""

    row: int
    rows: int
    sequence: int
    sequences: int


@dataclass(frozen=True)
class Wanted:
    """The batches of a chunk, as far as this process's devices read them.

    Attributes:
        rows: of the program, idle ones included.
        steps: of the chunk; a row that reads fewer has zeros behind.
        parts: of the devices, each once.
    """

    rows: tuple[Stretch, ...]
    steps: int
    parts: tuple[Part, ...]


class Dropped(Exception):
    """A chunk that is no longer wanted."""


class Job:
    """A chunk that is being cut."""

    def __init__(self, wanted: Wanted):
        self.wanted = wanted
        self.dropped = threading.Event()
        self.result: queue.SimpleQueue[tuple[dict[Part, Batches], BaseException | None]] = queue.SimpleQueue()

    def go_on(self) -> None:
        """Raise Dropped where nobody waits for it any more."""
        if self.dropped.is_set():
            raise Dropped


@dataclass
class Feeder:
    """Cuts the batches of a stream ahead of time.

    Attributes:
        batch: windows of a step.
        waited: seconds that whoever takes chunks has waited for them.
    """

    stream: Stream
    batch: int
    waited: float = 0.0

    def __post_init__(self):
        self.next: Job | None = None
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.thread: threading.Thread | None = None

    def ahead(self, wanted: Wanted) -> None:
        """Begin to cut a chunk, instead of any other that was begun and not taken."""
        if self.next is not None:
            if self.next.wanted == wanted:
                return
            self.next.dropped.set()
        if self.thread is None:
            own = dataclasses.replace(self.stream)  # one that was left behind closes its own file
            self.thread = threading.Thread(target=work, args=(self.jobs, own, self.batch), name="feeder", daemon=True)
            self.thread.start()
        self.next = Job(wanted)
        self.jobs.put(self.next)

    def take(self, wanted: Wanted) -> dict[Part, Batches]:
        """A chunk, as soon as it is cut. Raises InputError where its windows cannot be read."""
        self.ahead(wanted)
        assert self.next is not None
        began = time.monotonic()
        batches, error = self.next.result.get()
        self.waited += time.monotonic() - began
        self.next = None
        if error is not None:
            raise error
        return batches

    def close(self) -> None:
        """End the thread: at once, or when a disk that does not answer lets go of it. It starts anew when asked."""
        if self.next is not None:
            self.next.dropped.set()
        if self.thread is not None:
            self.jobs.put(None)
            self.thread.join(timeout=1.0)
        self.__post_init__()


def work(jobs: "queue.SimpleQueue[Job | None]", stream: Stream, batch: int) -> None:
    """Cut what is asked for, until told to end."""
    while (job := jobs.get()) is not None:
        try:
            job.result.put((cut(stream, batch, job), None))
        except Dropped:
            continue
        except BaseException as error:  # for the thread that takes it
            job.result.put(({}, error))
    stream.close()


def cut(stream: Stream, batch: int, job: Job) -> dict[Part, Batches]:
    """The batches of a chunk. What several rows or devices read is read once. Raises Dropped, and as `Stream.read`."""
    read: dict[tuple[Stretch, int, int], Batches] = {}
    made: dict[Part, Batches] = {}
    wanted = job.wanted
    for part in wanted.parts:
        rows, sequences = wanted.rows[part.row : part.rows], part.sequences - part.sequence
        out = np.zeros((len(rows), wanted.steps, sequences, stream.seq_len + 1), stream.tokens.dtype)
        for mine, row in zip(out, rows, strict=True):
            what, into = (row, part.sequence, part.sequences), mine[: row.steps]
            if what not in read:
                numbers = numbers_of(stream, batch, row, slice(part.sequence, part.sequences))
                stream.read(numbers, into.reshape(-1, into.shape[-1]), job.go_on)
                read[what] = into
            else:
                into[:] = read[what]
        made[part] = out
    return made


def numbers_of(stream: Stream, batch: int, row: Stretch, sequences: slice) -> Int64[np.ndarray, "n"]:
    """The windows that a row reads, step after step."""
    steps = host_indices(row.seed, row.first, row.steps, batch=batch, n_windows=stream.count, part=sequences)
    return steps.ravel()
