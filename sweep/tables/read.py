"""From a path, a table in memory or arrays to one Arrow table whose columns have plain values and one name each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from sweep.errors import InputError

CURES = {
    ";": "tr ';' ',' < TABLE > commas.csv",
    "\t": "tr '\\t' ',' < TABLE > commas.csv, or name the file .tsv",
    "|": "tr '|' ',' < TABLE > commas.csv",
}


def read(path: str | Path) -> pa.Table:
    """A CSV, TSV or Parquet file, by its ending or its first bytes (anything else is read as CSV).

    Raises:
        InputError: no such file, one that may not be read, an empty one, one with a header only, one that does not
            parse, or columns that share a name.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: no such table; give a CSV or Parquet file, or the directory of a sweep")
    if file.stat().st_size == 0:
        raise InputError(f"{file}: the file is empty; a table needs a header and rows")
    try:
        with pa.input_stream(str(file)) as stream:
            head = stream.read(1 << 16)
        if file.suffix == ".parquet" or head[:4] == b"PAR1":
            table = pyarrow.parquet.ParquetFile(file).read()
        else:
            separator = "\t" if file.suffixes[:1] == [".tsv"] else ","
            judge_head(head, file, separator)
            table = pyarrow.csv.read_csv(file, parse_options=pyarrow.csv.ParseOptions(delimiter=separator))
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror or str(error).splitlines()[0]}") from error
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not a readable table: {str(error).splitlines()[0]}") from error
    if table.num_rows == 0:
        raise InputError(f"{file}: a header and no rows; nothing to fit")
    return distinct(table, str(file))


def judge_head(head: bytes, file: Path, separator: str) -> None:
    """Raise InputError where the first lines are no comma-separated text in UTF-8."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head[:4096]:
        raise InputError(f"{file}: not a CSV in UTF-8 (UTF-16, or a binary file); save it as a CSV in UTF-8")
    lines = head.decode("utf-8", "replace").splitlines()
    header, rest = (lines or [""])[0], lines[1:20]
    if header.count(separator):
        return
    seen = max(CURES, key=header.count)
    if not header.count(seen):
        return
    cure = CURES[seen].replace("TABLE", file.name)
    told = f"{file}: the columns are separated by {seen!r}, not by {separator!r}"
    if seen == ";" and any("," in line for line in rest):
        cure = f"tr ',;' '.,' < {file.name} > points.csv"
        told += ", and numbers have a decimal comma"
    raise InputError(f"{told}; write it with commas and decimal points: {cure}")


def distinct(table: pa.Table, name: str) -> pa.Table:
    """`table`, or an InputError where two columns share a name."""
    names = table.column_names
    if len(set(names)) < len(names):
        twice = next(column for column in names if names.count(column) > 1)
        raise InputError(f"{name}: two columns are named {twice!r}; rename one")
    return table


def in_memory(source: Any) -> tuple[pa.Table, str]:
    """A pyarrow or pandas table, or arrays by name, as an Arrow table, with its name in messages.

    Raises:
        InputError: nothing of the kind, no rows, columns of unequal length or that hold no plain values.
    """
    if isinstance(source, pa.Table):
        table, name = source, "table"
    elif isinstance(source, Mapping):
        name = "arrays"
        try:
            table = pa.table({key: pa.array(np.asarray(values)) for key, values in source.items()})
        except (pa.ArrowException, ValueError) as error:
            raise InputError(f"arrays: {error}; give one-dimensional arrays of equal length") from error
    elif type(source).__module__.partition(".")[0] == "pandas" and hasattr(source, "columns"):
        name = "table"
        try:
            table = pa.Table.from_pandas(source, preserve_index=False)
        except (pa.ArrowException, ValueError) as error:
            raise InputError(
                f"table: {' '.join(map(str, error.args))}; give columns of one kind and one name"
            ) from error
    else:
        raise InputError(f"cannot read a table from {type(source).__name__}; give a path, a table or arrays by name")
    if table.num_rows == 0:
        raise InputError(f"{name}: no rows; nothing to fit")
    return distinct(table, name), name
