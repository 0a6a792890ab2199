"""A multiverse as a thing to keep: one JSON, and its curve as a table in Parquet and CSV."""

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyarrow import csv

from sweep import files
from sweep.fit.multiverse.answers import NAMES
from sweep.fit.multiverse.axes import AXES
from sweep.storage import Location, locate
from sweep.tables import io

FILE, TABLE = "multiverse.json", "multiverse"


@dataclass(frozen=True)
class Multiverse:
    """What all specifications say.

    Attributes:
        record: everything, in the JSON keys of the command line.
    """

    record: dict[str, Any]

    @property
    def verdict(self) -> str:
        """One sentence."""
        return self.record["verdict"]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, no NaN: what is unknown is null."""
        return self.record

    def table(self) -> pa.Table:
        """One row a specification, in order of N*: its choices, status, params, tokens, loss, and the resampled
        interval of params."""
        rows = self.record["curve"]
        texts, real = (*AXES, "status"), pa.float64()
        columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in texts}
        columns |= {name: pa.array([row[name] for row in rows], real) for name in NAMES}
        for i, name in enumerate(("params_low", "params_high")):
            columns[name] = pa.array([row["params_interval"][i] for row in rows], real)
        return pa.table(columns)

    def save(self, directory: str | Location) -> list[Location]:
        """Write multiverse.json, multiverse.parquet and multiverse.csv, each whole or not at all; their paths."""
        directory, table = locate(directory), self.table()
        paths = [directory / FILE, directory / f"{TABLE}.parquet", directory / f"{TABLE}.csv"]
        files.write_text(paths[0], json.dumps(self.record, indent=1, allow_nan=False) + "\n")
        io.write(table, paths[1])
        with files.whole(paths[2]) as sink:
            csv.write_csv(table, sink)
        return paths
