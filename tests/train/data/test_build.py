"""Shards hold exactly the text that went in, and are built once."""

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from sweep.errors import InputError, Refusal
from sweep.train.data import build as module
from sweep.train.data import sources, tokenizer
from sweep.train.data.account import Account
from sweep.train.data.build import build
from sweep.train.data.shards import open_folder
from tests.train.data.corpora import MIXED, PACK, jsonl, parquet


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
    (text.parent / "loop").symlink_to(text.parent / "loop")
    with pytest.raises(InputError, match="loop: no such file or folder"):
        build([str(text.parent / "loop")], out=text.parent / "data")
    with pytest.raises(InputError, match="no files"):
        build([], out=tmp_path / "data")


# What decides the tokens, and what does not


def test_a_corpus_has_the_fingerprint_it_always_had(tmp_path: Path):
    """The hash of 2026-11-30, before anything but text, .jsonl and .parquet was read: trials keep their identity."""
    root = tmp_path / "corpus"
    root.mkdir()
    for i in range(20):
        (root / f"{i:02}.txt").write_text(f"Dokument {i}: größer\n" * (i + 1))
    (root / "long.md").write_text("".join(f"line {i} of a long text\n" for i in range(10_000)))
    (root / "wide.txt").write_text("".join(f"{'word ' * 4000}{i}\n" for i in range(20)))
    (root / "a.jsonl").write_text("".join(json.dumps({"text": f"record {i} ä"}) + "\n" for i in range(50)))
    (root / "b.parquet").write_bytes(parquet(text=[f"row {i}" for i in range(50)]))
    manifest = build([str(root)], out=tmp_path / "data", val_fraction=0.1)
    assert (manifest.fingerprint, manifest.train.documents, manifest.val.documents) == ("f874ebd26fe2", 144, 12)


def test_a_compressed_corpus_is_the_same_data(tmp_path: Path):
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.mkdir()
    packed.mkdir()
    contents = {"a.jsonl": jsonl([f"record {i}" for i in range(30)]), "b.txt": b"line\n" * 40_000, "c.txt": b"short"}
    for (name, content), (ending, pack) in zip(contents.items(), list(PACK.items())[1:], strict=True):
        (plain / name).write_bytes(content)
        (packed / (name + ending)).write_bytes(pack(content))
    found = [build([str(folder)], out=tmp_path / f"{folder.name}.data").fingerprint for folder in (plain, packed)]
    assert found[0] == found[1]


def test_the_mixed_corpus_of_the_field_is_whole(tmp_path: Path):
    manifest = build([str(MIXED)], out=tmp_path / "data")
    assert (manifest.train.documents or 0) + (manifest.val.documents or 0) == 120
    assert (manifest.skipped, manifest.left_out, manifest.cards) == ({}, (), ())


def test_much_that_cannot_be_used_is_refused_unless_allowed(text: Path, tmp_path: Path):
    (text / "picture.png").write_bytes(b"\x89PNG\0" * 1_000)
    with pytest.raises(
        Refusal, match=r"[78]\.\d% of the input cannot be used: picture\.png \(5 kB: not text in UTF-8\)"
    ):
        build([str(text)], out=tmp_path / "data")
    manifest = build([str(text)], out=tmp_path / "data", allow_skips=True)
    assert [(file.file, file.bytes, file.share) for file in manifest.left_out] == [("picture.png", 5_000, 1.0)]
    assert open_folder(tmp_path / "data").manifest == manifest
    (text / "picture.png").write_bytes(b"\x89PNG\0")
    assert build([str(text)], out=tmp_path / "little").left_out[0].bytes == 5


def test_text_is_read_as_a_stream(tmp_path: Path):
    """Sixteen megabytes in one line, one array, lines and tables, of which little is held at a time."""
    words = " ".join(f"word{i}" for i in range(1_500_000)).encode()
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(words, 1))
    texts = [words[i : i + 4_000].decode() for i in range(0, len(words), 4_000)]
    (tmp_path / "b.json").write_text(json.dumps([{"text": text} for text in texts]))
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(jsonl(texts), 1))
    (tmp_path / "d.csv").write_text("text,n\n" + "".join(f'"{text}",1\n' for text in texts))
    (tmp_path / "e.parquet").write_bytes(parquet(text=texts))
    del texts
    for name in ("a.txt.gz", "b.json", "c.jsonl.gz", "d.csv", "e.parquet"):
        tracemalloc.start()
        before = pa.total_allocated_bytes()
        read = outside = 0
        for document in sources.documents([str(tmp_path / name)], Account()):
            read += document.size
            outside = max(outside, pa.total_allocated_bytes() - before)  # Arrow's, which Python does not trace
        peak = tracemalloc.get_traced_memory()[1] + outside
        tracemalloc.stop()
        assert read == len(words)
        assert peak < (12e6 if name == "e.parquet" else len(words) / 3), (
            name
        )  # pages of Parquet are as large as they were written


# Tokenizers that do not know the text


def word_level(folder: Path, words: dict[str, int]) -> str:
    model = Tokenizer(models.WordLevel({"<unk>": 0, "<eos>": 1, **words}, unk_token="<unk>"))
    model.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    model.save(str(folder / "words.json"))
    return str(folder / "words.json")


def test_a_tokenizer_that_does_not_know_the_text_is_refused_with_the_share(tmp_path: Path):
    """Each document: nine known letters and one that is not, of 10 + 9 spaces bytes; the share is that of its bytes."""
    (tmp_path / "text").mkdir()
    spec = word_level(tmp_path, {letter: i for i, letter in enumerate("abcdefghi", 2)})
    for i in range(20):
        (tmp_path / "text" / f"{i:02}.txt").write_text("a b c d e f g h i z " * (i + 1))
    with pytest.raises(Refusal, match=r"does not know 5\.0% of the text: ") as refused:
        build([str(tmp_path / "text")], tokenizer=spec, out=tmp_path / "data")
    assert refused.value.code == "unknown_tokens"
    assert not (tmp_path / "data").exists()
    for i in range(20):
        (tmp_path / "text" / f"{i:02}.txt").write_text("a b c d e f g h i " * 10 * (i + 1) + "z")
    assert build([str(tmp_path / "text")], tokenizer=spec, out=tmp_path / "data").vocab == 11


def test_a_bpe_that_found_less_than_was_asked_says_so(text: Path, tmp_path: Path):
    manifest = build([str(text)], tokenizer="bpe:8192", out=tmp_path / "data")
    assert manifest.vocab < 400
    assert f"bpe:8192 was asked for and the vocabulary has {manifest.vocab:,} ids" in manifest.notes[0]
    assert build([str(text)], tokenizer="bpe:270", out=tmp_path / "small").notes == ()
