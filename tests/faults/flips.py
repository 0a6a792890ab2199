"""Damage to files: bits that flip, ends that are cut off."""

import random
from pathlib import Path


def flip(file: Path, seed: int) -> int:
    """Change one bit, chosen by the seed; returns the offset of its byte."""
    content = bytearray(file.read_bytes())
    chosen = random.Random(f"{file.name} {seed}")
    where = chosen.randrange(len(content))
    content[where] ^= 1 << chosen.randrange(8)
    file.write_bytes(content)
    return where


def cut(file: Path, keep: float = 0.5) -> None:
    """Keep a share of its bytes."""
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * keep)])
