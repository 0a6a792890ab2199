"""What a cohort leaves in its folder: what it is, its rows and curves, and the mark that it is done."""

import json
import time
from pathlib import Path

from sweep import files
from sweep.design.cohorts import Cohort
from sweep.tables import io
from sweep.tables.schema import CURVES, table_of
from sweep.train import results
from sweep.train.cohort import CohortRun
from sweep.train.eta import Stand
from sweep.train.history import stand_of
from sweep.train.log import LOG, Log

DONE = "DONE"  # in the folder of a cohort that is trained to its end


def folder_of(out: Path, cohort: Cohort) -> Path:
    """Where a cohort keeps its spec, log, checkpoints and rows."""
    return out / "cohorts" / cohort.hash


def is_done(out: Path, cohort: Cohort) -> bool:
    """Whether it is trained to its end."""
    return (folder_of(out, cohort) / DONE).exists()


def write_spec(folder: Path, cohort: Cohort) -> None:
    """What the cohort is, for `status` and for people."""
    trials = [results.planned(t) | {"steps": t.steps} for t in cohort.trials]
    spec = {"hash": cohort.hash, "flops": cohort.flops, "trials": trials}
    files.write_text(folder / "spec.json", json.dumps(spec, indent=1))


def trained_before(out: Path, cohort: Cohort) -> Stand:
    """How a cohort that is done was trained: its speed is a guess at that of the others."""
    return stand_of(Log(folder_of(out, cohort) / LOG).events(), cohort.flops, done=True, now=time.time())


def left_of(out: Path, cohort: Cohort) -> float:
    """Share of the work of a cohort that is left; above 0 also where only the mark is missing that it is done."""
    events = Log(folder_of(out, cohort) / LOG).events()
    return max(stand_of(events, cohort.flops, done=False, now=time.time()).left / cohort.flops, 1e-6)


def publish(training: CohortRun, origin: results.Origin) -> None:
    """Write the rows and curves of the trials that have ended, where there are more of them than were written.

    A file of an attempt is written anew each time, whole: repeating it changes nothing.
    """
    rows = results.ended_rows(training, origin)
    if len(rows) == training.published:
        return
    folder, attempt = training.settings.folder, training.cursor.attempts
    io.write(table_of(results.curve_rows(training), CURVES), folder / f"curves-{attempt:03d}.parquet")
    io.write(table_of(rows), folder / f"rows-{attempt:03d}.parquet")
    training.published = len(rows)


def finish(training: CohortRun, origin: results.Origin) -> None:
    """Write a finished cohort's rows and curves, all of them, then the mark that it is done."""
    training.published = 0
    publish(training, origin)
    files.write_text(training.settings.folder / DONE, "")


def record_failure(out: Path, cohort: Cohort, origin: results.Origin, error: Exception) -> None:
    """Rows of a cohort that the device refused; it is tried again when the command is repeated."""
    reason = str(error).splitlines()[0][:300]
    rows = [
        {**results.planned(t), "sweep": origin.sweep, "status": "failed", "reason": reason, "code": origin.code}
        for t in cohort.trials
    ]
    io.write(table_of(rows), folder_of(out, cohort) / "rows-000.parquet")
