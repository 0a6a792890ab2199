"""A sweep from its config to its loss table, and the one larger run that decides a forecast."""

import dataclasses
from collections.abc import Collection
from typing import Any

import pyarrow as pa

from sweep import config, files
from sweep.config import Sweep
from sweep.design import families, table
from sweep.design.cohorts import cohorts
from sweep.design.trial import Trial
from sweep.errors import Refusal
from sweep.storage import Location
from sweep.tables.cohorts import named
from sweep.train import engine, outcome, store
from sweep.train.data.build import open_data
from sweep.train.data.selection import Progress as Moves
from sweep.train.data.selection import silent
from sweep.train.data.shards import Corpus, as_dict
from sweep.train.devices import platform
from sweep.train.gang import agreement
from sweep.train.gang.team import ALONE, Team
from sweep.train.progress import Quiet
from sweep.versions import code, differing, installed

FORECAST = "forecast"  # folder, below a run directory, of the run that decides its forecast
DECISIVE = ("isoflop", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint")  # what workers of one sweep have in common


def train_sweep(
    sweep: Sweep,
    corpus: Corpus,
    out: Location,
    progress: Quiet | None = None,
    gang: Team = ALONE,
    but: Collection[str] = (),
) -> pa.Table:
    """Design and train every family of a sweep in `out`; returns the loss table. All processes of a gang call it.

    Args:
        but: hashes of cohorts that are left alone.

    Raises:
        Refusal: a family that cannot be built, a horizon longer than the corpus, `out` holding another sweep,
            hosts that disagree.
        InputError: memory.micro_batches does not divide some batch.
        Partial: stopped by a signal, or some cohorts failed; the same call continues.
    """
    agreement.same_data(gang, corpus)
    trials = trials_of(sweep, corpus, platform())
    engine.check(sweep, trials, gang)
    gang.share(lambda: begin(sweep, trials, corpus, out))
    if progress is not None and gang.leads and (others := other_code(store.read(out))):
        progress.note(f"{out} was begun with {'; '.join(others)}: what follows is trained by other code than its start")
    agreement.same_folder(gang, out)
    if sweep.checkpoint.folder:
        agreement.same_folder(gang, files.local(sweep.checkpoint.folder), "--checkpoint.folder")
    return engine.run(sweep, trials, out, corpus, progress, gang, but)


def trials_of(sweep: Sweep, corpus: Corpus, on: str) -> list[Trial]:
    """The trials of a sweep as they are designed for a platform. Raises Refusal as `train_sweep`."""
    shape = {"vocab": corpus.vocab, "data": corpus.fingerprint, "unique_tokens": corpus.unique_tokens}
    return families.plan(sweep, **shape, platform=on).trials


def begin(sweep: Sweep, trials: list[Trial], corpus: Corpus, out: Location, on: str = "") -> None:
    """Make `out` the run directory of a sweep, with its plan. Raises as `store.claim`.

    Args:
        on: the platform that it is designed for, where that is not this machine's.
    """
    store.claim(out, sweep, as_dict(corpus.manifest), on)
    table.write(trials, out / "plan.parquet")


def plan_sweep(sweep: Sweep, corpus: Corpus, out: Location, on: str) -> list[Trial]:
    """Lay out the run directory of a sweep for workers, without training; returns the trials.

    Args:
        on: the platform of the workers: cpu, gpu or tpu.

    Raises:
        Refusal, InputError: as `train_sweep`.
    """
    trials = trials_of(sweep, corpus, on)
    begin(sweep, trials, corpus, out, on)
    every = cohorts(trials)
    done = outcome.done_of(out, every)
    outcome.lay_out(out, every, [cohort for cohort in every if cohort.hash not in done])
    return trials


def train_planned(
    out: Location,
    progress: Quiet | None = None,
    but: Collection[str] = (),
    only: Collection[str] = (),
    moves: Moves = silent,
    gang: Team = ALONE,
) -> pa.Table:
    """Train what is left of a run directory that was laid out or begun before; returns the loss table.

    Args:
        but: hashes of cohorts that are left alone.
        only: hashes of those that are not; none: all others.
        moves: called while the corpus is read.

    Raises:
        InputError: no run directory, or no corpus where its config says.
        Refusal: `another_code`, `another_platform`: it was planned by other code, or for other devices; else as
            `train_sweep`.
        Partial: as `train_sweep`; also where others train the rest.
    """
    record = store.read(out)
    refuse_other_code(out, record)
    planned, here = record["device"]["platform"], platform()
    if planned != here:
        raise Refusal(
            "another_platform",
            f"{out} was planned for {planned}, and this worker has {here}; lay out another directory with "
            f"--engine none --platform {here}",
        )
    sweep = config.from_dict(record["config"])
    but = {*but, *(name for name in named(out) if only and name not in only)}
    return train_sweep(sweep, open_data(sweep.data, moves), out, progress, gang, but)


def refuse_other_code(out: Location, record: dict[str, Any]) -> None:
    """Raise Refusal `another_code` where a directory was laid out by other code, or with other packages."""
    if different := other_code(record):
        raise Refusal(
            "another_code",
            f"{out} was laid out with {'; '.join(different)}; give every worker the same code, or repeat `sweep run "
            "CONFIG --engine none` in another directory",
        )


def other_code(record: dict[str, Any]) -> list[str]:
    """What of the code and the packages that decide losses is not what a directory was begun with."""
    different = [line for line in differing(record["versions"], installed()) if line.split()[0] in DECISIVE]
    if record["source"] not in (None, code()):
        different.append(f"the code of sweep {record['source']}, now {code()}")
    return different


def train_decider(
    sweep: Sweep, trial: Trial, corpus: Corpus, out: Location, progress: Quiet | None = None
) -> dict[str, Any]:
    """Train the run that a forecast speaks of in a directory of its own, so that it can never enter the fit that
    foretold it; returns its row of the loss table. Raises as `train_sweep`.
    """
    keeping, folder = sweep.checkpoint, out / FORECAST
    if keeping.folder:
        keeping = dataclasses.replace(keeping, folder=str(files.local(keeping.folder) / FORECAST))
    alone = dataclasses.replace(sweep, name=f"{sweep.name}-{FORECAST}", trunk=False, checkpoint=keeping)
    engine.check(alone, [trial])
    store.claim(folder, alone, as_dict(corpus.manifest))
    losses = engine.run(alone, [trial], folder, corpus, progress)
    return next(row for row in losses.to_pylist() if row["trial"] == trial.id)
