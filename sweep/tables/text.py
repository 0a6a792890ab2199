"""Text files of tables: unpacked, in UTF-8, with commas, without comments; or one line with the cure."""

import lzma
import re
import shlex
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.csv

from sweep.errors import InputError
from sweep.tables.numbers import is_written
from sweep.tables.separators import fields, judge_separator, judge_title, ragged

EMPTY = "the file is empty; a table needs a header and rows"
PACKED = {  # first bytes -> codec, the command that unpacks it
    b"\x1f\x8b": ("gzip", "zcat"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstdcat"),
    b"BZh": ("bz2", "bzcat"),
    b"\xfd7zXZ": ("xz", "xzcat"),
}
FOREIGN = {  # first bytes -> what the file is, what to do
    b"PK\x03\x04": ("a ZIP file, as Excel workbooks are", "save the sheet as CSV UTF-8, or unzip it"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save the sheet as CSV UTF-8"),
    b"SQLite format": ("an SQLite database", "write the table as CSV"),
    b"\x89HDF": ("an HDF5 file", "write the table as CSV or Parquet"),
    b"\x93NUMPY": ("a NumPy array", "write it as CSV with a header"),
}


@dataclass(frozen=True)
class Text:
    """The bytes of a text file, unpacked.

    Attributes:
        data: without a byte order mark.
        name: the path as it was given, for messages.
        reader: the command that unpacks the file, or None where it is not packed.
    """

    data: bytes
    name: str
    reader: str | None = None

    def cure(self, command: str, result: str) -> str:
        """The shell command that sends the file through `command` and writes `result`."""
        name, (first, pipe, rest) = shlex.quote(self.name), command.partition(" | ")
        return (
            f"{self.reader} {name} | {command} > {result}"
            if self.reader
            else f"{first} < {name}{pipe}{rest} > {result}"
        )

    def decoded(self) -> str:
        """All of it as a string. Raises InputError where it is not UTF-8, with the command that converts it."""
        return decode(self.data, self, "the file")


def unpack(raw: bytes, name: str) -> Text:
    """The text in the bytes of a file, whatever its name ends in.

    Raises:
        InputError: a file that is no text, or is cut short.
    """
    for start, (codec, reader) in PACKED.items():
        if raw.startswith(start):
            return checked(Text(unpacked(raw, codec), name, reader))
    return checked(Text(raw, name))


def unpacked(raw: bytes, codec: str) -> bytes:
    """What is packed in some bytes. Raises OSError where they are cut short or damaged."""
    if codec == "xz":
        try:
            return lzma.decompress(raw)
        except lzma.LZMAError as error:
            raise OSError(f"Truncated or damaged xz: {error}") from error
    with pa.CompressedInputStream(pa.BufferReader(raw), codec) as stream:
        return stream.read()


def checked(text: Text) -> Text:
    """`text` without a byte order mark. Raises InputError for another kind of file than a text in bytes."""
    data, name = text.data, text.name
    for start, (kind, cure) in FOREIGN.items():
        if data.startswith(start):
            raise InputError(f"{name}: {kind}, not a table in text or Parquet; {cure}")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        cure = text.cure("iconv -f UTF-16 -t UTF-8", "utf8.csv")
        raise InputError(f"{name}: not a CSV in UTF-8 but in UTF-16; save it as CSV UTF-8, or: {cure}")
    if b"\0" in data[:4096]:
        raise InputError(f"{name}: not a CSV in UTF-8 (a binary file); save it as a CSV in UTF-8")
    return replace(text, data=data.removeprefix(b"\xef\xbb\xbf"))


def decode(data: bytes, text: Text, place: str) -> str:
    """Bytes in UTF-8 as a string; `place` says in messages what they are of the file."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        cure = text.cure("iconv -f WINDOWS-1252 -t UTF-8", "utf8.csv")
        raise InputError(
            f"{text.name}: {place} is not UTF-8 (byte 0x{data[error.start]:02x}, as Windows or Latin-1 write it): save "
            f"it as CSV UTF-8, or: {cure}"
        ) from error


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
