"""Where a table comes from: a file, the directory of a sweep with its curves, a table in memory, or arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sweep.errors import InputError
from sweep.tables import io
from sweep.tables.curves import Curves
from sweep.tables.numbers import plain
from sweep.tables.read import in_memory, read


class Source(NamedTuple):
    """A table with its origin.

    Attributes:
        table: as it was read.
        name: in messages.
        directory: of the sweep that the table is of, if it is one.
        by_name: whether arrays were passed by name, so that the caller has said which is which, by the API's contract.
    """

    table: pa.Table
    name: str
    directory: Path | None
    by_name: bool


def open_source(source: Any) -> Source:
    """The table of any source. Raises InputError where it cannot be read."""
    return Source(*read_source(source), by_name=isinstance(source, Mapping))


def read_source(source: Any) -> tuple[pa.Table, str, Path | None]:
    """The table, its name in messages, and the run directory if it is one."""
    if not isinstance(source, str | Path):
        return *in_memory(source), None
    path = Path(source)
    if not path.is_dir():
        return read(path), str(path), None
    if any(path.glob("cohorts/*/rows-*.parquet")):
        return in_memory(io.merge(path))[0], str(path), path
    if (path / io.LOSSES_FILE).exists():
        return read(path / io.LOSSES_FILE), str(path), path
    raise InputError(f"{path}: no loss table here yet; `sweep run` writes one, or name a CSV or Parquet file")


def read_curves(directory: Path, trial: Sequence[str]) -> Curves | None:
    """Points of curves.parquet that belong to the finished trials and have a validation loss."""
    if not (directory / io.CURVES_FILE).exists():
        return None
    table = io.pyarrow.parquet.ParquetFile(directory / io.CURVES_FILE).read()
    index = {name: i for i, name in enumerate(trial)}
    run = np.array([index.get(str(name), -1) for name in table["trial"].to_pylist()], int)
    tokens, flops, loss = (plain(table[column]) for column in ("tokens", "flops_exact", "loss"))
    good = (run >= 0) & (tokens > 0) & (flops > 0) & (loss > 0) & np.isfinite(loss)
    return Curves(run[good], tokens[good], flops[good], loss[good]) if good.any() else None
