"""Damage to files: bits that flip, ends that are cut off."""

import random
from pathlib import Path

EVERY = 64  # bytes


def flip(file: Path, seed: int) -> int:
    """Change one bit, chosen by the seed; returns the offset of its byte. Not every byte of a file is read again."""
    chosen = random.Random(seed)
    where = chosen.randrange(file.stat().st_size)
    change(file, where, chosen.randrange(8))
    return where


def change(file: Path, where: int, bit: int) -> None:
    """Flip one bit of the byte at an offset."""
    content = bytearray(file.read_bytes())
    content[where] ^= 1 << bit
    file.write_bytes(content)


def riddle(file: Path) -> None:
    """Change a bit in every 64 bytes, so that some of them are read again."""
    content = bytearray(file.read_bytes())
    for where in range(EVERY // 2, len(content), EVERY):
        content[where] ^= 1 << where // EVERY % 8
    file.write_bytes(content)


def cut(file: Path, keep: float = 0.5) -> None:
    """Keep a share of its bytes."""
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * keep)])
