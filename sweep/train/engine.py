"""Training a sweep on this machine: cohorts dealt to lanes of devices, each in its own folder of the run directory.

Safe to stop at any moment and to start again with the same command: what is done is kept, what was under way continues
from its last checkpoint.
"""

import json
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import numpy as np
import pyarrow as pa

from sweep import files
from sweep.config import Sweep
from sweep.design.cohorts import Cohort, cohorts
from sweep.design.trial import Trial
from sweep.errors import InputError, Partial, SweepError
from sweep.tables import io
from sweep.tables.schema import CURVES, table_of
from sweep.train import devices, results, store
from sweep.train.board import Board
from sweep.train.cohort import CohortRun, Settings
from sweep.train.data.order import validation_windows
from sweep.train.data.shards import Corpus, require_windows
from sweep.train.devices import Device
from sweep.train.progress import Quiet
from sweep.train.rows import rows_of


def run(sweep: Sweep, trials: list[Trial], out: Path, corpus: Corpus, progress: Quiet | None = None) -> pa.Table:
    """Train `trials` into the run directory `out`; returns the merged loss table.

    Args:
        out: already claimed for this sweep (store.claim).
        progress: what to show while it goes on.

    Raises:
        Partial: stopped by a signal, or some cohorts failed; everything finished is in the table.
        InputError: the disk is full or the folder cannot be written.
    """
    progress = progress or Quiet()
    if sweep.tensorboard:
        progress = Board(out / "tensorboard", progress)
    todo = [c for c in cohorts(trials) if not (folder_of(out, c) / "DONE").exists()]
    for cohort in todo:
        require_windows(corpus, cohort.shape.seq_len, cohort.shape.batch)
    windows = validation_windows(corpus.val, sweep.architecture.seq_len, sweep.data.val_tokens)
    train = np.ascontiguousarray(corpus.train)
    origin = results.Origin(sweep.name, store.versions().get("isoflop", "unknown"), len(train), corpus.bytes_per_token)
    groups = devices.lanes(jax.local_devices(), len(cohorts(trials)))  # not of what is left: a mesh decides last bits
    waiting: queue.SimpleQueue[Cohort] = queue.SimpleQueue()
    for cohort in todo:  # the most work first, so that the lanes end together
        waiting.put(cohort)
    problems: list[BaseException] = []

    def lane(group: list[Device], stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                cohort = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                one(cohort, group, stop)
            except SweepError as error:
                problems.append(error)
            except OSError as error:
                stop.set()
                problems.append(
                    InputError(f"{out}: {error.strerror or error}; free some space, then repeat the command")
                )
            except jax.errors.JaxRuntimeError as error:
                progress.failed(cohort, str(error).splitlines()[0])
                record_failure(out, cohort, origin, error)
                problems.append(Partial(f"cohort {cohort.hash} failed: {str(error).splitlines()[0]}"))
            except BaseException as error:  # a fault of ours: end every lane, and let the caller see it whole
                stop.set()
                problems.append(error)

    def one(cohort: Cohort, group: list[Device], stop: threading.Event) -> None:
        folder = folder_of(out, cohort)
        write_spec(folder, cohort)
        settings = Settings(folder, sweep.curve_points, sweep.checkpoint.minutes, sweep.checkpoint.keep, sweep.memory)
        trial = trial_axis(len(rows_of(cohort)), len(group))
        if group[0].platform == "cpu":
            group = group[:trial]  # cores already share one step's work: splitting its batch as well only adds waiting
        training = CohortRun(cohort, group, trial, (train, windows), settings)
        training.on_chunk = progress.update
        training.run(stop)
        finish(training, origin)
        progress.done(training)

    with interruptible() as stop:
        threads = [threading.Thread(target=lane, args=(group, stop), daemon=True) for group in groups]
        with progress.showing(todo, len(cohorts(trials)) - len(todo)):
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():  # in slices, so that signals are seen
                    thread.join(0.2)
    losses = io.merge(out)
    for problem in sorted(problems, key=lambda p: isinstance(p, Partial)):
        raise problem
    return losses


def trial_axis(rows: int, devices: int) -> int:
    """Devices along the trial axis: the most that divide the group without leaving a device idle."""
    return max(t for t in range(1, devices + 1) if devices % t == 0 and t <= rows)


def folder_of(out: Path, cohort: Cohort) -> Path:
    """Where a cohort keeps its spec, log, checkpoints and rows."""
    return out / "cohorts" / cohort.hash


def write_spec(folder: Path, cohort: Cohort) -> None:
    """What the cohort is, for `status` and for people."""
    spec = {"hash": cohort.hash, "trials": [results.planned(t) | {"steps": t.steps} for t in cohort.trials]}
    files.write_text(folder / "spec.json", json.dumps(spec, indent=1))


def finish(training: CohortRun, origin: results.Origin) -> None:
    """Write a finished cohort's rows and curves, then the mark that it is done."""
    folder, attempt = training.settings.folder, training.cursor.attempts
    io.write(table_of(results.curve_rows(training), CURVES), folder / f"curves-{attempt:03d}.parquet")
    io.write(table_of(results.loss_rows(training, origin)), folder / f"rows-{attempt:03d}.parquet")
    files.write_text(folder / "DONE", "")


def record_failure(out: Path, cohort: Cohort, origin: results.Origin, error: Exception) -> None:
    """Rows of a cohort that the device refused; it is tried again when the command is repeated."""
    reason = str(error).splitlines()[0][:300]
    rows = [
        {**results.planned(t), "sweep": origin.sweep, "status": "failed", "reason": reason, "code": origin.code}
        for t in cohort.trials
    ]
    io.write(table_of(rows), folder_of(out, cohort) / "rows-000.parquet")


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second Ctrl-C ends the process at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
