"""Training a sweep on this machine: cohorts on groups of its devices, each in its own folder of the run directory.

Safe to stop at any moment and to start again with the same command: what is done is kept, what was under way continues
from its last checkpoint.
"""

from pathlib import Path

import jax
import numpy as np
import pyarrow as pa

from sweep.config import Sweep
from sweep.design import room
from sweep.design.cohorts import cohorts
from sweep.design.placement import Place, Schedule, place
from sweep.design.trial import Trial
from sweep.errors import InputError, Partial, Refusal, SweepError
from sweep.tables import io
from sweep.train import devices, results, store
from sweep.train.board import Board
from sweep.train.capacity import is_out_of_memory
from sweep.train.cohort import CohortRun, Settings
from sweep.train.data.order import validation_windows
from sweep.train.data.shards import Corpus, require_windows
from sweep.train.devices import Device
from sweep.train.dispatch import side_by_side
from sweep.train.log import LOG, Log
from sweep.train.outcome import finish, folder_of, is_done, publish, record_failure, trained_before, write_spec
from sweep.train.precompile import Precompiled
from sweep.train.progress import Quiet
from sweep.train.stop import interruptible


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
    schedule = schedule_of(trials)
    todo = [p for p in schedule.places if not is_done(out, p.cohort)]
    for waiting in todo:
        require_windows(corpus, waiting.cohort.shape.seq_len, waiting.cohort.shape.batch)
    windows = validation_windows(corpus.val, sweep.architecture.seq_len, sweep.data.val_tokens)
    train = np.ascontiguousarray(corpus.train)
    origin = results.Origin(sweep.name, store.versions().get("isoflop", "unknown"), len(train), corpus.bytes_per_token)
    problems: list[BaseException] = []

    def prepare(place: Place, group: list[Device]) -> CohortRun:
        folder, every = folder_of(out, place.cohort), sweep.checkpoint
        settings = Settings(folder, sweep.curve_points, every.minutes, every.keep, sweep.memory)
        made = CohortRun(place.cohort, group, place.axes.trial, (train, windows), settings)
        made.machine.watch.stop = stop
        made.on_begin, made.on_chunk = progress.begun, each_chunk
        progress.prepared(made)
        return made

    def each_chunk(training: CohortRun) -> None:
        publish(training, origin)
        progress.update(training)

    programs = Precompiled(prepare, todo if devices.platform() != "cpu" else [], jax.local_devices())

    def guarded(place: Place, group: list[Device]) -> None:
        """Train, and keep what goes wrong for later: one cohort's failure does not stop the others."""
        try:
            one(place, group)
        except SweepError as error:
            if isinstance(error, Refusal) and error.code == "too_large":
                progress.failed(place.cohort, str(error))
                record_failure(out, place.cohort, origin, error)
            problems.append(error)
        except OSError as error:
            stop.set()
            problems.append(InputError(f"{out}: {error.strerror or error}; free some space, then repeat the command"))
        except jax.errors.JaxRuntimeError as error:
            progress.failed(place.cohort, str(error).splitlines()[0])
            record_failure(out, place.cohort, origin, error)
            problems.append(Partial(f"cohort {place.cohort.hash} failed: {str(error).splitlines()[0]}"))
        except BaseException as error:  # a fault of ours: end every cohort, and let the caller see it whole
            stop.set()
            problems.append(error)

    def one(place: Place, group: list[Device]) -> None:
        Log(folder_of(out, place.cohort) / LOG).write(given=len(group))
        progress.turn(place.cohort)
        training = programs.take(place, group)
        while True:
            try:
                training.run(stop)
                break
            except jax.errors.JaxRuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                training.shrink()  # and once more from the last checkpoint
        finish(training, origin)
        progress.done(training)

    for waiting in todo:
        write_spec(folder_of(out, waiting.cohort), waiting.cohort)
    everything = [p.cohort for p in schedule.places]
    done = {c.hash: trained_before(out, c) for c in everything if is_done(out, c)}
    rows = {row["trial"]: row for row in io.merged(out).to_pylist()}
    with interruptible() as stop, programs, progress.showing(everything, done, rows):
        side_by_side(todo, jax.local_devices(), guarded, stop)
    losses = io.merge(out)
    for problem in sorted(problems, key=lambda p: isinstance(p, Partial)):
        raise problem
    return losses


def schedule_of(trials: list[Trial]) -> Schedule:
    """Which devices of this machine train which cohort.

    Of the whole plan, not of what is left: a mesh decides the last bits of a loss.
    """
    group, platform = jax.local_devices(), devices.platform()
    memory = devices.memory_bytes(group[0]) if platform != "cpu" else None  # on a CPU no mesh takes less of it
    return place(cohorts(trials), len(group), platform, memory)


def check(sweep: Sweep, trials: list[Trial]) -> None:
    """Before a folder is written. Raises InputError where memory.micro_batches does not divide some cohort's batch."""
    for one in schedule_of(trials).places:
        next(room.choices(one.cohort.shape, one.axes.data, sweep.memory))
