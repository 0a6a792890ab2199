"""Corpora as configs name them: text, shards and what is embedded, built once."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.config import Data
from sweep.errors import InputError, Refusal
from sweep.train.data import build as module
from sweep.train.data import inputs
from sweep.train.data.build import build, open_data
from tests.train.data.corpora import jsonl


def test_text_of_a_config_is_built_once_as_data_build_does(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    config = Data(path=str(text), val_fraction=0.2)
    corpus = open_data(config)
    assert corpus.manifest.name == "text"
    assert corpus.fingerprint == build([str(text)], out=tmp_path / "data", val_fraction=0.2).fingerprint
    assert open_data(Data(path=str(tmp_path / "data"))).fingerprint == corpus.fingerprint
    with monkeypatch.context() as patch:
        patch.setattr(module, "build", None)  # calling it would raise
        assert open_data(config).fingerprint == corpus.fingerprint
    (text / "00.txt").write_text("other text")
    assert open_data(config).fingerprint != corpus.fingerprint


def test_text_of_a_config_takes_the_same_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(jsonl([f"record {i}" for i in range(50)], "content")))
    with pytest.raises(
        InputError, match=r"no field 'text'; it has 'id', 'content': name the text with --text-field"
    ) as no:
        open_data(Data(path=str(file)))
    assert "SWEEP_CACHE" not in str(no.value)
    assert open_data(Data(path=str(file), text_field="content")).manifest.text_field == "content"
    file.write_bytes(gzip.compress(jsonl([f"record {i}" for i in range(50)]) + b'{"text": null}\n'))
    with pytest.raises(
        Refusal, match=r"2\.0% of the input cannot be used: a\.jsonl\.gz \(\d+ bytes: 1 of 51 records null"
    ):
        open_data(Data(path=str(file)))
    assert open_data(Data(path=str(file), allow_skips=True)).manifest.train.documents


# Embedded corpora


@pytest.fixture
def library(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small standard library, and a cache of its own."""
    for path in text.iterdir():
        path.rename(path.with_suffix(".py"))
    monkeypatch.setattr(inputs.sysconfig, "get_path", lambda _: str(text))
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    return text


def test_an_embedded_corpus_is_built_once(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config = Data(path="python:stdlib", val_fraction=0.2)
    first = open_data(config)
    assert first.manifest.name == "python:stdlib"
    with monkeypatch.context() as patch:
        patch.setattr(module, "build", None)  # calling it would raise
        assert open_data(config).fingerprint == first.fingerprint
    (library / "00.py").write_text("changed = True\n")
    assert open_data(config).fingerprint != first.fingerprint
    assert len(list((tmp_path / "cache" / "data").iterdir())) == 2


def test_a_touched_library_is_the_same_data(library: Path):
    config = Data(path="python:stdlib", val_fraction=0.2)
    first = open_data(config)
    for path in library.iterdir():
        path.touch()
    assert open_data(config).fingerprint == first.fingerprint


def test_a_race_between_two_builders_is_won_by_both(library: Path, monkeypatch: pytest.MonkeyPatch):
    find = module.overlap.find

    def other_process_first(*args: Any):  # it finishes while this one is still comparing the splits
        monkeypatch.setattr(module.overlap, "find", find)
        open_data(config)
        return find(*args)

    monkeypatch.setattr(module.overlap, "find", other_process_first)
    config = Data(path="python:stdlib", val_fraction=0.2)
    corpus = open_data(config)
    assert len(corpus.train) == corpus.manifest.train.tokens


def test_a_cache_that_cannot_be_written_is_named(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot write: Not a directory.*SWEEP_CACHE"):
        open_data(Data(path="python:stdlib"))


def test_unknown_corpora_and_empty_folders_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="there are python:stdlib and python:site"):
        open_data(Data(path="python:stlib"))
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="sweep data build"):
            open_data(Data(path=str(path)))
    with pytest.raises(InputError, match="gs://bucket/corpus: files at gs:// cannot be read"):
        open_data(Data(path="gs://bucket/corpus"))


def test_the_standard_library_opens_fast_and_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path))
    corpus = open_data(Data())
    began = time.perf_counter()
    again = open_data(Data())
    assert time.perf_counter() - began < 1
    assert again.fingerprint == corpus.fingerprint
    assert 5e6 < corpus.unique_tokens < 5e7
    assert 0.02 < len(corpus.val) / len(corpus.train) < 0.1
    text = corpus.val.astype(np.uint8).tobytes().decode()
    assert text.count("\0") == corpus.manifest.val.documents
    assert text.count("def ") > 500
    assert json.loads(json.dumps(corpus.manifest.skipped)) == corpus.manifest.skipped
