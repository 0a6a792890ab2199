"""Text files of tables: unpacked and in UTF-8, or one line with the cure."""

import lzma
import shlex
from dataclasses import dataclass, replace

import pyarrow as pa

from sweep.errors import InputError

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
