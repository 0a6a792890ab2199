"""Token shards: `train.bin` and `val.bin`, flat little-endian uint16 (uint32 above 65,536 ids), and `manifest.json`.

A folder with the two .bin files and no manifest is read as nanoGPT wrote it: uint16, vocabulary from the largest id.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sweep.errors import InputError
from sweep.storage import Location
from sweep.train.data.account import LeftOut
from sweep.train.data.ids import LOOKED_AT, Tokens, blocks, largest_id, require_ids, sample
from sweep.train.data.order import steps_per_epoch, window_count

FORMAT = 1
MANIFEST = "manifest.json"
SPLITS = ("train", "val")
DTYPES = ("uint16", "uint32")


@dataclass(frozen=True)
class Split:
    """How much text one split holds.

    Attributes:
        tokens: with one end a document.
        bytes: UTF-8 bytes and one for each end; None where the text is not known.
        documents: None where it is not known.
    """

    tokens: int
    bytes: int | None
    documents: int | None


@dataclass(frozen=True)
class Overlap:
    """Held-out windows that occur word for word in the training tokens."""

    window: int  # tokens
    checked: int  # windows, evenly spread
    found: int
    example: str = ""  # text of the first one

    @property
    def share(self) -> float:
        """found / checked."""
        return self.found / max(self.checked, 1)


@dataclass(frozen=True)
class Manifest:
    """What the shards are and what decided them."""

    name: str
    source: tuple[str, ...]  # paths as they were given
    fingerprint: str  # of everything that decides the tokens: documents, split, tokenizer
    tokenizer: str  # byte, bpe:N or the name of a file
    tokenizer_hash: str
    vocab: int
    dtype: str
    train: Split
    val: Split
    skipped: dict[str, int] = dataclasses.field(default_factory=dict)  # texts left out, by reason
    left_out: tuple[LeftOut, ...] = ()  # files that cannot be used, whole or in part
    cards: tuple[LeftOut, ...] = ()  # files that describe the others
    text_field: str = "text"  # of JSON records and tables
    overlap: Overlap | None = None
    notes: tuple[str, ...] = ()  # what a reader of results on these tokens should know
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    sha256: dict[str, str] = dataclasses.field(default_factory=dict)  # of the shards by file; older folders have none
    format: int = FORMAT


@dataclass(frozen=True, eq=False)
class Corpus:
    """Tokens of both splits, memory-mapped, with their manifest."""

    train: Tokens
    val: Tokens
    manifest: Manifest

    @property
    def vocab(self) -> int:
        """Ids run from 0 to vocab - 1."""
        return self.manifest.vocab

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits; equal for equal tokens."""
        return self.manifest.fingerprint

    @property
    def unique_tokens(self) -> int:
        """Training tokens, all distinct in the sense that no document occurs twice."""
        return self.manifest.train.tokens

    @property
    def bytes_per_token(self) -> float | None:
        """Of the held-out split: bits/byte = nats/token / ln 2 / bytes_per_token. None where bytes are unknown."""
        val = self.manifest.val
        return None if val.bytes is None else val.bytes / val.tokens


def require_windows(corpus: Corpus, seq_len: int, batch: int) -> None:
    """Raise InputError where training tokens hold less than one batch, or held-out ones less than one window."""
    name, windows = corpus.manifest.name, window_count(len(corpus.train), seq_len)
    if not steps_per_epoch(windows, batch):
        raise InputError(
            f"data {name}: {len(corpus.train)} training tokens are less than a batch of {batch} windows of {seq_len}; "
            "give more text, or a shorter seq_len or a smaller batch"
        )
    if not window_count(len(corpus.val), seq_len):
        raise InputError(
            f"data {name}: {len(corpus.val)} held-out tokens are fewer than one window of {seq_len} + 1; "
            "give more text, a larger val_fraction or a shorter seq_len"
        )
    if windows >= 2**31:
        raise InputError(
            f"data {name}: {windows} windows of {seq_len} tokens; 2^31 windows are the limit: use a longer seq_len, or "
            "--max-bytes"
        )


# Reading


def open_folder(folder: Path) -> Corpus:
    """The corpus of a folder of `sweep data build`, or of nanoGPT's two .bin files.

    A split of up to 2^28 tokens is read whole: its ids must be in the vocabulary, and its SHA-256 that of the manifest.
    Of a larger one, whose ids the build has seen, a sample is looked at; what trains is compared as it is read.

    Raises:
        InputError: no such folder, no shards in it, a manifest of another version, shards that do not match it.
    """
    if not folder.is_dir():
        what = "a file, not a folder of token shards" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}; make one with: sweep data build FILES... --out DIR")
    if not (folder / MANIFEST).exists():
        return open_bare(folder)
    manifest = read_manifest(folder)
    train, val = (map_tokens(folder / f"{s}.bin", manifest.dtype) for s in SPLITS)
    for name, tokens, split in (("train", train, manifest.train), ("val", val, manifest.val)):
        if len(tokens) != split.tokens:
            raise InputError(
                f"{folder / name}.bin: {len(tokens)} tokens, the manifest says {split.tokens}; "
                "the file is damaged: build the data again"
            )
        look = tokens if len(tokens) <= LOOKED_AT or not manifest.sha256 else sample(tokens)
        require_ids(look, manifest.vocab, f"{folder / name}.bin")
        require_sum(folder / f"{name}.bin", tokens, manifest)
    return Corpus(train, val, manifest)


def require_sum(file: Path, tokens: Tokens, manifest: Manifest) -> None:
    """Raise InputError where a split of up to LOOKED_AT tokens is not the one that the manifest was written with."""
    wanted = manifest.sha256.get(file.name)
    if wanted and len(tokens) <= LOOKED_AT and digest(file) != wanted:
        raise InputError(
            f"{file}: its SHA-256 is not the one in {MANIFEST}: the file was changed or damaged after it was built; "
            "restore it, or build the data again in another folder"
        )


def open_bare(folder: Path) -> Corpus:
    """Two .bin files of uint16 without a manifest; vocabulary = largest id + 1, rounded up to a multiple of 64."""
    missing = [f"{s}.bin" for s in SPLITS if not (folder / f"{s}.bin").is_file()]
    if missing:
        raise InputError(
            f"{folder}: no {MANIFEST} and no {' or '.join(missing)}; make token shards with: "
            f"sweep data build {folder} --out DIR"
        )
    train, val = (map_tokens(folder / f"{s}.bin", "uint16") for s in SPLITS)
    largest = max(largest_id(train), largest_id(val))
    vocab = 64 * -(-(largest + 1) // 64)
    digest = hashlib.sha256()
    for tokens in (train, val):
        digest.update(f"{len(tokens)}\n".encode())
        for block in blocks(tokens):
            digest.update(block.tobytes())
    manifest = Manifest(
        name=folder.resolve().name,
        source=(str(folder),),
        fingerprint=digest.hexdigest()[:12],
        tokenizer="unknown",
        tokenizer_hash="",
        vocab=vocab,
        dtype="uint16",
        train=Split(len(train), None, None),
        val=Split(len(val), None, None),
        notes=(
            f"no manifest: read as uint16, vocabulary {vocab} from the largest id {largest}; "
            "bytes unknown, so no bits/byte",
        ),
    )
    return Corpus(train, val, manifest)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder. Raises InputError where it is no manifest of this version."""
    return parse_manifest((folder / MANIFEST).read_bytes(), folder / MANIFEST)


def parse_manifest(text: bytes, path: Location) -> Manifest:
    """The manifest that `path` holds. Raises as `read_manifest`."""
    try:
        values: dict[str, Any] = json.loads(text)
        if values["format"] != FORMAT:
            raise InputError(f"{path}: format {values['format']}, this version reads {FORMAT}: build the data again")
        if values["dtype"] not in DTYPES or not isinstance(values["vocab"], int):
            raise ValueError("dtype or vocab")
        overlap = values["overlap"] and Overlap(**{k: v for k, v in values["overlap"].items() if k != "share"})
        return Manifest(
            **{
                **values,
                "source": tuple(values["source"]),
                "notes": tuple(values["notes"]),
                "train": Split(**values["train"]),
                "val": Split(**values["val"]),
                "overlap": overlap,
                **{key: tuple(LeftOut(**file) for file in values.get(key, ())) for key in ("left_out", "cards")},
            }
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a manifest of token shards: build the data again") from error


def map_tokens(path: Path, dtype: str) -> Tokens:
    """The ids of one shard, memory-mapped. Raises InputError for a missing, empty or torn file."""
    kind = np.dtype(dtype).newbyteorder("<")
    if not path.is_file():
        raise InputError(f"{path}: missing; build the data again")
    size = path.stat().st_size
    if not size or size % kind.itemsize:
        raise InputError(f"{path}: {size} bytes are no whole number of {dtype} tokens; build the data again")
    return np.memmap(path, kind, mode="r")


# Writing


def digest(path: Path) -> str:
    """SHA-256 of a file, as `sha256sum` tells it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def as_dict(manifest: Manifest) -> dict[str, Any]:
    """Plain JSON types, with the overlap's share spelled out."""
    values = dataclasses.asdict(manifest)
    if manifest.overlap:
        values["overlap"]["share"] = manifest.overlap.share
    return json.loads(json.dumps(values))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json."""
    (folder / MANIFEST).write_text(json.dumps(as_dict(manifest), indent=2) + "\n")


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A folder to fill that becomes `out` when the block ends well, and vanishes otherwise.

    Raises:
        InputError: the disk is full or read-only, or `out` appeared meanwhile with other content.
    """
    partial = out.parent / f".{out.name}.{uuid.uuid4().hex[:8]}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        yield partial
        for file in (*partial.iterdir(), partial):
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        partial.rename(out)
    except OSError as error:
        raise InputError(
            f"{out}: cannot write: {error.strerror or error}; free some space or choose another folder"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
