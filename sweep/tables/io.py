"""Tables on disk: write CSV or Parquet whole or not at all, merge the rows of a run directory."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from sweep.files import whole
from sweep.tables.read import read
from sweep.tables.schema import CURVES, SCHEMA

__all__ = ["CURVES_FILE", "LOSSES_FILE", "merge", "merged", "merged_curves", "read", "write"]

LOSSES_FILE, CURVES_FILE = "losses.parquet", "curves.parquet"


def write(table: pa.Table, path: str | Path) -> None:
    """CSV or Parquet, by the ending; whole or not at all. Raises InputError where it cannot be written."""
    with whole(path) as sink:
        if Path(path).suffix == ".parquet":
            pyarrow.parquet.write_table(table, sink)
        else:
            pyarrow.csv.write_csv(table, sink)


def merge(directory: str | Path) -> pa.Table:
    """Merge the rows that cohorts wrote into losses.parquet and curves.parquet, and return the losses.

    Reads `DIR/cohorts/*/rows-*.parquet` and `curves-*.parquet`. A trial that appears more than once keeps its last
    attempt (largest `attempts`, then the later file). The curve of a trial is that of the last file that has any of it:
    each holds a curve from its beginning, and points of two attempts are never mixed.
    """
    directory = Path(directory)
    losses = merged(directory)
    curves = merged_curves(directory)
    write(losses, directory / LOSSES_FILE)
    write(curves, directory / CURVES_FILE)
    return losses


def merged(directory: str | Path) -> pa.Table:
    """The losses of a run directory as they stand, without writing anything."""
    parts = gather(Path(directory), "rows-*.parquet", SCHEMA)
    return last_of(pa.concat_tables([SCHEMA.empty_table(), *parts]), ["trial"], "attempts")


def merged_curves(directory: str | Path) -> pa.Table:
    """The curves of a run directory as they stand, without writing anything."""
    return last_curves(gather(Path(directory), "curves-*.parquet", CURVES))


def gather(directory: Path, pattern: str, schema: pa.Schema) -> list[pa.Table]:
    """The tables of matching cohort files, in the order of file names, as `schema`."""
    parts = []
    for file in sorted(directory.glob(f"cohorts/*/{pattern}"), key=lambda path: (path.name, path.parent.name)):
        part = pyarrow.parquet.ParquetFile(file).read()
        missing = [pa.nulls(part.num_rows, f.type) for f in schema if f.name not in part.column_names]
        names = [f.name for f in schema if f.name not in part.column_names]
        for name, column in zip(names, missing, strict=True):
            part = part.append_column(name, column)
        parts.append(part.select(schema.names).cast(schema))
    return parts


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
