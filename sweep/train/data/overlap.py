"""Held-out text that is in the training text word for word, found by hashing every window of the training tokens.

Source code repeats itself (licence headers, import blocks), so a few per cent are normal there; much more means that
the held-out loss partly measures memory.
"""

import numpy as np

from sweep.train.data.shards import Overlap, Tokens
from sweep.train.data.tokenizer import Tokenizer

WINDOW = 64  # tokens; a power of two, see `hashes`
CHECKED = 16_384  # held-out windows at most
BLOCK = 1 << 18  # training tokens at a time: the arrays stay in the cache
TABLE_BITS = 22
EXAMPLE = 60  # characters shown


def find(train: Tokens, val: Tokens, tokenizer: Tokenizer) -> Overlap:
    """Count the held-out windows, evenly spread and side by side at most, that occur anywhere in `train`."""
    available = len(val) // WINDOW
    n = min(available, CHECKED)
    start = (np.arange(n) * available // max(n, 1)) * WINDOW
    windows = val[start[:, None] + np.arange(WINDOW)]
    wanted = hashes(windows.ravel())[::WINDOW]  # of a window by itself: the hash does not depend on the position
    first_bits = np.zeros(1 << TABLE_BITS, bool)  # a quick no for nearly every training window
    first_bits[wanted >> np.uint64(64 - TABLE_BITS)] = True
    seen = np.zeros(n, bool)
    for i in range(0, len(train) - WINDOW + 1, BLOCK):
        found = hashes(train[i : i + BLOCK + WINDOW - 1])
        found = found[first_bits[found >> np.uint64(64 - TABLE_BITS)]]
        seen |= np.isin(wanted, found)
    example = tokenizer.decode(windows[seen.argmax()])[:EXAMPLE] if seen.any() else ""
    return Overlap(window=WINDOW, checked=n, found=int(seen.sum()), example=example)


def hashes(tokens: Tokens) -> np.ndarray:
    """Polynomial hash modulo 2^64 of the WINDOW tokens from each position on, uint64 [T - WINDOW + 1].

    By doubling: the hash of 2m tokens is that of the first m times r^m plus that of the next m. Ids are scattered over
    64 bits first, so that the high bits are as good as random.
    """
    h = (tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    h ^= h >> np.uint64(29)
    power = 0x94D049BB133111EB
    length = 1
    while length < WINDOW:
        h = h[:-length] * np.uint64(power) + h[length:]
        power, length = power * power % 2**64, 2 * length
    return h
