"""From documents to token shards, and the corpus that a sweep opens."""

import os
import platform
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np

from sweep import files
from sweep.config import Data
from sweep.errors import InputError, Refusal
from sweep.hashing import content_hash
from sweep.storage import Address, locate
from sweep.train.data import inputs, overlap
from sweep.train.data import tokenizer as tokenizers
from sweep.train.data.selection import Progress, Selection, chosen, sample, select, silent
from sweep.train.data.shards import (
    FORMAT,
    MANIFEST,
    SPLITS,
    Corpus,
    Manifest,
    Overlap,
    Split,
    digest,
    map_tokens,
    open_folder,
    read_manifest,
    whole_folder,
    write_manifest,
)
from sweep.train.data.sources import TEXT_FIELD, Document
from sweep.train.data.staging import staged
from sweep.train.data.tokenizer import Tokenizer

ENCODE_BYTES = 4 << 20  # of text encoded together
MUCH_OVERLAP = 0.05
MOST_UNKNOWN = 0.01  # of the bytes of the text, that a tokenizer may not know


def build(
    paths: Iterable[str],
    *,
    tokenizer: str = "byte",
    out: str | Path,
    val_fraction: float = 0.05,
    max_bytes: int = 0,
    text_field: str = TEXT_FIELD,
    allow_skips: bool = False,
    name: str = "",
    progress: Progress = silent,
) -> Manifest:
    """Write token shards of `paths` to the folder `out`, whole or not at all; shards that are there already are kept.

    Args:
        paths: files of text, JSON, CSV and Parquet, plain or compressed, folders, `python:stdlib`, `python:site`.
        tokenizer: `byte`, `bpe:N` trained on the training documents, or the path of a tokenizer.json.
        val_fraction: share of the documents that is held out; the one of lowest rank always is.
        max_bytes: use at most this much text, a random choice of documents; 0: all.
        text_field: of JSON records, or column of tables, that holds the text.
        allow_skips: also where more than 1 % of the input cannot be used.
        name: of the corpus; that of `out` by default.
    Raises:
        InputError: no text, fewer than two documents, a bad tokenizer, `out` holding something else, a full disk.
        Refusal: `left_out`, more than 1 % of the input cannot be used; `unknown_tokens`, the tokenizer does not know
            more than 1 % of the text.
    """
    paths, out = sorted(set(paths)), Path(out)
    check(paths, out, val_fraction, max_bytes)
    vocab = tokenizers.vocab_of(tokenizer)
    loaded = None if vocab else tokenizers.load(tokenizer)
    selection = select(paths, val_fraction, max_bytes, progress, field=text_field, allow_skips=allow_skips)
    versions = {"python": platform.python_version(), "tokenizers": version("tokenizers"), "numpy": np.__version__}
    decides = [FORMAT, selection.digest, selection.used_to, selection.held_to]
    decides += [loaded.hash] if loaded else [tokenizer, versions["tokenizers"]]
    fingerprint = content_hash(decides)
    if (there := already(out, fingerprint)) is not None:
        return there
    model = loaded or learn(vocab or 0, paths, selection, progress)
    with whole_folder(out) as folder:
        train, val = encode(folder, paths, selection, model, progress)
        dtype = dtype_of(model.vocab)
        shards = [map_tokens(folder / f"{split}.bin", dtype) for split in SPLITS]
        progress("comparing the splits", selection.bytes, 0)
        found = overlap.find(shards[0], shards[1], model)
        manifest = Manifest(
            name=name or (paths[0] if len(paths) == 1 and paths[0] in inputs.EMBEDDED else out.resolve().name),
            source=tuple(paths),
            fingerprint=fingerprint,
            tokenizer=tokenizer,
            tokenizer_hash=model.hash,
            vocab=model.vocab,
            dtype=dtype,
            train=train,
            val=val,
            skipped=selection.skipped,
            left_out=selection.left_out,
            cards=selection.cards,
            text_field=text_field,
            overlap=found,
            notes=(*vocabulary_notes(vocab, model.vocab), *overlap_notes(found)),
            versions=versions,
            sha256={f"{split}.bin": digest(folder / f"{split}.bin") for split in SPLITS},
        )
        model.save(folder)
        write_manifest(folder, manifest)
    return manifest


def learn(vocab: int, paths: list[str], selection: Selection, progress: Progress) -> Tokenizer:
    """A BPE trained on a sample of the training documents, never on a held-out one."""
    texts = sample(chosen(paths, selection), selection)
    progress("training the tokenizer", sum(map(len, texts)), 0)
    return tokenizers.train(vocab, texts)


def check(paths: list[str], out: Path, val_fraction: float, max_bytes: int) -> None:
    """Refuse arguments that cannot work before any work is done."""
    if not paths:
        raise InputError("data build: no files; name text files, .jsonl, .csv, .parquet, folders, or python:stdlib")
    if not 0 < val_fraction < 0.5:
        raise InputError(f"data build: --val-fraction is {val_fraction}; it must be between 0 and 0.5")
    if max_bytes < 0:
        raise InputError(f"data build: --max-bytes is {max_bytes}; it must be 0 (all) or positive")
    for path in paths:
        if path not in inputs.EMBEDDED and Path(os.path.realpath(out)).is_relative_to(os.path.realpath(path)):
            raise InputError(f"data build: --out {out} lies in the input {path}; choose a folder beside it")


def already(out: Path, fingerprint: str) -> Manifest | None:
    """The manifest of equal shards in `out`, or None where nothing is there. Raises InputError for anything else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / MANIFEST).is_file():
        raise InputError(f"{out}: holds other files; choose a new folder with --out")
    manifest = read_manifest(out)
    if manifest.fingerprint != fingerprint:
        raise InputError(
            f"{out}: holds other data (fingerprint {manifest.fingerprint}); choose a new folder with --out"
        )
    return open_folder(out).manifest


# Second pass: tokens


def encode(
    folder: Path, paths: list[str], selection: Selection, model: Tokenizer, progress: Progress
) -> tuple[Split, Split]:
    """Write train.bin and val.bin; return how much each holds."""
    counts = {split: Counter[str]() for split in SPLITS}
    dtype, end, done, unknown = np.dtype(dtype_of(model.vocab)).newbyteorder("<"), np.array([model.end]), 0, 0
    with open(folder / "train.bin", "wb") as train, open(folder / "val.bin", "wb") as val:
        shards = {"train": train, "val": val}
        for batch in batches(chosen(paths, selection)):
            texts = [document.text for document in batch]
            encoded = model.encode(texts)
            unknown += model.unknown(texts, encoded)
            refuse_unknown(unknown, done + sum(document.size for document in batch), selection.bytes)
            for document, ids in zip(batch, encoded, strict=True):
                split = "val" if selection.held_out(document.name) else "train"
                shards[split].write(np.concatenate([ids, end]).astype(dtype).tobytes())
                counts[split].update(tokens=len(ids) + 1, bytes=document.size + 1, documents=1)
                done += document.size
            progress("encoding", done, selection.bytes)
    return Split(**counts["train"]), Split(**counts["val"])


def refuse_unknown(unknown: int, read: int, total: int) -> None:
    """Raise Refusal (`unknown_tokens`) once more than MOST_UNKNOWN of all bytes became the unknown token."""
    if unknown > MOST_UNKNOWN * total:
        so_far = "" if read >= total else f" so far ({read / total:.0%} of it read)"
        raise Refusal(
            "unknown_tokens",
            f"the tokenizer does not know {unknown / read:.1%} of the text{so_far}: its unknown token or nothing "
            "stands there; use a tokenizer that was trained on such text, --tokenizer bpe:N, or byte",
        )


def batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Lists of about ENCODE_BYTES of text: enough to keep every core of the tokenizer busy."""
    batch: list[Document] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += document.size
        if size >= ENCODE_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def dtype_of(vocab: int) -> str:
    """The narrower of the two shard types that holds every id."""
    return "uint16" if vocab <= 65_536 else "uint32"


def vocabulary_notes(asked: int | None, got: int) -> tuple[str, ...]:
    """A word where a BPE is smaller than it was asked to be."""
    if asked is None or got >= asked:
        return ()
    return (
        f"bpe:{asked} was asked for and the vocabulary has {got:,} ids: the training text has no more pairs to merge; "
        "give more text, or ask for fewer",
    )


def overlap_notes(found: Overlap) -> tuple[str, ...]:
    """A warning where much of the held-out text was seen in training."""
    if found.share <= MUCH_OVERLAP:
        return ()
    return (
        f"{found.share:.1%} of {found.checked} held-out windows of {found.window} tokens occur word for word in the "
        f"training text, the first: {found.example!r}; held-out losses partly measure memory "
        "(licence headers and boilerplate repeat in code)",
    )


# Opening


def open_data(config: Data, progress: Progress = silent) -> Corpus:
    """The corpus of a sweep: shards as they were built, or text (an embedded corpus, a file, a folder of files) that is
    tokenised once into the cache.

    The cache is `$SWEEP_CACHE`, else `$XDG_CACHE_HOME/sweep`, else `~/.cache/sweep`. Its key hashes names, sizes and
    times of the source files, so changed text is built anew; the fingerprint hashes their content.

    Raises:
        InputError: no such corpus, damaged shards, a cache that cannot be written; else as `build`.
        Refusal: as `build`.
    """
    embedded = config.path.startswith("python:")
    place = Path(config.path) if embedded else locate(config.path)
    if isinstance(place, Address) or not (embedded or holds_text(place)):
        if not config.stage:
            return open_folder(files.local(config.path))
        return open_folder(staged(place, files.local(config.stage, "data.stage"), progress))
    if config.stage:
        raise InputError(
            f"data.stage {config.stage}: {config.path} is text, whose tokens lie in the cache (SWEEP_CACHE), which is "
            "local already; leave data.stage out"
        )
    path = place
    tokenizer = config.tokenizer if tokenizers.vocab_of(config.tokenizer) else tokenizers.load(config.tokenizer).hash
    key = [FORMAT, version("tokenizers"), inputs.listing(config.path), tokenizer, config.val_fraction, config.max_bytes]
    if not embedded:
        key += [str(path.resolve()), config.text_field, config.allow_skips]
    name = config.path.replace(":", "-") if embedded else path.resolve().name
    folder = files.cache() / "data" / f"{name}-{content_hash(key)}"
    if not (folder / MANIFEST).exists():
        try:
            build(
                [config.path],
                tokenizer=config.tokenizer,
                out=folder,
                val_fraction=config.val_fraction,
                max_bytes=config.max_bytes,
                text_field=config.text_field,
                allow_skips=config.allow_skips,
                name=config.path if embedded else name,
                progress=progress,
            )
        except InputError as error:
            if not (folder / MANIFEST).exists():  # else another process built the same meanwhile
                hint = " (SWEEP_CACHE sets the cache folder)" if str(error).startswith(str(folder)) else ""
                raise InputError(f"{error}{hint}") from error
    return open_folder(folder)


def holds_text(path: Path) -> bool:
    """Whether a path is text to be tokenised: a file, or a folder with files and without token shards."""
    shards = (MANIFEST, *(f"{split}.bin" for split in SPLITS))
    return path.is_file() or (
        path.is_dir() and not any((path / name).exists() for name in shards) and any(path.iterdir())
    )
