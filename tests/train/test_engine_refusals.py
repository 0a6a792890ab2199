"""What a sweep is refused for before anything is trained or written."""

import dataclasses

import pytest

from sweep.config import Memory
from sweep.errors import InputError
from sweep.train import engine, launch, store
from sweep.train.cohort import CohortRun
from sweep.train.data.shards import Corpus, as_dict, open_folder
from tests.train import corpora
from tests.train.tiny import make_trial


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    return open_folder(corpora.write(tmp_path_factory.mktemp("engine") / "tokens"))


def no_training(*_):
    raise AssertionError("there was nothing to train")


def test_too_little_text_is_told_before_anything_is_trained(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(CohortRun, "run", no_training)
    few = dataclasses.replace(corpus, train=corpus.train[:100])
    sweep = corpora.sweep_on("tokens")
    store.claim(tmp_path / "run", sweep, as_dict(few.manifest))
    with pytest.raises(InputError, match="less than a batch"):
        engine.run(sweep, [make_trial(steps=20)], tmp_path / "run", few)


def test_micro_batches_that_do_not_divide_are_told_before_a_folder_is_written(corpus, tmp_path):
    asked = dataclasses.replace(corpora.sweep_on("tokens"), memory=Memory(micro_batches=3))
    with pytest.raises(InputError, match=r"memory\.micro_batches is 3; it must divide"):
        launch.train_sweep(asked, corpus, tmp_path / "run")
    assert not (tmp_path / "run").exists()
