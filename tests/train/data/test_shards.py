"""Shards that are opened are checked: size, ids, version; and folders appear whole or not at all."""

import errno
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.train.data import ids, shards
from sweep.train.data.build import build


@pytest.fixture
def built(tmp_path: Path) -> Path:
    text = tmp_path / "text"
    text.mkdir()
    for i in range(40):
        (text / f"{i}.txt").write_text(f"document {i} " * 20)
    build([str(text)], out=tmp_path / "data", val_fraction=0.2)
    return tmp_path / "data"


def edit(folder: Path, **values: object) -> None:
    path = folder / shards.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_opens_what_was_built(built: Path):
    corpus = shards.open_folder(built)
    assert corpus.train.dtype == corpus.val.dtype == np.uint16
    assert corpus.unique_tokens == len(corpus.train) == corpus.manifest.train.tokens
    assert corpus.bytes_per_token == 1.0
    assert corpus.vocab == 256
    assert json.loads((built / shards.MANIFEST).read_text()) == shards.as_dict(corpus.manifest)


def test_ids_beyond_the_vocabulary_are_found(built: Path):
    edit(built, vocab=100)
    with pytest.raises(InputError, match=r"train\.bin: token id 1\d\d is beyond the vocabulary of 100"):
        shards.open_folder(built)


def test_a_large_split_is_looked_at_in_places(built: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shards, "LOOKED_AT", 100)
    monkeypatch.setattr(ids, "STRETCH", 8)
    monkeypatch.setattr(ids, "STRETCHES", 4)
    tokens = np.fromfile(built / "train.bin", np.uint16)
    unseen, seen = tokens.copy(), tokens.copy()
    unseen[20], seen[-1] = 300, 300
    unseen.tofile(built / "train.bin")
    corpus = shards.open_folder(built)  # the build has seen all of it; the windows that train are looked at again
    with pytest.raises(InputError, match="token id 300 is beyond the vocabulary of 256"):
        ids.require_ids(corpus.train, corpus.vocab, "training tokens")
    seen.tofile(built / "train.bin")
    with pytest.raises(InputError, match=r"train\.bin: token id 300 is beyond"):
        shards.open_folder(built)
    unseen.tofile(built / "train.bin")
    edit(built, sha256={})  # of a folder without hashes everything is looked at
    with pytest.raises(InputError, match=r"train\.bin: token id 300 is beyond"):
        shards.open_folder(built)


def test_the_manifest_has_the_sums_that_sha256sum_tells(built: Path):
    sums = {name: hashlib.sha256((built / name).read_bytes()).hexdigest() for name in ("train.bin", "val.bin")}
    assert shards.read_manifest(built).sha256 == sums


def test_a_corpus_beyond_two_to_the_31_tokens_is_opened_without_reading_it(built: Path, monkeypatch):
    total = 2**31 + 10_001
    os.truncate(built / "train.bin", 2 * total)  # sparse
    manifest = json.loads((built / shards.MANIFEST).read_text())
    edit(built, train={**manifest["train"], "tokens": total})
    read = []
    monkeypatch.setattr(ids, "largest_id", lambda tokens: read.append(len(tokens)) or 0)
    corpus = shards.open_folder(built)
    assert 0 < sum(read) < total / 100
    assert len(corpus.train) == total
    shards.require_windows(corpus, 64, 8)
    with pytest.raises(InputError, match=r"2147\d+ windows of 1 tokens; 2\^31 windows are the limit"):
        shards.require_windows(corpus, 1, 8)


def test_a_torn_shard_is_found(built: Path):
    data = (built / "val.bin").read_bytes()
    (built / "val.bin").write_bytes(data[:-2])
    with pytest.raises(InputError, match="the manifest says"):
        shards.open_folder(built)
    (built / "val.bin").write_bytes(data[:-1])
    with pytest.raises(InputError, match="no whole number"):
        shards.open_folder(built)
    (built / "val.bin").unlink()
    with pytest.raises(InputError, match="missing"):
        shards.open_folder(built)


def test_a_manifest_of_another_version_or_none_is_refused(built: Path):
    edit(built, format=99)
    with pytest.raises(InputError, match="format 99, this version reads 1"):
        shards.open_folder(built)
    edit(built, format=1, dtype="complex")
    damaged = (built / shards.MANIFEST).read_text()
    for text in (damaged, damaged.replace("complex", "uint16").replace("256", '"many"'), "[]", "{", '{"format": 1}'):
        (built / shards.MANIFEST).write_text(text)
        with pytest.raises(InputError, match="not a manifest"):
            shards.open_folder(built)


def test_folders_without_shards_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no such folder"):
        shards.open_folder(tmp_path / "none")
    with pytest.raises(InputError, match=r"no manifest\.json and no train\.bin or val\.bin"):
        shards.open_folder(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InputError, match="a file, not a folder"):
        shards.open_folder(tmp_path / "a.txt")


def test_reads_nanogpt_folders(tmp_path: Path):
    train, val = np.arange(1000, dtype=np.uint16), np.array([5, 50_256, 7], np.uint16)
    train.tofile(tmp_path / "train.bin")
    val.tofile(tmp_path / "val.bin")
    corpus = shards.open_folder(tmp_path)
    assert np.array_equal(corpus.train, train)
    assert np.array_equal(corpus.val, val)
    assert corpus.vocab == 50_304  # 50,257 rounded up to a multiple of 64
    assert corpus.bytes_per_token is None
    assert "largest id 50256" in corpus.manifest.notes[0]
    val[0] = 6
    val.tofile(tmp_path / "val.bin")
    assert shards.open_folder(tmp_path).fingerprint != corpus.fingerprint


def test_too_little_text_for_a_batch_or_a_window(built: Path):
    corpus = shards.open_folder(built)
    shards.require_windows(corpus, 32, 4)
    with pytest.raises(InputError, match="less than a batch of 1000 windows of 32"):
        shards.require_windows(corpus, 32, 1000)
    with pytest.raises(InputError, match="held-out tokens are fewer than one window"):
        shards.require_windows(corpus, len(corpus.val), 1)


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path):
    out = tmp_path / "out"
    with shards.whole_folder(out) as folder:
        (folder / "a").write_text("a")
        assert not out.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_leaves_no_part_of_a_folder(tmp_path: Path):
    def fill() -> None:
        with shards.whole_folder(tmp_path / "out") as folder:
            (folder / "a").write_text("a")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InputError, match="out: cannot write: No space left on device"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"), shards.whole_folder(tmp_path / "file" / "out"):
        pass
