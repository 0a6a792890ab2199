"""A sum of the bits of each row of a state, by which a checkpoint that restores with other numbers is recognised.

The array store keeps numbers without a checksum: a bit that flips on a disk is another number, without a word. Sums of
integers are the same in any order, so also on any mesh.
"""

from collections.abc import Mapping

import jax
import numpy as np

MODULUS = 2**64


def of_shards(arrays: Mapping[str, jax.Array]) -> list[int]:
    """Sum over the bits of each row, read as unsigned integers, modulo 2^64: of the parts that this process holds, each
    once however many devices have a copy. Arrays are [rows, ...], all of as many rows.
    """
    total = np.zeros(next(iter(arrays.values())).shape[0], np.uint64)
    for x in arrays.values():
        for shard in x.addressable_shards:
            if shard.replica_id == 0:
                part = np.ascontiguousarray(shard.data).reshape(shard.data.shape[0], -1)
                total[shard.index[0]] += part.view(f"u{part.itemsize}").sum(axis=1, dtype=np.uint64)
    return total.tolist()


def together(parts: list[list[int]]) -> list[int]:
    """The sums of the whole rows, from those of each process."""
    return [sum(row) % MODULUS for row in zip(*parts, strict=True)]


def agree(saved: list[int], read: list[int]) -> bool:
    """Whether the rows that both have are the same; what one has in addition is padding."""
    return all(a == b for a, b in zip(saved, read, strict=False))
