"""Documents from text files, folders, JSONL, Parquet, and the Python sources that every machine has.

A document is a name and its UTF-8 text. The name is relative to the path that was given, so that the same folder gives
the same names, and the same held-out split, on every machine.
"""

import hashlib
import json
import os
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.errors import InputError

EMBEDDED = ("python:stdlib", "python:site")
PACKAGES = ("site-packages", "dist-packages")
TESTS = ("test", "tests", "idle_test")
CUT_ABOVE = 65_536  # bytes; a longer text file is cut at line ends, so that one big file can still be split
PIECE = 16_384  # bytes of such a cut


@dataclass(frozen=True)
class Document:
    """One text.

    Attributes:
        name: path below the given folder, with `:N` for line, row or piece N of a file of many.
        text: at least one character, without NUL.
        size: UTF-8 bytes.
        digest: 16 bytes, equal for equal text.
    """

    name: str
    text: str
    size: int
    digest: bytes


def documents(paths: Iterable[str], skipped: Counter[str]) -> Iterator[Document]:
    """Every distinct document of `paths`, one at a time, in an order that depends on names alone.

    Args:
        paths: files, folders, `python:stdlib`, `python:site`.
        skipped: receives how many texts were left out: `undecodable` (not UTF-8, or with a NUL), `empty`,
            `duplicate`, `unreadable`.
    Raises:
        InputError: no such path, or a JSONL or Parquet file without a `text` in every record.
    """
    seen = set()
    for path in sorted(set(paths)):
        for name, data in texts(path):
            document = decode(name, data, skipped)
            if document is None:
                continue
            if document.digest in seen:
                skipped["duplicate"] += 1
                continue
            seen.add(document.digest)
            yield document


def decode(name: str, data: bytes | None, skipped: Counter[str]) -> Document | None:
    """The document of `data`, or None, counted, where it is no text."""
    if not data:
        skipped["unreadable" if data is None else "empty"] += 1
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        skipped["undecodable"] += 1
        return None
    return Document(name, text, len(data), hashlib.blake2b(data, digest_size=16).digest())


def texts(path: str) -> Iterator[tuple[str, bytes | None]]:
    """Names and raw bytes of every text below one path; None for a file that cannot be read."""
    if path in EMBEDDED:
        for name, file in python_files(path):
            yield name, read(file)
        return
    root = Path(path)
    if path.startswith("python:"):
        raise InputError(f"{path}: no such embedded corpus; there are {' and '.join(EMBEDDED)}")
    if not root.exists():
        raise InputError(f"{path}: no such file or folder; give text files, .jsonl, .parquet or a folder of them")
    readers = {".jsonl": of_jsonl, ".parquet": of_parquet}
    for name, file in walk(root) if root.is_dir() else [(root.name, root)]:
        try:
            yield from readers.get(file.suffix, of_text)(name, file)
        except OSError as error:
            raise InputError(f"{file}: cannot read: {error.strerror or error}".splitlines()[0]) from error


def read(path: Path) -> bytes | None:
    """The bytes of a file, None where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def of_text(name: str, path: Path) -> Iterator[tuple[str, bytes | None]]:
    """The file as one text, or as pieces that end at line ends where it is long."""
    try:
        file = path.open("rb")
    except OSError:
        yield name, None
        return
    with file:
        head = file.read(CUT_ABOVE + 1)
        if len(head) <= CUT_ABOVE or b"\0" in head:  # short, or binary and then not worth reading on
            yield name, head
            return
        file.seek(0)
        piece = 0
        while lines := file.readlines(PIECE):
            yield f"{name}:{piece}", b"".join(lines)
            piece += 1


def of_jsonl(name: str, path: Path) -> Iterator[tuple[str, bytes]]:
    """The `text` of every line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                text = json.loads(line)["text"]
                yield f"{name}:{number}", text.encode(errors="surrogatepass")  # a lone surrogate then fails to decode
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise InputError(f'{path}:{number}: not a JSON object with a string "text"') from error


def of_parquet(name: str, path: Path) -> Iterator[tuple[str, bytes]]:
    """The column `text`, row by row; a null is an empty text."""
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            if "text" not in schema.names:
                raise InputError(f"{path}: no column 'text'; it has {', '.join(schema.names)}")
            row = 0
            for batch in file.iter_batches(1024, columns=["text"]):
                for value in batch.column(0).cast(pa.large_binary()):
                    yield f"{name}:{row}", value.as_py() or b""
                    row += 1
    except pa.ArrowException as error:
        raise InputError(f"{path}: not a Parquet file with text in column 'text': {error}".splitlines()[0]) from error


# Files on disk


def walk(root: Path, *, suffix: str = "", without: tuple[str, ...] = ()) -> list[tuple[str, Path]]:
    """Files below `root` with relative names, sorted; hidden ones, caches and folders named in `without` left out."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith(".") and f not in (*without, "__pycache__")]
        found += [Path(folder, f) for f in files if f.endswith(suffix) and not f.startswith(".")]
    return sorted((path.relative_to(root).as_posix(), path) for path in found if path.is_file())


def python_files(corpus: str) -> list[tuple[str, Path]]:
    """Sources of an embedded corpus.

    `python:stdlib` leaves the tests out, which some distributions do not ship, so it is much the same on every machine;
    `python:site` has the tests and every installed package, and differs from machine to machine.
    """
    stdlib = Path(sysconfig.get_path("stdlib"))
    without = PACKAGES if corpus == "python:site" else PACKAGES + TESTS
    roots = [("stdlib", stdlib, without)]
    if corpus == "python:site":
        folders = sorted({Path(p).resolve() for p in sys.path if Path(p).name in PACKAGES and Path(p).is_dir()})
        roots += [("site", folder, ()) for folder in folders]
    return [
        (f"{label}/{name}", file)
        for label, root, skip in roots
        for name, file in walk(root, suffix=".py", without=skip)
    ]


def listing(corpus: str) -> str:
    """Hash of the names, sizes and times of an embedded corpus: changes when a file does, without reading any."""
    digest = hashlib.sha256()
    for name, file in python_files(corpus):
        stat = file.stat()
        digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
