"""Two runs on one directory: each cohort is trained by one of them, and the other says by whom."""

import dataclasses
import json
import time
from pathlib import Path

import jax
import pytest

from sweep import config
from sweep.design.cohorts import Cohort, cohorts
from sweep.errors import Partial
from sweep.tables import io
from sweep.train import engine, hold, outcome, store
from sweep.train.claims import Claims, Folder, lease
from sweep.train.cohort import CohortRun
from sweep.train.data.shards import Corpus, as_dict, open_folder
from sweep.train.gang.news import every
from tests.train import corpora
from tests.train.tiny import TINY, make_trial

OTHER = dataclasses.replace(TINY, width=16, ffn=24)
TRIALS = [make_trial(steps=20), make_trial(OTHER, steps=24, seed=1, budget=2e9)]
SWEEP = dataclasses.replace(corpora.sweep_on("tokens"), checkpoint=config.Checkpoint(minutes=1e-9))


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
    monkeypatch.setattr(hold, "LOOK", 0.05)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    return open_folder(corpora.write(tmp_path_factory.mktemp("claims") / "tokens"))


def train(out: Path, corpus: Corpus):
    store.claim(out, SWEEP, as_dict(corpus.manifest))
    return engine.run(SWEEP, TRIALS, out, corpus)


def rows(out: Path) -> dict:
    return {row["trial"]: row for row in io.read(out / "losses.parquet").to_pylist()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, corpus) -> dict:
    """Losses of a run that had the directory for itself."""
    out = tmp_path_factory.mktemp("claims") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
        train(out, corpus)
    return {key: row["loss"] for key, row in rows(out).items()}


def folder_of(out: Path, cohort: Cohort) -> Path:
    return Path(str(outcome.folder_of(out, cohort)))


def test_a_cohort_that_another_trains_is_left_to_it(whole, corpus, tmp_path):
    """The owner is named; what is free is trained; once it is released, the same command trains it."""
    out, (first, second) = tmp_path / "run", cohorts(TRIALS)
    store.claim(out, SWEEP, as_dict(corpus.manifest))
    claims = Claims(Folder(folder_of(out, first)), 60.0)
    other = claims.take({"host": "tpu-3", "pid": 7, "since": "noon"})
    assert other is not None
    with every(0.2, other.renew), pytest.raises(Partial) as told:
        train(out, corpus)
    assert str(told.value) == (
        "1 cohort is trained by process 7 on host tpu-3, since noon; repeat the command when that has ended"
    )
    assert {key for key, row in rows(out).items()} == {t.id for t in second.trials}
    other.release()
    train(out, corpus)
    assert {key: row["loss"] for key, row in rows(out).items()} == whole
    assert rows(out)[first.trials[0].id]["attempts"] == 2


def test_a_run_whose_cohort_was_taken_over_leaves_it_to_the_other(whole, corpus, tmp_path, monkeypatch):
    """The other is faster and ends it: all is done, and this run ends well."""
    monkeypatch.setattr(hold, "EXPIRY", 0.4)
    out, first = tmp_path / "run", cohorts(TRIALS)[0]
    folder, real = folder_of(out, first), CohortRun.run

    def slow(self, stop, attempt):
        if self.cohort != first:
            return real(self, stop, attempt)
        real(self, stop, attempt)
        outcome.finish(self, outcome.results.Origin("tiny", "0", 40_000, None))  # what the other leaves
        (folder / lease(2)).write_text('{"attempt": 2}')
        (folder / "DONE").write_text(json.dumps({"attempt": attempt}))
        while not stop.is_set():
            time.sleep(0.05)
        raise Partial("the claim is lost")

    monkeypatch.setattr(CohortRun, "run", slow)
    train(out, corpus)
    assert {key: row["loss"] for key, row in rows(out).items()} == whole


def test_a_renewal_that_breaks_lets_go_of_the_cohort(tmp_path, monkeypatch):
    claim = Claims(Folder(tmp_path), 60.0).take({"host": "here"})
    assert claim is not None
    monkeypatch.setattr(hold, "EXPIRY", 0.1)
    lost, over = hold.threading.Event(), hold.threading.Event()
    monkeypatch.setattr(type(claim), "renew", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        hold.renew(claim, lost, over)
    assert lost.is_set()
