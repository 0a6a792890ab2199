"""Shards hold exactly the text that went in, and are built once."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.config import Data
from sweep.errors import InputError
from sweep.train.data import build as module
from sweep.train.data import inputs, tokenizer
from sweep.train.data.build import build, open_data
from sweep.train.data.shards import open_folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    folder = tmp_path / "text"
    folder.mkdir()
    for i in range(60):
        (folder / f"{i:02}.txt").write_text(f"Dokument {i}: größer als {i - 1}\n" * (i + 1))
    return folder


def split_at(tokens: np.ndarray, end: int) -> list[np.ndarray]:
    return np.split(tokens, np.flatnonzero(tokens == end) + 1)[:-1]


def test_bytes_in_bytes_out(text: Path, tmp_path: Path):
    manifest = build([str(text)], out=tmp_path / "data", val_fraction=0.2)
    corpus = open_folder(tmp_path / "data")
    files = sorted(p.read_bytes() for p in text.iterdir())
    found = [t.astype(np.uint8).tobytes()[:-1] for t in (*split_at(corpus.train, 0), *split_at(corpus.val, 0))]
    assert sorted(found) == files
    assert manifest.train.documents == len(split_at(corpus.train, 0))
    assert (manifest.train.bytes or 0) + (manifest.val.bytes or 0) == sum(map(len, files)) + 60
    assert corpus.manifest == manifest
    assert manifest.name == "data"


def test_bpe_in_text_out(text: Path, tmp_path: Path):
    manifest = build([str(text)], tokenizer="bpe:300", out=tmp_path / "data", val_fraction=0.2)
    corpus = open_folder(tmp_path / "data")
    model = tokenizer.load(str(tmp_path / "data"))
    found = {model.decode(t[:-1]) for t in (*split_at(corpus.train, model.end), *split_at(corpus.val, model.end))}
    assert found == {p.read_text() for p in text.iterdir()}
    assert manifest.tokenizer_hash == model.hash
    assert manifest.vocab == model.vocab
    text_bytes = sum(len(model.decode(t[:-1]).encode()) + 1 for t in split_at(corpus.val, model.end))
    assert corpus.bytes_per_token == text_bytes / len(corpus.val) > 2
    by_path = build([str(text)], tokenizer=str(tmp_path / "data"), out=tmp_path / "again", val_fraction=0.2)
    assert by_path.train == manifest.train
    assert (tmp_path / "again" / "train.bin").read_bytes() == (tmp_path / "data" / "train.bin").read_bytes()


def test_wide_ids_get_uint32():
    assert module.dtype_of(65_536) == "uint16"
    assert module.dtype_of(65_537) == "uint32"


def test_a_rebuild_of_the_same_does_nothing_and_of_other_text_is_refused(text: Path, tmp_path: Path):
    out = tmp_path / "data"
    first = build([str(text)], out=out)
    stamps = {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    assert build([str(text)], out=out) == first
    assert {p.name: p.stat().st_mtime_ns for p in out.iterdir()} == stamps
    (text / "00.txt").write_text("another text")
    with pytest.raises(InputError, match="holds other data"):
        build([str(text)], out=out)
    assert open_folder(out).manifest == first


def test_the_fingerprint_is_of_all_that_decides_the_tokens(text: Path, tmp_path: Path):
    def fingerprint(name: str, **options: Any) -> str:
        return build([str(text)], out=tmp_path / name, **options).fingerprint

    same = fingerprint("a")
    assert fingerprint("b") == same  # the place does not matter
    others = [
        fingerprint("c", val_fraction=0.3),
        fingerprint("d", tokenizer="bpe:300"),
        fingerprint("e", tokenizer="bpe:301"),
        fingerprint("f", max_bytes=10_000),
    ]
    (text / "00.txt").rename(text / "zz.txt")
    others.append(fingerprint("g"))
    assert len({same, *others}) == 6


def test_overlap_is_reported(text: Path, tmp_path: Path):
    manifest = build([str(text)], out=tmp_path / "data", val_fraction=0.2)
    assert manifest.overlap is not None
    assert manifest.overlap.found == 0  # every document repeats its own number
    copied = "".join(f"a sentence that both splits share, number {i}\n" for i in range(100))
    for path in text.iterdir():
        path.write_text(copied + path.name)
    manifest = build([str(text)], out=tmp_path / "copied", val_fraction=0.2)
    assert manifest.overlap is not None
    assert manifest.overlap.share > 0.9
    assert "a sentence that both" in manifest.notes[0]


def test_a_full_disk_leaves_nothing_behind(text: Path, tmp_path: Path):
    class Full(tokenizer.Byte):
        def save(self, folder: Path) -> None:
            raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.tokenizers, "load", lambda _: Full())
        with pytest.raises(InputError, match="data: cannot write: No space left on device"):
            build([str(text)], out=tmp_path / "data")
    assert [p.name for p in tmp_path.iterdir()] == ["text"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"val_fraction": 0.0}, "--val-fraction is 0.0"),
        ({"val_fraction": 0.7}, "--val-fraction is 0.7"),
        ({"max_bytes": -1}, "--max-bytes is -1"),
        ({"tokenizer": "bpe:x"}, "at least 257"),
        ({"tokenizer": "nowhere.json"}, "neither byte"),
    ],
)
def test_bad_arguments_are_refused(text: Path, tmp_path: Path, options: dict, says: str):
    with pytest.raises(InputError, match=says):
        build([str(text)], out=tmp_path / "data", **options)
    assert not (tmp_path / "data").exists()


def test_places_that_are_in_use_are_refused(text: Path, tmp_path: Path):
    with pytest.raises(InputError, match="holds other files"):
        build([str(text)], out=text.parent)
    with pytest.raises(InputError, match="lies in the input"):
        build([str(text)], out=text / "data")
    with pytest.raises(InputError, match="no files"):
        build([], out=tmp_path / "data")


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


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SWEEP_CACHE", "/a")
    assert module.cache() == Path("/a")
    monkeypatch.delenv("SWEEP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert module.cache() == Path("/b/sweep")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert module.cache() == Path.home() / ".cache" / "sweep"


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
