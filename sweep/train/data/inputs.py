"""The files of a corpus, in folders and named one by one, with what each holds by its ending; data cards set apart."""

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Literal

from sweep.errors import InputError
from sweep.train.data import packed
from sweep.train.data.packed import Packing

EMBEDDED = ("python:stdlib", "python:site")
PACKAGES = ("site-packages", "dist-packages")
TESTS = ("test", "tests", "idle_test")

Kind = Literal["source", "text", "json", "csv", "parquet"]
KINDS: dict[str, Kind] = {
    ".jsonl": "json", ".ndjson": "json", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
}  # fmt: skip
RECORDS = (".jsonl", ".ndjson", ".parquet")  # endings that hold records and nothing else
CARDS = (
    "readme", "license", "licence", "copying", "notice", "citation", "changelog", "dataset_card", "datasetcard",
    "datacard", "data_card", "datasheet",
)  # fmt: skip
CARD_ENDINGS = ("", ".md", ".rst", ".txt", ".html", ".cff", ".bib")
ACCOUNTS = (
    "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "croissant.json", "_success",
    "md5sums", "sha256sums", "checksums.txt",
)  # fmt: skip


@dataclass(frozen=True)
class File:
    """One file of a corpus.

    Attributes:
        name: path below the given folder, without the ending of a compression: the unpacked file gives equal documents.
        path: where it lies.
        kind: what it holds, by its ending; `text` where that is not known, `source` of an embedded corpus.
        packing: its compression, or None.
        size: bytes on disk; None where nothing lies there (a link that leads nowhere).
    """

    name: str
    path: Path
    kind: Kind
    packing: Packing | None
    size: int | None

    @property
    def records(self) -> bool:
        """Whether it was surely meant as documents, so that one that cannot be read stops the build."""
        return self.name.lower().endswith(RECORDS)

    def open(self) -> BufferedIOBase:
        """Its bytes, unpacked. Raises OSError; a damaged one raises packed.DAMAGED as it is read."""
        return self.packing.open(self.path) if self.packing else self.path.open("rb")


def file_of(name: str, path: Path) -> File:
    """The file at `path`, which must be one, or a link."""
    name, packing = packed.split(name)
    try:
        size = path.stat().st_size
    except OSError:
        size = None
    return File(name, path, KINDS.get(Path(name).suffix.lower(), "text"), packing, size)


def files_of(path: str) -> list[File]:
    """Every file of one path, sorted by name: a file, a folder, or an embedded corpus.

    Raises:
        InputError: no such path, a folder that cannot be listed, or a path that is neither file nor folder.
    """
    if path in EMBEDDED:
        return [File(name, file, "source", None, file.stat().st_size) for name, file in python_files(path)]
    if path.startswith("python:"):
        raise InputError(f"{path}: no such embedded corpus; there are {' and '.join(EMBEDDED)}")
    root = Path(path)
    try:
        if path and root.is_dir():
            found = (file_of(name, file) for name, file in below(root))
            return sorted(found, key=lambda file: (file.name, file.path))
        if root.is_file():
            return [file_of(root.name, root)]
        there = path and root.exists()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; mend its permissions") from error
    if there:
        raise InputError(f"{path}: neither a file nor a folder; text is read twice, so a pipe will not do")
    raise InputError(f"{path}: no such file or folder; give text files, .jsonl, .csv, .parquet or a folder of them")


def cards(files: list[File]) -> list[File]:
    """What describes a data set and is no part of it: README, LICENSE, dataset_info.json beside files of records."""
    if not any(file.records or (file.kind == "json" and file.packing) for file in files):
        return []
    return [file for file in files if is_card(file.name)]


def is_card(name: str) -> bool:
    """Whether a file of this name is a data card or an account of other files."""
    name = name.rpartition("/")[2].lower()
    stem, dot, ending = name.partition(".")
    return name in ACCOUNTS or (stem in CARDS and dot + ending in CARD_ENDINGS)


def below(root: Path) -> Iterator[tuple[str, Path]]:
    """Relative names and paths of all files below `root`; hidden ones and caches left out.

    Linked folders are entered after all others, and no folder twice, so that a link back up ends.

    Raises:
        InputError: a folder that cannot be listed.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        start = waiting.pop(0)
        links: list[Path] = []
        for folder, folders, names in os.walk(start, onerror=refuse):
            place = os.stat(folder)
            if (place.st_dev, place.st_ino) in seen:
                folders.clear()
                continue
            seen.add((place.st_dev, place.st_ino))
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__pycache__")
            links += [Path(folder, f) for f in folders if os.path.islink(os.path.join(folder, f))]
            files = (Path(folder, f) for f in names if not f.startswith("."))
            yield from ((f.relative_to(root).as_posix(), f) for f in files if regular(f))
        waiting += links


def regular(path: Path) -> bool:
    """Whether a name in a folder stands for a file, or for one that cannot be seen: not for a pipe or a device."""
    try:
        return path.is_file() or not path.exists()
    except OSError:
        return True


def refuse(error: OSError) -> None:
    """Raise InputError for a folder that cannot be listed."""
    raise InputError(f"{error.filename}: cannot be listed: {error.strerror}; mend its permissions") from error


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
    """Hash of the names, sizes and times of a corpus: changes when a file does, without reading any.

    Raises:
        InputError: as `files_of`.
    """
    digest = hashlib.sha256()
    for file in files_of(corpus):
        stat = file.path.stat() if file.size is not None else None
        written = stat.st_mtime_ns if stat else 0
        digest.update(f"{file.name}\0{file.size or 0}\0{written}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()
