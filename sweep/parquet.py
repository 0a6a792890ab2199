"""Parquet files with a checksum on every page: a bit that flips on a disk is an error when they are read, not a number.

The names and types of columns and the number of rows stand behind the pages, without a checksum. They are written twice
there, and both are compared. Files of others are read as well: what has no checksum is not checked.
"""

import base64
import io
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet

ARROW = b"ARROW:schema"
ROWS = b"isoflop.rows"  # how many there are
PLAIN = (pa.string(), pa.int64(), pa.float64(), pa.bool_())  # Parquet keeps some other types as others
Source = Path | io.BytesIO | pa.BufferReader


def write(table: pa.Table, sink: IO[bytes] | io.BytesIO) -> None:
    """The whole table."""
    noted = table.replace_schema_metadata({**(table.schema.metadata or {}), ROWS: str(table.num_rows)})
    pyarrow.parquet.write_table(noted, sink, write_page_checksum=True)


def read(source: Source, columns: list[str] | None = None) -> pa.Table:
    """The whole table, or some of its columns.

    Raises:
        FileNotFoundError.
        OSError, pa.ArrowException: not Parquet, or damaged.
    """
    try:
        with pyarrow.parquet.ParquetFile(source, page_checksum_verification=True) as file:
            kept = (file.metadata.metadata or {}).get(ARROW)
            if kept and not same(pa.ipc.read_schema(pa.py_buffer(base64.b64decode(kept))), file.schema_arrow):
                raise pa.ArrowInvalid("the names or types of its columns are damaged")
            table = file.read(columns=columns)
        noted = dict(table.schema.metadata or {})
        if int(noted.pop(ROWS, table.num_rows)) != table.num_rows:
            raise pa.ArrowInvalid("the number of its rows is damaged")
        return table.replace_schema_metadata(noted)
    except (UnicodeDecodeError, ValueError) as error:
        raise pa.ArrowInvalid(f"damaged: {error}") from error


def same(kept: pa.Schema, found: pa.Schema) -> bool:
    """Whether two schemas of one file have the same names, and the same type for each column of plain values."""
    pairs = zip(kept.types, found.types, strict=False)
    return kept.names == found.names and all(a == b for a, b in pairs if a in PLAIN)
