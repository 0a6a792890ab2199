"""What a cohort leaves in its folder: what it is, its rows and curves, and the mark that it is done."""

import json
import time
from collections.abc import Sequence

from sweep import files, storage
from sweep.design.cohorts import Cohort
from sweep.storage import Address, Location
from sweep.tables import io
from sweep.tables.cohorts import DONE, FOLDER, name_of, write_index
from sweep.tables.schema import CURVES, table_of
from sweep.train import results
from sweep.train.cohort import CohortRun
from sweep.train.eta import Stand
from sweep.train.history import stand_of
from sweep.train.log import LOG, Log

NOTHING = -1  # rows that are published: not even a file without any


def folder_of(out: Location, cohort: Cohort) -> Location:
    """Where a cohort keeps its spec, log and rows, and its checkpoints unless those have a folder of their own."""
    return out / FOLDER / cohort.hash


def done_of(out: Location, cohorts: Sequence[Cohort]) -> set[str]:
    """Hashes of those that are trained to their end."""
    marks = storage.read_many([folder_of(out, cohort) / DONE for cohort in cohorts])
    return {cohort.hash for cohort, mark in zip(cohorts, marks, strict=True) if mark is not None}


def write_spec(folder: Location, cohort: Cohort) -> None:
    """What the cohort is, for `status`, workers and people."""
    trials = [results.planned(t) | {"steps": t.steps} for t in cohort.trials]
    spec = {"hash": cohort.hash, "flops": cohort.flops, "trials": trials}
    files.write_text(folder / "spec.json", json.dumps(spec, indent=1))


def lay_out(out: Location, every: Sequence[Cohort], waiting: Sequence[Cohort]) -> None:
    """Name every cohort of a run directory, and say of those that are not done what they are."""
    write_index(out, [cohort.hash for cohort in every])
    for cohort in waiting:
        write_spec(folder_of(out, cohort), cohort)


def trained_before(out: Location, cohort: Cohort) -> Stand:
    """How a cohort that is done was trained: its speed is a guess at that of the others."""
    return stand_of(Log(folder_of(out, cohort) / LOG).events(), cohort.flops, done=True, now=time.time())


def left_of(out: Location, cohorts: Sequence[Cohort]) -> dict[str, float]:
    """Share of its work that each cohort which is not done has still to do, by hash; above 0 also where only the mark
    is missing that it is done.
    """
    done = done_of(out, cohorts)

    def left(cohort: Cohort) -> float:
        events = Log(folder_of(out, cohort) / LOG).events()
        return max(stand_of(events, cohort.flops, done=False, now=time.time()).left / cohort.flops, 1e-6)

    waiting = [cohort for cohort in cohorts if cohort.hash not in done]
    return dict(zip((c.hash for c in waiting), storage.each(left, waiting, out), strict=True))


def publish(training: CohortRun, origin: results.Origin) -> None:
    """Write the rows and curves of the trials that have ended, where there are more of them than were written.

    A file of an attempt is written anew each time, whole: repeating it changes nothing.
    """
    rows = results.ended_rows(training, origin)
    if len(rows) == training.published:
        return
    folder, attempt = training.settings.folder, training.cursor.attempts
    io.write(table_of(results.curve_rows(training), CURVES), folder / name_of("curves", attempt))
    io.write(table_of(rows), folder / name_of("rows", attempt))
    training.published = len(rows)


def open_attempt(training: CohortRun, origin: results.Origin) -> None:
    """Write the files of an attempt as it begins, in a store: there they are asked for by number, without gaps."""
    if isinstance(training.settings.folder, Address):
        training.published = NOTHING
        publish(training, origin)


def finish(training: CohortRun, origin: results.Origin) -> None:
    """Write a finished cohort's rows and curves, all of them; it counts as done once it is marked so."""
    training.published = NOTHING
    publish(training, origin)


def record_failure(out: Location, cohort: Cohort, origin: results.Origin, error: Exception) -> None:
    """Rows of a cohort that the device refused; it is tried again when the command is repeated."""
    reason = str(error).splitlines()[0][:300]
    rows = [
        {**results.planned(t), "sweep": origin.sweep, "status": "failed", "reason": reason, "code": origin.code}
        for t in cohort.trials
    ]
    io.write(table_of(rows), folder_of(out, cohort) / name_of("rows", 0))
