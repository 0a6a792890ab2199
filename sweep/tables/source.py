"""Where a table comes from: a file, the directory of a sweep with its curves, a table in memory, or arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sweep.errors import InputError
from sweep.storage import Address, Location, locate
from sweep.tables import io
from sweep.tables.cohorts import is_folder
from sweep.tables.curves import Curves
from sweep.tables.numbers import plain
from sweep.tables.read import TableFile, in_memory, long_form, read_file


class Source(NamedTuple):
    """A table with its origin.

    Attributes:
        table: as it was read.
        name: in messages.
        directory: of the sweep that the table is of, if it is one.
        by_name: whether arrays were passed by name, so that the caller has said which is which, by the API's contract.
        excluded: (what, how many) of rows that are not in the table although the file has them.
        drop_unfinished: rows without a finite loss are left out, and counted.
    """

    table: pa.Table
    name: str
    directory: Location | None = None
    by_name: bool = False
    excluded: tuple[tuple[str, int], ...] = ()
    drop_unfinished: bool = False


def open_source(source: Any) -> Source:
    """The table of any source: a path, a TableFile, a table in memory or arrays by name.

    Raises:
        InputError: where it cannot be read.
    """
    if isinstance(source, str | Path | Address):
        source = TableFile(source)
    if not isinstance(source, TableFile):
        return Source(*in_memory(source), by_name=isinstance(source, Mapping))
    drop = source.drop_unfinished
    if not isinstance(source.path, str | Path | Address):
        table, name = in_memory(source.path)
        table, empty = long_form(table, source, name)
        named = isinstance(source.path, Mapping) and source.wide is None
        return Source(table, name, by_name=named, excluded=tuple(empty), drop_unfinished=drop)
    path = locate(source.path)
    if not is_folder(path):
        name = f"{path} (long form)" if source.wide else str(path)
        table, excluded = read_file(source)
        return Source(table, name, excluded=tuple(excluded), drop_unfinished=drop)
    if source.wide:
        raise InputError(f"{path}: --wide is of files; the table of a sweep is in long form")
    if io.parts(path, "rows"):
        return Source(in_memory(io.merge(path))[0], str(path), path, drop_unfinished=drop)
    if (path / io.LOSSES_FILE).exists():
        return Source(io.read(path / io.LOSSES_FILE), str(path), path, drop_unfinished=drop)
    raise InputError(f"{path}: no loss table here yet; `sweep run` writes one, or name a file")


def read_source(source: Any) -> tuple[pa.Table, str, Location | None]:
    """The table, its name in messages, and the run directory if it is one."""
    return open_source(source)[:3]


def read_curves(directory: Location, trial: Sequence[str]) -> Curves | None:
    """Points of curves.parquet that belong to the finished trials and have a validation loss."""
    if not (directory / io.CURVES_FILE).exists():
        return None
    table = io.parquet(directory / io.CURVES_FILE)
    index = {name: i for i, name in enumerate(trial)}
    run = np.array([index.get(str(name), -1) for name in table["trial"].to_pylist()], int)
    counted = "flops_exact" if "flops_exact" in table.column_names else "flops"  # imported: as its table counts
    tokens, flops, loss = (plain(table[column]) for column in ("tokens", counted, "loss"))
    good = (run >= 0) & (tokens > 0) & (flops > 0) & (loss > 0) & np.isfinite(loss)
    return Curves(run[good], tokens[good], flops[good], loss[good]) if good.any() else None
