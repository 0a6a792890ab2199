"""Training one cohort from where it stands to its end: compile once, run chunk after chunk, save, resume.

Where several processes train it together each runs all of this, with its part of the devices. What they do next follows
from the cursor, which is the same on all; from a vote, which leaves with the report of a chunk; and from what the
leader, which alone writes, shares of its files.
"""

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from sweep.design.cohorts import Cohort
from sweep.errors import InputError, Partial, Refusal
from sweep.models import counting
from sweep.storage import passing
from sweep.train import program, state
from sweep.train.away import Away
from sweep.train.checkpoint import Checkpoints
from sweep.train.cursor import Cursor, Work, absorb, next_work
from sweep.train.devices import Device
from sweep.train.gang.team import ALONE, Team
from sweep.train.owner import owner
from sweep.train.program import Report, Validation
from sweep.train.setup import Settings, Setup
from sweep.train.state import State
from sweep.train.watch import STOPPED

COMPILING = 3600.0  # seconds that the other processes of a gang wait for the next chunk while one compiles
SAVING = 1500.0  # seconds that a save may take; Orbax gives its processes 1,200 to write what they have
GO, SAVE, STOP = range(3)  # votes: what a process would have the cohort do; the largest counts


@dataclass
class Pending:
    """A chunk that the device may still be running."""

    work: Work
    report: Report
    validation: Validation | None
    columns: np.ndarray  # where the active rows are in the report
    vote: jax.Array | None  # of a team of several
    sent: float  # seconds


class CohortRun(Setup):
    """One cohort on one group of devices. `cursor` says how far it is; `on_begin` is called when its programs are
    compiled and its state is there, `on_chunk` after each chunk; in each process of its team.
    """

    def __init__(
        self,
        cohort: Cohort,
        group: list[Device],
        trial: int,
        data: tuple[np.ndarray, np.ndarray],
        settings: Settings,
        team: Team = ALONE,
    ):
        """Nothing is compiled or put on a device yet.

        Args:
            group, trial: a mesh (trial, len(group) / trial).
            data: training tokens and validation windows.
            team: the processes whose devices the group has.
        """
        super().__init__(cohort, group, trial, data, settings, team)
        self.cohort = cohort
        self.cursor = Cursor.start(self.rows)
        self.on_begin: Callable[[CohortRun], None] = lambda run: None
        self.on_chunk: Callable[[CohortRun], None] = lambda run: None
        self.away = Away()
        self.attempt = 1
        self.vote = GO  # of the chunks that were read back since the last save
        self.unconfirmed: int | None = None  # number of a save that may still be under way
        self.saved = 0.0  # seconds; when the last save was begun
        self.last_end = 0.0  # seconds; when the last chunk was read back
        self.published = 0  # rows of the loss table that are written
        self.trained_s = 0.0  # seconds of device time since the run was made
        self.pace = 0.0  # seconds that a step of a row took in the last chunk

    @property
    def longest(self) -> float:
        """Seconds of a chunk of all rows, as the last chunk went."""
        return self.pace * self.machine.steps * len(self.rows)

    @property
    def left(self) -> float:
        """FLOPs to train until the end."""
        cursor, rows, shape = self.cursor, self.rows, self.cohort.shape
        to_go = [r for r in range(len(rows)) if cursor.can_run(rows, r) or cursor.awaits(rows, r)]
        steps = sum(rows[r].end - max(cursor.step[r], rows[r].start) for r in to_go)
        return steps * shape.batch_tokens * counting.train_flops_per_token(shape)

    def shrink(self) -> None:
        """After the device ran out of memory: the next choice. Raises Refusal where there is none."""
        self.settle(self.machine.execution)
        self.cursor = Cursor.start(self.rows)

    def run(self, stop: threading.Event, attempt: int = 1) -> Cursor:
        """Train to the end, or until `stop` is set: then the state is saved and Partial raised.

        Args:
            attempt: its number, like no other's of this cohort: what it leaves is named by it.
        """
        self.machine.watch.stop = stop
        self.attempt = attempt
        with jax.set_mesh(self.mesh):
            checkpoints = Checkpoints(self.settings.saves, self.settings.keep, self.team, attempt)
            try:
                self.train(checkpoints, stop)
            except Partial:
                self.tell(stopped=self.cursor.chunks)
                checkpoints.close()
                raise
            except BaseException:
                if self.team.alone:  # of several the others may never come to the end of a save: the gang ends
                    with contextlib.suppress(InputError, OSError, ValueError):  # if it fails, too, it is not the cause
                        checkpoints.close()
                raise
            finally:
                self.machine.feeder.close()
            checkpoints.close()
        return self.cursor

    def train(self, checkpoints: Checkpoints, stop: threading.Event) -> None:
        self.warm()
        states = self.begin(checkpoints)
        pending: Pending | None = None
        self.saved = time.monotonic()
        while True:
            wish = self.wish(stop)
            if asked := wish if self.team.alone else self.vote:
                self.drain(pending)
                pending, asked = None, max(asked, self.vote)
                self.save(checkpoints, states, stop, wait=asked == STOP)
                if asked == STOP:
                    raise Partial(STOPPED)
            ahead, work = self.next()
            if work is not None and (missing := self.missing(work)):
                self.drain(pending)  # first, so that compiling is not counted as training
                pending = None
                self.team.watch.doing(f"compiling cohort {self.cohort.hash}", COMPILING)
                with contextlib.suppress(Partial):  # a stop: seen, and saved for, at the top
                    for compile in missing:
                        compile()
                self.team.meet()
                continue
            self.cursor = ahead
            if work is None and pending is None:
                self.save(checkpoints, states, stop, wait=True)  # the trained models, for whoever wants them
                return
            sent = None
            if work is not None:  # before the last chunk is read, so that the device never waits for the host
                states, sent = self.send(states, work, wish)
                if (following := self.next()[1]) is not None:  # what comes then, unless some row diverges
                    self.machine.foresee(*self.read_by(following))
            self.drain(pending)
            pending = sent

    def next(self) -> tuple[Cursor, Work | None]:
        """The chunk after all that are planned, None at the end, and the cursor once it is planned, too."""
        ahead = dataclasses.replace(self.cursor, step=[*self.cursor.step], forked=[*self.cursor.forked])
        limits = {"steps": self.machine.steps, "at_once": self.at_once, "curve_points": self.settings.curve_points}
        return ahead, next_work(self.rows, ahead, **limits)

    def chosen(self, work: Work) -> np.ndarray:
        """The rows that the program of a chunk holds, in its order."""
        return np.arange(len(self.rows), dtype=np.int32) if self.mode == "map" else work.active

    def read_by(self, work: Work) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the rows that the program of a chunk holds: data seed, first step, steps to take (0: it idles)."""
        chosen, count = self.chosen(work), self.rows_for(len(work.active))
        seeds = np.array([self.rows[r].hyper.data_seed for r in chosen], np.uint32)
        taken = np.minimum(work.until - work.start, self.machine.steps)
        seeds, first, taken = (pad_to(x, count, 0) for x in (seeds, work.start[chosen], taken[chosen]))
        return seeds, first, taken

    def wish(self, stop: threading.Event) -> int:
        """What this process votes for. Whether it is time to save the leader's clock says."""
        if stop.is_set():
            return STOP
        due = time.monotonic() - self.saved > 60 * self.settings.checkpoint_minutes
        return SAVE if due and self.team.leads else GO

    def begin(self, checkpoints: Checkpoints) -> State:
        """Fresh states, or those of the newest checkpoint."""
        found = checkpoints.restore(
            state.abstract_states(self.cohort.shape, self.mesh, self.slots),  # never two states on a device
            expected=self.team.share(lambda: self.log.has("saved")),
            warn=lambda text: self.tell(warning=text),
        )
        if found is not None:
            states, cursor = found
            self.cursor = Cursor.load(cursor)
            if not self.cursor.of(self.rows):
                raise Refusal(
                    "checkpoint_missing",
                    f"{checkpoints.folder}: written by another version, its rows are in another order; go on with that "
                    "version, or, while no worker trains it, delete the cohort's folder to start it again",
                )
        else:
            pad = [self.rows[0].hyper] * (self.slots - len(self.rows))
            states = self.machine.init(state.stack([row.hyper for row in self.rows] + pad))
        self.cursor.attempts = self.attempt
        self.published = 0  # in the files of this attempt
        how = dataclasses.asdict(self.machine.execution)
        how |= {"mesh": dict(self.mesh.shape), "tokens": "fed" if self.machine.fed else "resident"}
        self.tell(begun=self.attempt, owner=owner(), chunk=self.cursor.chunks, left=self.left, **how)
        self.on_begin(self)
        return states

    def send(self, states: State, work: Work, wish: int) -> tuple[State, Pending]:
        """Dispatch a chunk; returns at once."""
        machine = self.machine
        if work.source is not None:
            states = machine.branch(states, work.source)
        chosen = self.chosen(work)
        columns = work.active if self.mode == "map" else np.arange(len(work.active))
        count = self.rows_for(len(work.active))
        hypers = [self.rows[r].hyper for r in chosen]
        stacked = state.stack(hypers + [hypers[0]] * (count - len(hypers)))
        until, wanted = (pad_to(x[chosen], count, 0) for x in (work.until, work.wanted))
        everyone = count == self.slots and self.mode == "map"
        where = pad_to(chosen, count, self.slots)
        some = states if everyone else machine.copy_rows(states, where)
        batches = machine.batches(*self.read_by(work))
        arguments = machine.by_trial((stacked, until))
        chunk = machine.chunk(count)
        validate = machine.validation(count) if wanted.any() else None
        sent = time.monotonic()
        some, report = chunk(batches, some, *arguments)
        validation = validate(machine.val, some.params, machine.by_trial(wanted)) if validate else None
        vote = None
        if not self.team.alone:  # some rows are on another host's devices
            (report, validation), vote = program.make_readable(self.mesh)((report, validation), machine.votes(wish))
        states = some if everyone else machine.put_rows(states, some, where)
        return states, Pending(work, report, validation, columns, vote, sent)

    def drain(self, pending: Pending | None) -> None:
        """Wait for a chunk and read it back."""
        if pending is None:
            return
        columns, (losses, step, diverged) = pending.columns, jax.device_get(pending.report)
        val = Validation(*(x[columns] for x in jax.device_get(pending.validation))) if pending.validation else None
        if pending.vote is not None:
            self.vote = max(self.vote, int(jax.device_get(pending.vote)))
        now = time.monotonic()
        seconds = now - max(pending.sent, self.last_end)
        self.last_end = now
        self.trained_s += seconds
        mine = Report(losses[:, columns], step[columns], diverged[columns])
        steps = absorb(self.rows, self.cursor, pending.work, mine, val, seconds)
        self.pace = seconds / max(1, steps)
        done = {"chunk": self.cursor.chunks, "seconds": round(seconds, 4), "steps": steps, "left": self.left}
        self.tell(**done, rows=self.standing(pending.work))
        self.on_chunk(self)

    def standing(self, work: Work) -> dict[str, Any]:
        """Step of each row that ran, by key; a frozen row by the step it diverged at, negative."""
        cursor = self.cursor
        active = work.active.tolist()
        return {self.rows[r].key: int(work.end[r]) if cursor.alive(r) else -cursor.diverged[r] for r in active}

    def save(self, checkpoints: Checkpoints, states: State, stop: threading.Event, *, wait: bool) -> None:
        """Begin a save. Where the store is away it is left for the next time, or with `wait` tried until it works."""

        def once() -> None:
            try:
                self.confirm(checkpoints)
                checkpoints.save(self.cursor.chunks, states, self.cursor.as_dict())
                self.unconfirmed = self.cursor.chunks
                if wait:
                    self.confirm(checkpoints)
            except (InputError, OSError, ValueError) as error:
                if self.team.alone and passing(error):
                    checkpoints.forget()
                    self.unconfirmed = None
                raise

        if not self.team.alone:  # its members cannot tell one another within a save that it failed: the gang ends
            once()
        elif wait:
            self.away.until("checkpoints", once, stop)
        else:
            self.away.kept("checkpoints", once)
        self.saved, self.vote = time.monotonic(), GO

    def confirm(self, checkpoints: Checkpoints) -> None:
        """Log the last save once it is on disk: what the log calls saved must exist when the run is resumed."""
        if self.unconfirmed is not None:
            self.team.watch.doing(f"saving cohort {self.cohort.hash}", SAVING)
            checkpoints.wait()
            self.tell(saved=self.unconfirmed)
            self.unconfirmed = None


def pad_to(values: np.ndarray, length: int, fill: int) -> np.ndarray:
    """`values` and then `fill`, up to `length`."""
    return np.concatenate([values, np.full(length - len(values), fill, values.dtype)])
