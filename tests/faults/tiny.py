"""A sweep of two cohorts and three trials, trained in seconds; what is compared afterwards."""

import dataclasses
from pathlib import Path

import pyarrow as pa

from sweep import config
from sweep.design import table
from sweep.design.cohorts import Cohort, cohorts
from sweep.tables import io
from sweep.train import engine, store
from sweep.train.data.shards import Corpus, as_dict
from sweep.train.outcome import folder_of
from tests.train import corpora
from tests.train.tiny import TINY, make_trial

OTHER = dataclasses.replace(TINY, width=16, ffn=24)
TRIALS = [
    *(make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30)),
    make_trial(OTHER, steps=24, seed=1, budget=2e9),
]
SWEEP = dataclasses.replace(corpora.sweep_on("tokens"), checkpoint=config.Checkpoint(minutes=1e-9))


def train(out: Path, corpus: Corpus, sweep: config.Sweep = SWEEP) -> pa.Table:
    """As `sweep run` does, with these trials; returns the loss table."""
    store.claim(out, sweep, as_dict(corpus.manifest))
    table.write(TRIALS, out / "plan.parquet")
    return engine.run(sweep, TRIALS, out, corpus)


def first(out: Path) -> tuple[Cohort, Path]:
    """The cohort of two trials, and its folder."""
    cohort = next(c for c in cohorts(TRIALS) if len(c.trials) == 2)
    return cohort, Path(str(folder_of(out, cohort)))


def losses(out: Path) -> dict[str, tuple[str, float | None]]:
    """Status and loss by trial, in the merged table."""
    return {row["trial"]: (row["status"], row["loss"]) for row in io.read(out / "losses.parquet").to_pylist()}


def curves(out: Path) -> pa.Table:
    """The merged curves, in one order."""
    return io.read(out / "curves.parquet").sort_by([("trial", "ascending"), ("step", "ascending")])
