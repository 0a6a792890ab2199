"""From a path, a table in memory or arrays to one Arrow table whose columns have plain values and one name each."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sweep import parquet
from sweep.errors import InputError
from sweep.storage import Address, Location, locate
from sweep.tables.delimited import EMPTY, read_csv
from sweep.tables.pipes import is_drawn, read_pipes
from sweep.tables.records import DEEPEST, read_json
from sweep.tables.text import Text, unpack
from sweep.tables.usual import is_input
from sweep.tables.wide import lengthen

JSON, MARKDOWN, PACKED = (".json", ".jsonl", ".ndjson"), (".md", ".markdown"), (".gz", ".zst", ".bz2", ".xz")
HEAD = 1 << 16  # bytes that are looked at to tell a format


@dataclass(frozen=True)
class TableFile:
    """A table and how it is read, wherever one is asked for.

    Attributes:
        path: of the file, or the directory of a sweep; or a table in memory, or arrays by name.
        wide: how columns become rows, see sweep.tables.wide.
        drop_unfinished: leave out the rows whose loss is missing, infinite or a word, and count them.
    """

    path: Any
    wide: str | None = None
    drop_unfinished: bool = False


class Contents(NamedTuple):
    """A table, and (what, how many) of what was left out on the way."""

    table: pa.Table
    excluded: list[tuple[str, int]]


def read(path: str | Location) -> pa.Table:
    """The table of a file: `read_file` without `--wide`."""
    return read_file(TableFile(path)).table


def read_file(source: TableFile) -> Contents:
    """A Parquet, JSON, Markdown, TSV or CSV file, by its ending or its first bytes; text may be packed.

    Raises:
        InputError: no such file, one that may not be read, an empty one, one with a header only, one that does not
            parse, or columns that share a name.
    """
    file = locate(source.path)
    if not file.is_file():
        raise InputError(f"{file}: no such table; give a CSV, Parquet or JSON file, or the directory of a sweep")
    try:
        content = pa.py_buffer(file.read_bytes()) if isinstance(file, Address) else file
        if (content.stat().st_size if isinstance(content, Path) else content.size) == 0:
            raise InputError(f"{file}: {EMPTY}")
        table, commented = parsed(file, content)
        names = table.column_names
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror or str(error).splitlines()[0]}") from error
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not a readable table: {str(error).splitlines()[0]}") from error
    table = distinct(without_unnamed(table, names), str(file))
    excluded = [("commented out", commented)] * bool(commented)
    table, empty = long_form(table, source, str(file))
    if table.num_rows == 0:
        raise InputError(f"{file}: a header and no rows; nothing to fit")
    return Contents(table, [*excluded, *empty])


def long_form(table: pa.Table, source: TableFile, name: str) -> Contents:
    """The table as `wide` says, and how many of its cells are empty. Raises InputError as `lengthen`."""
    if source.wide is None:
        return Contents(table, [])
    table, empty = lengthen(table, source.wide, name)
    return Contents(table, [("empty cells", empty)] * bool(empty))


def parsed(file: Location, content: Path | pa.Buffer) -> tuple[pa.Table, int]:
    """(the table of a file, how many of its rows are commented out). `content` is the file, or what it holds."""
    source = str(content) if isinstance(content, Path) else content
    with pa.input_stream(source, compression=None) as stream:
        if stream.read(4) == b"PAR1" or file.suffix == ".parquet":
            whole = content if isinstance(content, Path) else pa.BufferReader(content)
            return flat(parquet.read(whole)), 0
    with pa.input_stream(source, compression=None) as stream:
        text = unpack(stream.read(), str(file))
    if text.data[:4] == b"PAR1":
        return flat(parquet.read(pa.BufferReader(text.data))), 0
    ending = Path(file.stem).suffix if file.suffix in PACKED else file.suffix
    if looks_like_json(text, ending):
        return read_json(text), 0
    if ending in MARKDOWN or is_drawn(text.data[:HEAD].decode(errors="replace")):
        return read_pipes(text), 0
    return read_csv(text, "\t" if ending == ".tsv" else ",")


def looks_like_json(text: Text, ending: str) -> bool:
    """Whether a text is JSON, by its ending or its first byte; under the name of a CSV also by its second."""
    start = text.data[:HEAD].lstrip()
    if ending in (".csv", ".tsv"):
        return start[:1] in (b"[", b"{") and start[1:].lstrip()[:1] in (b"{", b'"', b"[")
    return ending in JSON or start[:1] in (b"[", b"{")


def without_unnamed(table: pa.Table, names: list[str]) -> pa.Table:
    """`table` without the columns of no name that commas at the end of lines make, where there are several."""
    unnamed = [i for i, name in enumerate(names) if not name.strip()]
    return table.select([i for i in range(len(names)) if i not in unnamed]) if len(unnamed) > 1 else table


def flat(table: pa.Table) -> pa.Table:
    """`table` with the fields of nested columns as columns of their own: config.lr of config."""
    for _ in range(DEEPEST):
        if not any(pa.types.is_struct(field.type) for field in table.schema):
            break
        table = table.flatten()
    return table


def distinct(table: pa.Table, name: str) -> pa.Table:
    """`table` with its columns' places in the names that several have: `note (column 4)`.

    Raises:
        InputError: several columns have the name of an input.
    """
    names = table.column_names
    several = {column for column, count in Counter(names).items() if count > 1}
    if wanted := [column for column in names if column in several and is_input(column)]:
        raise InputError(f"{name}: two columns are named {wanted[0]!r}; rename one")
    placed = [f"{x} (column {i})" if x in several else x for i, x in enumerate(names, 1)]
    return table.rename_columns(placed) if several else table


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
