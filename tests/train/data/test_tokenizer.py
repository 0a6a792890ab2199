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
