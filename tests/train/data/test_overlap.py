"""Overlap against brute force over strings."""

import numpy as np
import pytest

from sweep.train.data import overlap
from sweep.train.data.tokenizer import Byte


def brute_force(train: np.ndarray, val: np.ndarray) -> int:
    text, w = train.tobytes(), overlap.WINDOW
    return sum(val[i : i + w].tobytes() in text for i in range(0, len(val) - w + 1, w))


@pytest.mark.parametrize("block", [1 << 18, 100])  # the second: windows cross the borders of blocks
def test_equals_brute_force(block: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(overlap, "BLOCK", block)
    rng = np.random.default_rng(0)
    train = rng.integers(32, 127, 5000).astype(np.uint16)
    val = rng.integers(32, 127, 64 * 20 + 10).astype(np.uint16)
    for i, at in enumerate((0, 77, 4936)):  # first, somewhere, last window of the training tokens
        val[64 * 5 * i : 64 * 5 * i + 64] = train[at : at + 64]
    val[64 * 3 : 64 * 3 + 63] = train[500:563]  # one token short of a window
    found = overlap.find(train, val, Byte())
    assert found.found == brute_force(train.astype(np.uint8), val.astype(np.uint8)) == 3
    assert found.checked == 20
    assert found.share == pytest.approx(3 / 20)
    assert found.example == train[: overlap.EXAMPLE].astype(np.uint8).tobytes().decode()


def test_nothing_to_compare():
    none = np.zeros(10, np.uint16)
    many = np.arange(1000, dtype=np.uint16)
    assert overlap.find(many, none, Byte()).checked == 0
    assert overlap.find(none, many, Byte()).found == 0
    assert overlap.find(none, none, Byte()).share == 0.0
