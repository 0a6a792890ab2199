"""Training one cohort from where it stands to its end: compile once, run chunk after chunk, save, resume."""

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from sweep.config import Memory
from sweep.design.cohorts import Cohort
from sweep.design.cost import Mode, mode_of
from sweep.errors import Partial
from sweep.models import counting
from sweep.train import devices, effort, program, state
from sweep.train.capacity import settle
from sweep.train.checkpoint import Checkpoints
from sweep.train.cursor import Cursor, Work, absorb, next_work
from sweep.train.devices import Device
from sweep.train.log import LOG, Log
from sweep.train.machine import Machine, chunk_steps, feeds
from sweep.train.program import Execution, Report, Validation
from sweep.train.rows import rows_of
from sweep.train.sharding import make_mesh
from sweep.train.state import State
from sweep.train.watch import STOPPED


@dataclass(frozen=True)
class Settings:
    """How to train a cohort; none of it changes a loss but by rounding."""

    folder: Path  # the cohort's own
    curve_points: int = 10
    checkpoint_minutes: float = 5.0
    keep: int = 2
    memory: Memory = Memory()  # noqa: RUF009 (frozen)
    mode: Mode | None = None  # None: chosen by size
    steps: int | None = None  # of a chunk; None: chosen by size
    fed: bool | None = None  # training tokens come with each chunk; None: where they are too large for the device


@dataclass
class Pending:
    """A chunk that the device may still be running."""

    work: Work
    report: Report
    validation: Validation | None
    columns: np.ndarray  # where the active rows are in the report
    sent: float  # seconds


class CohortRun:
    """One cohort on one group of devices. `cursor` says how far it is; `on_begin` is called when its programs are
    compiled and its state is there, `on_chunk` after each chunk.
    """

    def __init__(
        self, cohort: Cohort, group: list[Device], trial: int, data: tuple[np.ndarray, np.ndarray], settings: Settings
    ):
        """Nothing is compiled or put on a device yet.

        Args:
            group, trial: a mesh (trial, len(group) / trial).
            data: training tokens and validation windows.
        """
        self.cohort, self.settings = cohort, settings
        self.rows = rows_of(cohort)
        self.cursor = Cursor.start(self.rows)
        self.mesh = make_mesh(group, trial)
        self.slots = -(-len(self.rows) // trial) * trial  # the rows and, to fill the mesh, idle ones
        shape, (train, windows) = cohort.shape, data
        mode = settings.mode or mode_of(shape, group[0].platform)
        steps = settings.steps or chunk_steps(shape, len(self.rows), group)
        fed = settings.fed
        if fed is None:
            fed = feeds(len(train), train.dtype.itemsize, devices.memory_bytes(group[0]))
        quick = effort.brief(cohort.flops, group)
        self.machine = Machine(shape, self.mesh, Execution(mode), steps, train, windows, fed, quick)
        self.at_once = 0  # rows of a chunk, once compiled
        self.log = Log(settings.folder / LOG)
        self.machine.watch.tell = self.log.write
        self.on_begin: Callable[[CohortRun], None] = lambda run: None
        self.on_chunk: Callable[[CohortRun], None] = lambda run: None
        self.unconfirmed: int | None = None  # number of a save that may still be under way
        self.last_end = 0.0  # seconds; when the last chunk was read back
        self.published = 0  # rows of the loss table that are written
        self.trained_s = 0.0  # seconds of device time since the run was made

    @property
    def mode(self) -> Mode:
        """How rows share a device."""
        return self.machine.execution.mode

    @property
    def left(self) -> float:
        """FLOPs to train until the end."""
        cursor, rows, shape = self.cursor, self.rows, self.cohort.shape
        to_go = [r for r in range(len(rows)) if cursor.can_run(rows, r) or cursor.awaits(rows, r)]
        steps = sum(rows[r].end - max(cursor.step[r], rows[r].start) for r in to_go)
        return steps * shape.batch_tokens * counting.train_flops_per_token(shape)

    def compile(self) -> None:
        """Choose how to run within the device's memory, and compile it.

        Raises:
            Refusal: nothing fits.
            Partial: a stop was asked for meanwhile.
        """
        if not self.at_once:
            self.at_once = settle(self.machine, self.settings.memory, self.slots)

    def warm(self) -> None:
        """Compile what the first chunks need, so that no device waits for it later. Raises as `compile`."""
        self.compile()
        count = self.rows_for(sum(row.source is None for row in self.rows))
        self.machine.chunk(count)
        self.machine.validation(count)
        if any(row.source is not None for row in self.rows):
            self.machine.branching(self.slots)

    def rows_for(self, active: int) -> int:
        """Rows of the program that trains `active` of them."""
        return self.slots if self.mode == "map" else self.machine.rows_for(min(active, self.at_once))

    def missing(self, work: Work) -> list[Callable[[], Any]]:
        """What must be compiled before `work` can be sent."""
        count = self.rows_for(len(work.active))
        needs = [("chunk", count)] + [("validation", count)] * bool(work.wanted.any())
        needs += [("branching", self.slots)] * (work.source is not None)
        made = {"chunk": self.machine.chunk, "validation": self.machine.validation, "branching": self.machine.branching}
        return [partial(made[name], rows) for name, rows in needs if (name, rows) not in self.machine.compiled]

    def shrink(self) -> None:
        """After the device ran out of memory: the next choice. Raises Refusal where there is none."""
        self.at_once = settle(self.machine, self.settings.memory, self.slots, after=self.machine.execution)
        self.cursor = Cursor.start(self.rows)

    def run(self, stop: threading.Event) -> Cursor:
        """Train to the end, or until `stop` is set: then the state is saved and Partial raised."""
        self.machine.watch.stop = stop
        with jax.set_mesh(self.mesh):
            checkpoints = Checkpoints(self.settings.folder / "checkpoints", self.settings.keep)
            try:
                self.train(checkpoints, stop)
            except Partial:
                self.log.write(stopped=self.cursor.chunks)
                raise
            finally:
                checkpoints.close()
        return self.cursor

    def train(self, checkpoints: Checkpoints, stop: threading.Event) -> None:
        self.warm()
        states = self.begin(checkpoints)
        pending: Pending | None = None
        saved = time.monotonic()
        while True:
            due = time.monotonic() - saved > 60 * self.settings.checkpoint_minutes
            if stop.is_set() or due:
                self.drain(pending)
                pending = None
                self.save(checkpoints, states, wait=stop.is_set())
                saved = time.monotonic()
                if stop.is_set():
                    raise Partial(STOPPED)
            ahead = dataclasses.replace(self.cursor, step=[*self.cursor.step], forked=[*self.cursor.forked])
            work = next_work(
                self.rows,
                ahead,
                steps=self.machine.steps,
                at_once=self.at_once,
                curve_points=self.settings.curve_points,
            )
            if work is not None and (missing := self.missing(work)):
                self.drain(pending)  # first, so that compiling is not counted as training
                pending = None
                with contextlib.suppress(Partial):  # a stop: seen, and saved for, at the top
                    for compile in missing:
                        compile()
                continue
            self.cursor = ahead
            if work is None and pending is None:
                self.save(checkpoints, states, wait=True)  # the trained models, for whoever wants them
                return
            sent = None
            if work is not None:  # before the last chunk is read, so that the device never waits for the host
                states, sent = self.send(states, work)
            self.drain(pending)
            pending = sent

    def begin(self, checkpoints: Checkpoints) -> State:
        """Fresh states, or those of the newest checkpoint."""
        found = checkpoints.restore(
            state.abstract_states(self.cohort.shape, self.mesh, self.slots),  # never two states on a device
            expected=self.log.has("saved"),
            warn=lambda text: self.log.write(warning=text),
        )
        if found is not None:
            states, cursor = found
            self.cursor = Cursor.load(cursor)
        else:
            pad = [self.rows[0].hyper] * (self.slots - len(self.rows))
            states = self.machine.init(state.stack([row.hyper for row in self.rows] + pad))
        self.cursor.attempts = 1 + self.log.count("begun")
        self.published = 0  # in the files of this attempt
        how = dataclasses.asdict(self.machine.execution)
        mesh = dict(self.mesh.shape)
        self.log.write(begun=self.cursor.attempts, chunk=self.cursor.chunks, left=self.left, mesh=mesh, **how)
        self.on_begin(self)
        return states

    def send(self, states: State, work: Work) -> tuple[State, Pending]:
        """Dispatch a chunk; returns at once."""
        machine = self.machine
        if work.source is not None:
            states = machine.branch(states, work.source)
        if self.mode == "map":
            chosen = columns = np.arange(len(self.rows), dtype=np.int32)
            columns = work.active
        else:
            chosen, columns = work.active, np.arange(len(work.active))
        count = self.rows_for(len(work.active))
        hypers = [self.rows[r].hyper for r in chosen]
        stacked = state.stack(hypers + [hypers[0]] * (count - len(hypers)))
        until, wanted = (pad_to(x[chosen], count, 0) for x in (work.until, work.wanted))
        everyone = count == self.slots and self.mode == "map"
        where = pad_to(chosen, count, self.slots)
        some = states if everyone else machine.copy_rows(states, where)
        tokens = machine.tokens(stacked.data_seed, pad_to(work.start[chosen], count, 0))
        arguments = machine.by_trial((stacked, until))
        chunk = machine.chunk(count)
        validate = machine.validation(count) if wanted.any() else None
        sent = time.monotonic()
        some, report = chunk(tokens, some, *arguments)
        validation = validate(machine.val, some.params, machine.by_trial(wanted)) if validate else None
        if not report.step.is_fully_addressable:  # some rows are on another host's devices
            report, validation = program.make_readable(self.mesh)((report, validation))
        states = some if everyone else machine.put_rows(states, some, where)
        return states, Pending(work, report, validation, columns, sent)

    def drain(self, pending: Pending | None) -> None:
        """Wait for a chunk and read it back."""
        if pending is None:
            return
        columns, (losses, step, diverged) = pending.columns, jax.device_get(pending.report)
        val = Validation(*(x[columns] for x in jax.device_get(pending.validation))) if pending.validation else None
        now = time.monotonic()
        seconds = now - max(pending.sent, self.last_end)
        self.last_end = now
        self.trained_s += seconds
        mine = Report(losses[:, columns], step[columns], diverged[columns])
        steps = absorb(self.rows, self.cursor, pending.work, mine, val, seconds)
        done = {"chunk": self.cursor.chunks, "seconds": round(seconds, 4), "steps": steps, "left": self.left}
        self.log.write(**done, rows=self.standing(pending.work))
        self.on_chunk(self)

    def standing(self, work: Work) -> dict[str, Any]:
        """Step of each row that ran, by key; a frozen row by the step it diverged at, negative."""
        cursor = self.cursor
        active = work.active.tolist()
        return {self.rows[r].key: int(work.end[r]) if cursor.alive(r) else -cursor.diverged[r] for r in active}

    def save(self, checkpoints: Checkpoints, states: State, *, wait: bool) -> None:
        self.confirm(checkpoints)
        checkpoints.save(self.cursor.chunks, states, self.cursor.as_dict())
        self.unconfirmed = self.cursor.chunks
        if wait:
            self.confirm(checkpoints)

    def confirm(self, checkpoints: Checkpoints) -> None:
        """Log the last save once it is on disk: what the log calls saved must exist when the run is resumed."""
        if self.unconfirmed is not None:
            checkpoints.wait()
            self.log.write(saved=self.unconfirmed)
            self.unconfirmed = None


def pad_to(values: np.ndarray, length: int, fill: int) -> np.ndarray:
    """`values` and then `fill`, up to `length`."""
    return np.concatenate([values, np.full(length - len(values), fill, values.dtype)])
