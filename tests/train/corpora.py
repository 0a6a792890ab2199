"""A folder of token shards small enough for tests, and a sweep on it that trains in seconds."""

from pathlib import Path

import numpy as np

from sweep.config import Architecture, Data, Prior, Recipe, Sweep

CONFIG = '''"""A sweep for tests."""
from tests.train.corpora import sweep_on

SWEEP = sweep_on({path!r})
'''


def write(folder: Path, seed: int = 0) -> Path:
    """train.bin and val.bin: a noisy counter modulo 64."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    tokens = (np.arange(44_000) + (rng.random(44_000) < 0.3) * rng.integers(0, 64, 44_000)) % 64
    tokens[0] = tokens[-1] = 63  # the vocabulary is read off the largest id
    tokens.astype("<u2")[:40_000].tofile(folder / "train.bin")
    tokens.astype("<u2")[40_000:].tofile(folder / "val.bin")
    return folder


def sweep_on(path: str) -> Sweep:
    """Two budgets of three sizes of a few dozen steps; four compiled programs."""
    return Sweep(
        name="tiny",
        budgets=(8e7, 1.6e8),
        sizes=3,
        span=2.0,
        min_steps=20,
        curve_points=4,
        data=Data(path=path, val_tokens=512),
        architecture=Architecture(seq_len=16),
        recipe=Recipe(aspect=64.0, head_dim=8, batch_tokens=128),
        prior=Prior(E=1.0, A=8.0, B=15.3, alpha=0.3, beta=0.3, noise=0.01, source="guess"),
    )


def write_config(folder: Path) -> Path:
    """A config file of one's own, beside its data."""
    file = folder / "my_sweep.py"
    file.write_text(CONFIG.format(path=str(write(folder / "tokens"))))
    return file
