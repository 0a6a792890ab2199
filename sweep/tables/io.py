"""Tables in files: write CSV or Parquet whole or not at all, merge the rows of a run directory."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

import sweep.parquet
from sweep.errors import InputError
from sweep.files import whole
from sweep.storage import Location, locate, readable
from sweep.tables.cohorts import DONE, FOLDER, Part, parts
from sweep.tables.read import read
from sweep.tables.schema import CURVES, SCHEMA

__all__ = ["CURVES_FILE", "LOSSES_FILE", "merge", "merged", "merged_curves", "parquet", "parts", "read", "write"]

LOSSES_FILE, CURVES_FILE = "losses.parquet", "curves.parquet"


def write(table: pa.Table, path: str | Location) -> None:
    """CSV or Parquet, by the ending; whole or not at all. Raises InputError where it cannot be written."""
    with whole(path) as sink:
        if locate(path).suffix == ".parquet":
            sweep.parquet.write(table, sink)
        else:
            pyarrow.csv.write_csv(table, sink)


def merge(directory: str | Location) -> pa.Table:
    """Merge the rows that cohorts wrote into losses.parquet and curves.parquet, and return the losses.

    Reads `DIR/cohorts/*/rows-*.parquet` and `curves-*.parquet` (sweep.tables.cohorts). A trial that appears more than
    once keeps its last attempt (largest `attempts`, then the later file). The curve of a trial is that of the last file
    that has any of it: each holds a curve from its beginning, and points of two attempts are never mixed.
    """
    directory = locate(directory)
    losses = merged(directory)
    curves = merged_curves(directory)
    write(losses, directory / LOSSES_FILE)
    write(curves, directory / CURVES_FILE)
    return losses


def merged(directory: str | Location) -> pa.Table:
    """The losses of a run directory as they stand, without writing anything."""
    tables = gather(parts(locate(directory), "rows"), SCHEMA)
    return last_of(pa.concat_tables([SCHEMA.empty_table(), *tables]), ["trial"], "attempts")


def merged_curves(directory: str | Location) -> pa.Table:
    """The curves of a run directory as they stand, without writing anything."""
    return last_curves(gather(parts(locate(directory), "curves"), CURVES))


def parquet(place: Location) -> pa.Table:
    """A Parquet file that this program wrote. Raises FileNotFoundError, OSError or pyarrow's errors."""
    return sweep.parquet.read(readable(place))


def gather(found: Sequence[Part], schema: pa.Schema) -> list[pa.Table]:
    """The tables of cohorts' files, in the order of file names, as `schema`."""
    tables = []
    for one in sorted(found, key=lambda one: (one.name, one.cohort)):
        part = read_part(one)
        missing = [pa.nulls(part.num_rows, f.type) for f in schema if f.name not in part.column_names]
        names = [f.name for f in schema if f.name not in part.column_names]
        for name, column in zip(names, missing, strict=True):
            part = part.append_column(name, column)
        tables.append(part.select(schema.names).cast(schema))
    return tables


def read_part(part: Part) -> pa.Table:
    """The table of a cohort's file. Raises InputError where it is damaged."""
    try:
        return sweep.parquet.read(part.content)
    except (OSError, pa.ArrowException) as error:
        where = part.content if isinstance(part.content, Path) else f"{FOLDER}/{part.cohort}/{part.name}"
        raise InputError(
            f"{where}: damaged ({str(error).splitlines()[0]}); restore it, or delete it and, if it is there, {DONE} in "
            "its folder, then repeat `sweep run`, which writes it anew from the last checkpoint"
        ) from error


def last_curves(parts: list[pa.Table]) -> pa.Table:
    """The points of each trial in the last table that has any."""
    last = {trial: part for part, table in enumerate(parts) for trial in table["trial"].to_pylist()}
    kept = [
        table.filter(pa.array([last[trial] == part for trial in table["trial"].to_pylist()], pa.bool_()))
        for part, table in enumerate(parts)
    ]
    return pa.concat_tables([CURVES.empty_table(), *kept])


def last_of(table: pa.Table, keys: list[str], newest: str) -> pa.Table:
    """One row a key: the one with the largest `newest` (nulls least), and of those the last."""
    rank = table[newest].to_pylist()
    best: dict[tuple, int] = {}
    for row, key in enumerate(zip(*(table[name].to_pylist() for name in keys), strict=True)):
        if key not in best or (rank[row] or 0) >= (rank[best[key]] or 0):
            best[key] = row
    return table.take(pa.array(best.values(), pa.int64()))
