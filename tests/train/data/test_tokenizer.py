"""Tokenizers give back what they were given, and are the same every time."""

from pathlib import Path

import numpy as np
import pytest
import tokenizers
from tokenizers import models

from sweep.errors import InputError
from sweep.train.data import tokenizer

TEXTS = ["def add(a, b):\n    return a + b\n", "naïve – 漢字 🎉\r\n\ttabs  and   spaces ", tokenizer.END]


def test_bytes_are_utf8():
    byte = tokenizer.load("byte")
    ids = byte.encode(["é"])[0]
    assert ids.tolist() == [0xC3, 0xA9]
    assert [byte.decode(i) for i in byte.encode(TEXTS)] == TEXTS
    assert byte.vocab == 256


def test_bpe_is_lossless_shorter_and_repeatable():
    corpus = [f"def function_{i}(argument):\n    return argument + {i}\n" for i in range(200)]
    first, second = (tokenizer.train(400, corpus) for _ in range(2))
    assert first.hash == second.hash
    assert first.hash != tokenizer.train(300, corpus).hash
    assert [first.decode(i) for i in first.encode(TEXTS)] == TEXTS
    assert len(first.encode(corpus)[0]) < len(corpus[0]) / 3
    assert first.vocab <= 400
    assert max(i.max() for i in first.encode(corpus)) < first.vocab


def test_the_end_never_comes_from_text():
    bpe = tokenizer.train(300, TEXTS)
    assert all(bpe.end not in ids for ids in bpe.encode(TEXTS))


def test_a_saved_tokenizer_loads_from_file_and_folder(tmp_path: Path):
    bpe = tokenizer.train(300, TEXTS)
    bpe.save(tmp_path)
    for spec in (tmp_path, tmp_path / "tokenizer.json"):
        again = tokenizer.load(str(spec))
        assert (again.hash, again.vocab, again.end) == (bpe.hash, bpe.vocab, bpe.end)
        assert all(np.array_equal(a, b) for a, b in zip(again.encode(TEXTS), bpe.encode(TEXTS), strict=True))


@pytest.mark.parametrize("spec", ["bpe:", "bpe:many", "bpe:256", "bpe:-5"])
def test_bad_sizes_are_refused(spec: str):
    with pytest.raises(InputError, match="at least 257"):
        tokenizer.vocab_of(spec)


def test_bad_files_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="neither byte"):
        tokenizer.load("gpt2")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InputError, match=r"not a tokenizer\.json"):
        tokenizer.load(str(tmp_path / "a.json"))
    tokenizers.Tokenizer(models.BPE()).save(str(tmp_path / "b.json"))
    with pytest.raises(InputError, match="no end-of-text token"):
        tokenizer.load(str(tmp_path / "b.json"))


def saved(model: tokenizers.Tokenizer, folder: Path) -> tokenizer.Bpe:
    """`model` as a user's file, loaded."""
    model.save(str(folder / "tokenizer.json"))
    loaded = tokenizer.load(str(folder))
    assert isinstance(loaded, tokenizer.Bpe)
    return loaded


def unknown(loaded: tokenizer.Bpe, *texts: str) -> int:
    return loaded.unknown([*texts], loaded.encode([*texts]))


def test_text_that_becomes_the_unknown_token_is_measured_in_bytes(tmp_path: Path):
    words = tokenizers.Tokenizer(models.WordLevel({"<unk>": 0, "known": 1, "<eos>": 2}, unk_token="<unk>"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    assert unknown(saved(words, tmp_path), "known größer known", "known", "漢字") == 8 + 6


def test_a_run_of_unknown_characters_is_measured_whole(tmp_path: Path):
    """Unigram models write one unknown token for it."""
    pieces = [("<unk>", 0.0), ("<eos>", -1.0), ("a", -2.0), ("b", -2.0)]
    assert unknown(saved(tokenizers.Tokenizer(models.Unigram(pieces, 0, False)), tmp_path), "ab漢字漢字ab") == 12


def test_text_that_becomes_nothing_is_measured_too(tmp_path: Path):
    """A BPE without an unknown token passes over what it does not know; white space is not missed."""
    pieces = models.BPE({"a": 0, "b": 1, "ab": 2, "<eos>": 3}, [("a", "b")])
    assert unknown(saved(tokenizers.Tokenizer(pieces), tmp_path), "abxab", "abab", "ab ä ab") == 1 + 2


def test_bytes_and_a_bpe_of_bytes_know_everything(tmp_path: Path):
    assert unknown(tokenizer.train(300, TEXTS), "漢字 \ue000", *TEXTS) == 0
    assert tokenizer.Byte().unknown(TEXTS, tokenizer.Byte().encode(TEXTS)) == 0
    fallback = {"<unk>": 0, "<eos>": 1, "a": 2, **{f"<0x{i:02X}>": i + 3 for i in range(256)}}
    llama = tokenizers.Tokenizer(models.BPE(fallback, [], unk_token="<unk>", byte_fallback=True))
    assert unknown(saved(llama, tmp_path), "a漢字") == 0
