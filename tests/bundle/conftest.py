"""A tiny sweep that was trained and fitted, and a fit of a table, for the tests of bundles."""

from pathlib import Path

import numpy as np
import pytest

from sweep.design import families, table
from sweep.design.cohorts import cohorts
from sweep.design.trial import Trial
from sweep.fit import fit
from sweep.tables import io
from sweep.tables.schema import table_of
from sweep.train import outcome, store
from sweep.train.data.shards import as_dict, open_folder
from sweep.train.results import planned
from tests.train import corpora


@pytest.fixture(scope="session")
def tokens(tmp_path_factory) -> Path:
    return corpora.write(tmp_path_factory.mktemp("bundle") / "tokens")


@pytest.fixture(scope="session")
def trained(tmp_path_factory, tokens: Path) -> Path:
    """A run directory with its fit. Nothing may write into it."""
    return write_trained(tmp_path_factory.mktemp("bundle") / "tiny", tokens)


def write_trained(out: Path, tokens: Path) -> Path:
    """A run directory with its fit, as training on `tokens` would leave it; its losses follow a law."""
    sweep, corpus = corpora.sweep_on(str(tokens)), open_folder(tokens)
    shape = {"vocab": corpus.vocab, "data": corpus.fingerprint, "unique_tokens": corpus.unique_tokens}
    trials = families.plan(sweep, **shape, platform="cpu").trials
    store.claim(out, sweep, as_dict(corpus.manifest))
    table.write(trials, out / "plan.parquet")
    for cohort in cohorts(trials):
        folder = outcome.folder_of(out, cohort)
        outcome.write_spec(folder, cohort)
        io.write(table_of(map(row, cohort.trials)), folder / "rows-001.parquet")
    fit(out, law="additive_tied", bootstrap=0, diagnostics=False).save(out / "fit")
    return out


def row(trial: Trial) -> dict:
    """A finished trial whose loss follows the additive law."""
    loss = 1.0 + 8 / trial.params.with_head**0.3 + 15.3 / trial.tokens**0.3
    how = {"device": "cpu", "mesh": "1x1", "mode": "map", "attention": "xla", "remat": "none", "micro_batches": 1}
    return {**planned(trial), "status": "done", "loss": loss, "loss_se": 0.01, "epochs": 0.1, "attempts": 1, **how}


def write_table(file: Path) -> Path:
    """Twelve runs of a known law with little noise, params and tokens crossed."""
    rng = np.random.default_rng(3)
    lines = ["N,D,val_loss"]
    for params in (1e6, 4e6, 1.6e7, 6.4e7):
        for ratio in (5, 20, 80):
            loss = 1.7 + 400 / params**0.34 + 2000 / (params * ratio) ** 0.37
            lines.append(f"{params:.0f},{params * ratio:.0f},{loss * np.exp(0.002 * rng.standard_normal())!r}")
    file.write_text("\n".join(lines).replace("np.float64(", "").replace(")", "") + "\n")
    return file


@pytest.fixture
def fitted(tmp_path: Path) -> Path:
    """The directory of a fit of losses.csv beside it."""
    table = write_table(tmp_path / "losses.csv")
    columns = {"params": "N", "tokens": "D", "loss": "val_loss"}
    fit(str(table), columns=columns, bootstrap=40, diagnostics=False).save(tmp_path / "fit")
    return tmp_path / "fit"
