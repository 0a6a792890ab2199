"""Token ids of a stream, and whether a vocabulary has them."""

import hashlib
from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt16, UInt32

from sweep.errors import InputError

BLOCK = 1 << 24  # tokens read at a time
LOOKED_AT = 1 << 28  # tokens of a split whose ids are all compared with the vocabulary when it is opened
STRETCHES, STRETCH = 64, 1 << 16  # how many are compared of a larger one, and tokens of each

Tokens = UInt16[np.ndarray, "_"] | UInt32[np.ndarray, "_"]  # [tokens], of any length


def blocks(tokens: Tokens) -> Iterator[Tokens]:
    """Consecutive stretches of a size that fits in memory."""
    return (tokens[i : i + BLOCK] for i in range(0, len(tokens), BLOCK))


def largest_id(tokens: Tokens) -> int:
    """The largest of all ids."""
    return max(int(block.max()) for block in blocks(tokens))


def sample(tokens: Tokens) -> Tokens:
    """Stretches of a stream, evenly spread, its ends among them."""
    starts = np.linspace(0, len(tokens) - STRETCH, STRETCHES).astype(np.int64)
    return np.concatenate([tokens[start : start + STRETCH] for start in starts])


def digest(tokens: Tokens) -> str:
    """Twelve hex digits of what is in a stream: of all of it up to LOOKED_AT tokens, else of a sample."""
    found = hashlib.sha256(str(len(tokens)).encode())
    for block in blocks(tokens if len(tokens) <= LOOKED_AT else sample(tokens)):
        found.update(block.tobytes())
    return found.hexdigest()[:12]


def require_ids(tokens: Tokens, vocab: int, name: str) -> None:
    """Raise InputError for an id beyond the vocabulary, which a model would read as something else."""
    if (largest := largest_id(tokens)) >= vocab:
        raise InputError(
            f"{name}: token id {largest} is beyond the vocabulary of {vocab}; the file is damaged or its manifest was "
            "edited: build the data again"
        )
