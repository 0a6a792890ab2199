"""Documents from text, JSON, CSV and Parquet files, plain or compressed, from folders of them, and from the Python
sources that every machine has.

A document is a name and its UTF-8 text. The name is relative to the path that was given, so that the same folder gives
the same names, and the same held-out split, on every machine.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from sweep.errors import InputError
from sweep.train.data import packed
from sweep.train.data.account import NOT_UTF8, Account, plain
from sweep.train.data.foreign import foreign
from sweep.train.data.inputs import File, cards, files_of
from sweep.train.data.readers import READERS, Texts, Unusable

TEXT_FIELD = "text"
POINTER, POINTER_SIZE = b"version https://git-lfs.github.com/spec/", 1024
WHY = {"undecodable": NOT_UTF8, "null": "null"}


@dataclass(frozen=True)
class Document:
    """One text.

    Attributes:
        name: path below the given folder, with `:N` for line, element, row or piece N of a file of many.
        text: at least one character, without NUL.
        size: UTF-8 bytes.
        digest: 16 bytes, equal for equal text.
    """

    name: str
    text: str
    size: int
    digest: bytes


def documents(paths: Iterable[str], account: Account, field: str = TEXT_FIELD) -> Iterator[Document]:
    """Every distinct document of `paths`, one at a time, in an order that depends on names alone.

    Args:
        paths: files, folders, `python:stdlib`, `python:site`.
        account: receives what is left out: files that cannot be used and data cards, by name; texts by reason:
            `undecodable` (not UTF-8, or with a NUL), `null`, `empty`, `duplicate`.
        field: of a JSON record, or column of a table, that holds the text.
    Raises:
        InputError: no such path, a file of records without `field` in each, a file that is damaged further on.
    """
    files = [file for path in sorted(set(paths)) for file in files_of(path)]
    apart = set(cards(files))
    seen: set[bytes] = set()
    for file in files:
        if file in apart:
            account.set_apart(file)
            continue
        account.total += file.size or 0
        for document in of_file(file, account, field):
            if document.digest in seen:
                account.texts["duplicate"] += 1
                continue
            seen.add(document.digest)
            yield document


def of_file(file: File, account: Account, field: str) -> Iterator[Document]:
    """The documents of one file; what it does not give is noted. Raises InputError as `documents`."""
    units, bad = 0, Counter[str]()
    try:
        for label, data in texts(file, field):
            units += 1
            document = decode(file.name + label, data)
            if isinstance(document, Document):
                yield document
            elif document == "empty":
                account.texts["empty"] += 1
            else:
                bad[document] += 1
    except Unusable as error:
        if units or file.records:
            raise InputError(f"{plain(str(file.path))}{error.at}: {error}") from error
        where = f"record {error.at[1:]}: " if error.at not in ("", ":1") else ""
        account.leave(file, f"{where}{error}", absent=error.absent)
        return
    if bad and units == 1 and file.kind in ("source", "text"):
        account.leave(file, WHY["undecodable"])
    elif bad:
        account.texts.update(bad)
        what = "pieces" if file.kind == "text" else "records"
        reason = ", ".join(f"{n:,} of {units:,} {what} {WHY[name]}" for name, n in sorted(bad.items()))
        account.leave(file, reason, sum(bad.values()) / units)


def texts(file: File, field: str) -> Texts:
    """What its reader yields, with one kind of error. Raises Unusable for whatever is wrong with the file."""
    try:
        if file.size is None:
            raise Unusable("a link that leads nowhere, or may not be followed", absent=True)
        if file.kind != "source" and file.size < POINTER_SIZE and is_pointer(file):
            raise Unusable("a Git LFS pointer, not the file; fetch it with git lfs pull", absent=True)
        if file.packing and (wrong := packed.wrong(file.path, file.packing)):
            raise Unusable(wrong, absent=not file.size)
        if file.kind not in ("source", "parquet") and (what := foreign(file)):
            raise Unusable(what)
        yield from READERS[file.kind](file, field)
    except UnicodeDecodeError as error:
        raise Unusable("not UTF-8") from error
    except pa.ArrowException as error:
        kind = "not a Parquet file" if file.kind == "parquet" else "damaged"
        raise Unusable(f"{kind}: {packed.why(error)}") from error
    except packed.DAMAGED as error:
        raise Unusable(f"cannot be read: {packed.why(error)}") from error


def is_pointer(file: File) -> bool:
    """Whether Git LFS left a note where the file is meant to lie."""
    with file.path.open("rb") as stream:
        return stream.read(len(POINTER)) == POINTER


def decode(name: str, data: bytes | None) -> Document | str:
    """The document of `data`, or why it is none: `null`, `empty`, `undecodable`."""
    if not data:
        return "null" if data is None else "empty"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "undecodable"
    if "\0" in text:
        return "undecodable"
    return Document(name, text, len(data), hashlib.blake2b(data, digest_size=16).digest())
