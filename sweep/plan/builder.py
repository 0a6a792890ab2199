"""What turns sizes into models: a recipe with its vocabulary, and how fast such models have been seen to train."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweep import config
from sweep.config import Sweep
from sweep.errors import InputError
from sweep.quantity import Given, count
from sweep.storage import Location, locate
from sweep.tables import io

DEFAULT, DEFAULT_VOCAB = "configs/pod.py", 32_768  # the vocabulary that its corpus is described with
BYTES = 256


@dataclass(frozen=True)
class Measured:
    """Training speed of finished trials.

    Attributes:
        params: with the head [n], ascending.
        flops_per_second: of one device [n].
        device: kind of it.
    """

    params: np.ndarray
    flops_per_second: np.ndarray
    device: str

    def at(self, params: float) -> float:
        """FLOP/s of one device for a size: between those measured in log and log, that of the nearest beyond them."""
        return float(np.exp(np.interp(np.log(params), np.log(self.params), np.log(self.flops_per_second))))


@dataclass(frozen=True)
class Builder:
    """A recipe to build with.

    Attributes:
        name: where the recipe is from.
        vocab: tokens of the tokenizer.
        measured: speeds, where a sweep of this recipe has been trained.
    """

    name: str
    sweep: Sweep
    vocab: int
    measured: Measured | None = None


def builder_of(sources: Sequence[str], recipe: str | None, vocab: Given | None) -> Builder:
    """The recipe named, or that of the sweep behind the law, or that of the largest config shipped.

    Args:
        sources: paths that may be, or lie in, the directory of a sweep.
        recipe: a config file.
        vocab: tokens of the tokenizer; default: of the sweep's table, its corpus or its tokenizer.

    Raises:
        InputError: no such config; a vocabulary that is not known.
    """
    size = None if vocab is None else round(count("--vocab", vocab, "tokens"))
    home = next((d for source in sources if (d := home_of(locate(source)))), None)
    if recipe is None and home is None:
        return Builder(DEFAULT, config.load(config.shipped(DEFAULT)), size or DEFAULT_VOCAB)
    rows = rows_of(home) if home and recipe is None else []
    name = recipe or str(home)
    sweep = config.load(recipe or str(locate(name) / "sweep.json"))
    seen = next((row["vocab"] for row in rows if row["vocab"]), None)
    return Builder(name, sweep, size or seen or vocab_of(name, sweep), measured_of(rows))


def home_of(path: Location) -> Location | None:
    """The directory of the sweep that a path is, or lies in."""
    return next((d for d in (path, *path.parents[:2]) if (d / "sweep.json").is_file()), None)


def rows_of(home: Location) -> list[dict[str, Any]]:
    """Finished trials of a sweep's loss table; none where it has not got that far."""
    file = home / "losses.parquet"
    return [row for row in io.read(file).to_pylist() if row["status"] == "done"] if file.is_file() else []


def measured_of(rows: Sequence[dict[str, Any]]) -> Measured | None:
    """Speed of one device by size: the median over the trials of a size."""
    speeds: dict[int, list[float]] = {}
    for row in rows:
        if row["tokens_per_s"] and row["tokens"]:
            devices = np.prod([int(n) for n in (row["mesh"] or "1").split("x")])
            per_token = row["flops_exact"] / row["tokens"]
            speeds.setdefault(row["params_with_head"], []).append(row["tokens_per_s"] * per_token / devices)
    if not speeds:
        return None
    params = np.array(sorted(speeds), float)
    return Measured(params, np.array([np.median(speeds[int(n)]) for n in params]), str(rows[0]["device"]))


def vocab_of(name: str, sweep: Sweep) -> int:
    """Tokens of a config's tokenizer. Raises InputError where nothing tells."""
    manifest = locate(sweep.data.path) / "manifest.json"
    if manifest.is_file():
        return int(json.loads(manifest.read_text())["vocab"])
    if sweep.data.path.startswith("python:"):
        kind, _, size = sweep.data.tokenizer.partition(":")
        if kind == "byte" or size.isdigit():
            return BYTES if kind == "byte" else int(size)
    raise InputError(f"{name}: how many tokens does its tokenizer have? say --vocab 32768")
