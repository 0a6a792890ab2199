"""What is in one file of a corpus: texts, in pieces where it is long, or one a record of JSON, CSV and Parquet.

Nothing is held but one record, one piece or one block, so that a file may be larger than memory. A reader yields labels
(`:N` for line, element, row or piece N; nothing for a whole file) with bytes, or None for a record whose text is null.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from io import BufferedIOBase
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.train.data.inputs import File, Kind

CUT_ABOVE = 65_536  # bytes; a longer text file is cut at line ends, so that one big file can still be split
PIECE = 16_384  # bytes of such a cut
LONG_LINE = 1 << 20  # bytes; a longer line of text is cut, at a space where it has one
LONG_RECORD = 1 << 27  # bytes; a longer line of JSON or CSV, or element of an array, is no document
ROWS = 256  # of Parquet at a time
SPACES = re.compile(r"[ \t\n\r]*")
CHUNK = 1 << 16  # characters or bytes read at a time
JSON_NAMES = {dict: "object", list: "array", bool: "boolean"}

Texts = Iterator[tuple[str, bytes | None]]


class Unusable(Exception):
    """A file, or the record at `at`, that cannot be read as documents.

    Attributes:
        at: `:N` of the record.
        absent: what is meant lies elsewhere, so that the size of this file says nothing.
    """

    def __init__(self, reason: str, at: str = "", *, absent: bool = False):
        super().__init__(reason)
        self.at, self.absent = at, absent


def of_source(file: File, field: str) -> Texts:
    """The file as one text, however long. `field` means nothing here."""
    with file.open() as stream:
        yield "", stream.read()


def of_text(file: File, field: str) -> Texts:
    """The file as one text, or as pieces that end at line ends where it is long. `field` means nothing here."""
    with file.open() as stream:
        head = stream.read(CUT_ABOVE + 1)
    if b"\0" in head:  # not worth reading on
        raise Unusable("not text in UTF-8")
    if len(head) <= CUT_ABOVE:
        yield "", head
        return
    with file.open() as stream:
        for number, piece in enumerate(pieces(stream)):
            yield f":{number}", piece


def pieces(stream: BufferedIOBase) -> Iterator[bytes]:
    """Whole lines, just over PIECE bytes together; a line of more than LONG_LINE bytes is cut."""
    kept: list[bytes] = []
    size, rest = 0, b""
    while line := rest + stream.readline(LONG_LINE - len(rest)):
        line, rest = (line[: (cut := place_to_cut(line))], line[cut:]) if len(line) == LONG_LINE else (line, b"")
        kept.append(line)
        size += len(line)
        if size > PIECE:
            yield b"".join(kept)
            kept, size = [], 0
    if kept:
        yield b"".join(kept)


def place_to_cut(line: bytes) -> int:
    """Where a long line is cut: its end, else after a space of its second half, else between two characters."""
    if line.endswith(b"\n"):
        return len(line)
    if (space := line.rfind(b" ", len(line) // 2)) >= 0:
        return space + 1
    cut = len(line) - 1
    while cut > len(line) - 4 and line[cut] & 0xC0 == 0x80:  # inside a character of UTF-8
        cut -= 1
    return cut


def of_json(file: File, field: str) -> Texts:
    """The field of every JSON object: one a line, or the elements of one array."""
    with file.open() as stream:
        first = stream.read(CUT_ABOVE).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if first not in (b"[", b"{", b""):
        raise Unusable("not JSON in UTF-8 with one object a line", ":1")
    with file.open() as stream:
        for number, record in elements(stream) if first == b"[" else lines(stream):
            yield f":{number}", text_of(record, field, f":{number}")


def lines(stream: BufferedIOBase) -> Iterator[tuple[int, Any]]:
    """Numbers and values of the lines that are not blank."""
    number = 0
    while line := stream.readline(LONG_RECORD):
        number += 1
        if len(line) == LONG_RECORD and not line.endswith(b"\n"):
            raise Unusable(f"longer than {LONG_RECORD >> 20} MiB; write one JSON object a line", f":{number}")
        if line.isspace():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Unusable("not a JSON object; write one a line", f":{number}") from error


def elements(stream: BufferedIOBase) -> Iterator[tuple[int, Any]]:
    """Numbers and objects of one JSON array; no more of it is held than twice its longest element."""
    with io.TextIOWrapper(stream, "utf-8-sig", newline="") as characters:  # pyright: ignore[reportArgumentType]
        yield from array(characters.read)


def array(read: Callable[[int], str]) -> Iterator[tuple[int, Any]]:
    """Numbers and objects of the array whose next characters `read` gives."""
    decode, text, at, number, wanted = json.JSONDecoder().raw_decode, "", 0, 0, "["
    while wanted:
        at = SPACES.match(text, at).end()  # pyright: ignore[reportOptionalMemberAccess]: it matches nothing, too
        place, mark = f":{number + 1}", text[at : at + 1]
        if not mark:
            text, at = read(CHUNK), 0
            if not text:
                raise Unusable("the array has no end; the file is torn", place)
        elif mark not in wanted:
            raise Unusable("not an array of JSON objects", place)
        elif mark == "{":
            try:
                value, at = decode(text, at)
            except RecursionError as error:
                raise Unusable("nested too deeply", place) from error
            except ValueError as error:  # not valid, or not read to its end
                held = len(text) - at
                further = read(max(CHUNK, held)) if held < LONG_RECORD else ""
                if not further:
                    raise Unusable("not a JSON object", place) from error
                text, at = text[at:] + further, 0
                continue
            number, wanted = number + 1, ",]"
            yield number, value
        else:
            at, wanted = at + 1, {"[": "{]", ",": "{", "]": ""}[mark]
    if (text[at:] + read(CHUNK)).strip():
        raise Unusable("more after the end of the array", f":{number + 1}")


def text_of(record: Any, field: str, at: str) -> bytes | None:
    """The text of one JSON record; None for a null. Raises Unusable where there is none."""
    if not isinstance(record, dict):
        raise Unusable(f'not a JSON object with a string "{field}"', at)
    if field not in record:
        raise Unusable(f"no field {field!r}; {choice(record)}", at)
    text = record[field]
    if not (text is None or isinstance(text, str)):
        raise Unusable(f"field {field!r} is no string but a JSON {JSON_NAMES.get(type(text), 'number')}", at)
    return None if text is None else text.encode(errors="surrogatepass")  # a lone surrogate then fails to decode


def choice(names: Iterable[str]) -> str:
    """What there is, and how to name it."""
    names = [name if len(name) <= 40 else name[:37] + "..." for name in map(str, names)]
    listed = ", ".join(map(repr, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return (
        f"it has {listed}: name the text with --text-field (in a sweep: --data.text-field)" if names else "it has none"
    )


def of_csv(file: File, field: str) -> Texts:
    """The column `field`, row by row; an empty cell is an empty text.

    Strict, so that a quote that is not closed is an error and not one text of many rows.
    """
    csv.field_size_limit(LONG_RECORD)  # of the process: the default, 128 KiB, is less than many documents
    separator = "\t" if file.name.lower().endswith(".tsv") else ","
    encoding = {"encoding": "utf-8-sig", "errors": "surrogateescape"}  # what is not UTF-8 then fails to decode
    with file.open() as stream, io.TextIOWrapper(stream, **encoding, newline="") as characters:  # pyright: ignore
        rows = csv.reader(short_lines(characters), delimiter=separator, strict=True)
        try:
            names = next(rows, [])
            if names.count(field) != 1:
                other = next((sign for sign in ";\t|" if sign in names[0]), "") if len(names) == 1 else ""
                cut = (
                    f"the columns are separated by {other!r}, not by {separator!r}; write it as CSV, or .tsv with tabs"
                )
                absent = cut if other else f"no column {field!r}; {choice(names)}"
                raise Unusable(absent if field not in names else f"two columns {field!r}")
            place, filled = names.index(field), (row for row in rows if row)
            for number, row in enumerate(filled, 1):
                if len(row) != len(names):
                    cells = f"{len(row)} cells where the header has {len(names)}"
                    raise Unusable(f"{cells}; put text with separators in quotes", f":{rows.line_num}")
                yield f":{number}", row[place].encode(errors="surrogateescape")
        except csv.Error as error:
            raise Unusable(f"not CSV: {error}", f":{rows.line_num}") from error


def short_lines(characters: io.TextIOWrapper) -> Iterator[str]:
    """Lines that fit in memory. Raises Unusable for one that may not."""
    while line := characters.readline(LONG_RECORD):
        if len(line) == LONG_RECORD:
            raise Unusable(f"a line longer than {LONG_RECORD >> 20} MiB")
        yield line


def of_parquet(file: File, field: str) -> Texts:
    """The column `field`, row by row."""
    if file.packing:
        raise Unusable(f"a Parquet file inside {file.packing.name}; unpack it first")
    with pq.ParquetFile(file.path, buffer_size=CHUNK, pre_buffer=False) as table:
        schema = table.schema_arrow
        if schema.names.count(field) != 1:
            absent = f"no column {field!r}; {choice(schema.names)}"
            raise Unusable(absent if field not in schema.names else f"two columns {field!r}")
        kind = schema.field(field).type
        if not is_text(kind):
            raise Unusable(f"column {field!r} is no text but {kind}")
        row = 0
        for batch in table.iter_batches(ROWS, columns=[field]):
            column = batch.column(0)
            if pa.types.is_dictionary(kind):
                column = column.dictionary_decode()
            for value in column.cast(pa.large_binary()):  # bytes: what is not UTF-8 is one bad record, not an error
                yield f":{row}", value.as_py()
                row += 1


def is_text(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are strings, bytes or nothing."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    families = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary)
    families += (pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_null)
    return any(family(kind) for family in families)


READERS: dict[Kind, Callable[[File, str], Texts]] = {
    "source": of_source, "text": of_text, "json": of_json, "csv": of_csv, "parquet": of_parquet,
}  # fmt: skip
