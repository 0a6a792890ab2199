"""Compressed files as streams of bytes: .gz, .bz2, .xz and .zst, known by their ending, checked by their first bytes.

Python 3.11 has no zstd of its own; pyarrow, which reads Parquet, brings one.
"""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError)  # what reading a damaged stream raises
BUFFER = 1 << 16


class Packing(NamedTuple):
    """A way to compress one file: its name, the bytes it begins with, and how to read it."""

    name: str
    magic: tuple[bytes, ...]
    open: Callable[[Path], Any]  # a binary stream


def open_zstd(path: Path) -> BufferedIOBase:
    """A .zst file of any number of frames; a torn one raises OSError at its end."""
    stream = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    return io.BufferedReader(stream, BUFFER)  # pyright: ignore[reportArgumentType]: it has all that a raw stream needs


GZIP = Packing("gzip", (b"\x1f\x8b",), gzip.GzipFile)
BZIP2 = Packing("bzip2", (b"BZh",), bz2.BZ2File)
XZ = Packing("xz", (b"\xfd7zXZ\0",), lzma.LZMAFile)
SKIPPED_FRAMES = tuple(bytes([byte]) + b"\x2a\x4d\x18" for byte in range(0x50, 0x60))  # RFC 8878, section 3.1.2
ZSTD = Packing("zstd", (b"\x28\xb5\x2f\xfd", *SKIPPED_FRAMES), open_zstd)
PACKINGS = {".gz": GZIP, ".bz2": BZIP2, ".xz": XZ, ".zst": ZSTD, ".zstd": ZSTD}


def split(name: str) -> tuple[str, Packing | None]:
    """A file's name without the ending of a compression, and the compression."""
    stem, dot, ending = name.rpartition(".")
    packing = PACKINGS.get(f".{ending.lower()}") if stem.rpartition("/")[2] and dot else None
    return (stem, packing) if packing else (name, None)


def wrong(path: Path, packing: Packing) -> str:
    """Why the file is not what its ending says, or nothing. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        head = file.read(8)
    if not head:
        return f"empty, no {packing.name} file; fetch it again"
    return "" if head.startswith(packing.magic) else f"not a {packing.name} file, in spite of its name"


def why(error: Exception) -> str:
    """One line for what a stream raised."""
    text = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
    torn = isinstance(error, EOFError) or "runcated" in text
    return "torn: its end is missing; fetch it again" if torn else text
