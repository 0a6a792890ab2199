"""CSV and tab-separated text to a table: without comments, under its header; or one line with the cure."""

import re

import pyarrow as pa
import pyarrow.csv

from sweep.errors import InputError
from sweep.tables.numbers import is_written
from sweep.tables.separators import fields, judge_separator, judge_title, ragged
from sweep.tables.text import Text, decode

EMPTY = "the file is empty; a table needs a header and rows"


def read_csv(text: Text, separator: str) -> tuple[pa.Table, int]:
    """(table, how many of its rows are commented out) of comma- or tab-separated text.

    Raises:
        InputError: another separator, a header that is not UTF-8, that stands below a title, or none; a row of more or
            fewer cells.
    """
    data, commented = without_comments(text.data, separator)
    header = header_of(data, text)
    judge_title(text, separator)
    judge_separator(header, data, text, separator)
    names = fields(header, separator)
    if len(names) > 1 and all(map(is_written, names)):
        raise InputError(f"{text.name}: the first line holds numbers, not names of columns: write a header above it")
    options = pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=b'"' in data)
    try:
        return pyarrow.csv.read_csv(pa.BufferReader(data), parse_options=options), commented
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            why = "a quote is not closed" if data.count(b'"') % 2 else "a header and no rows; nothing to fit"
            raise InputError(f"{text.name}: {why if data.strip() else EMPTY}") from error
        raise (ragged(header, data, text, separator) or error) from error


def header_of(data: bytes, text: Text) -> str:
    """The first line that is not empty."""
    start = re.match(rb"\s*([^\r\n]*)", data)
    return decode(start[1] if start else b"", text, "the header")


def without_comments(data: bytes, separator: str) -> tuple[bytes, int]:
    """(`data` without the lines that begin with `#`, how many of those are rows that were commented out).

    A `#` in front of the header is taken off: NumPy's savetxt writes it, and so do people who number rows under `#`.
    """
    if not re.search(rb"(\A|[\r\n])[ \t]*#", data):
        return data, 0
    kept, dropped, quoted = [], [], False
    for line in data.splitlines(keepends=True):
        if not quoted and line.lstrip().startswith(b"#"):
            dropped.append((any(map(bytes.strip, kept)), line))
            continue
        quoted ^= line.count(b'"') % 2 == 1
        kept.append(line)
    body = [line for line in kept if line.strip()]
    above = [line for below, line in dropped if not below]
    if body and above and names_columns(above[-1], body[0], separator):
        bare = above[-1].lstrip().lstrip(b"#")
        kept.insert(0, bare.lstrip() if cells_of(bare, separator)[0] else above[-1])
    width = len(cells_of(kept[0] if kept else b"", separator))
    rows = sum(below and len(cells_of(line, separator)) == width > 1 for below, line in dropped)
    return b"".join(kept), rows


def names_columns(comment: bytes, first: bytes, separator: str) -> bool:
    """Whether a comment is the header of a table whose `first` line has numbers."""
    names, values = cells_of(comment.lstrip().lstrip(b"#"), separator), cells_of(first, separator)
    return len(names) == len(values) > 1 and any(map(is_written, values)) and not any(map(is_written, names))


def cells_of(line: bytes, separator: str) -> list[str]:
    """The cells of one line of bytes."""
    return fields(line.decode(errors="replace"), separator)
