"""A sweep from its config to its loss table, and the one larger run that decides a forecast."""

import dataclasses
from typing import Any

import pyarrow as pa

from sweep import files
from sweep.config import Sweep
from sweep.design import families, table
from sweep.design.trial import Trial
from sweep.storage import Location
from sweep.train import engine, store
from sweep.train.data.shards import Corpus, as_dict
from sweep.train.devices import platform
from sweep.train.gang import agreement
from sweep.train.gang.team import ALONE, Team
from sweep.train.progress import Quiet

FORECAST = "forecast"  # folder, below a run directory, of the run that decides its forecast


def train_sweep(
    sweep: Sweep, corpus: Corpus, out: Location, progress: Quiet | None = None, gang: Team = ALONE
) -> pa.Table:
    """Design and train every family of a sweep in `out`; returns the loss table. All processes of a gang call it.

    Raises:
        Refusal: a family that cannot be built, a horizon longer than the corpus, `out` holding another sweep,
            hosts that disagree.
        InputError: memory.micro_batches does not divide some batch.
        Partial: stopped by a signal, or some cohorts failed; the same call continues.
    """
    agreement.same_data(gang, corpus)
    plan = families.plan(
        sweep, vocab=corpus.vocab, data=corpus.fingerprint, unique_tokens=corpus.unique_tokens, platform=platform()
    )
    engine.check(sweep, plan.trials, gang)

    def begin() -> None:
        store.claim(out, sweep, as_dict(corpus.manifest))
        table.write(plan.trials, out / "plan.parquet")

    gang.share(begin)
    agreement.same_folder(gang, out)
    if sweep.checkpoint.folder:
        agreement.same_folder(gang, files.local(sweep.checkpoint.folder), "--checkpoint.folder")
    return engine.run(sweep, plan.trials, out, corpus, progress, gang)


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
