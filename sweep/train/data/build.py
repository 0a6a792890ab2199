"""From documents to token shards, and the corpus that a sweep opens."""

import os
import platform
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np

from sweep.config import Data, content_hash
from sweep.errors import InputError
from sweep.train.data import overlap, sources
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
    map_tokens,
    open_folder,
    read_manifest,
    whole_folder,
    write_manifest,
)
from sweep.train.data.sources import Document
from sweep.train.data.tokenizer import Tokenizer

ENCODE_BYTES = 4 << 20  # of text encoded together
MUCH_OVERLAP = 0.05


def build(
    paths: Iterable[str],
    *,
    tokenizer: str = "byte",
    out: str | Path,
    val_fraction: float = 0.05,
    max_bytes: int = 0,
    progress: Progress = silent,
) -> Manifest:
    """Write token shards of `paths` to the folder `out`, whole or not at all; shards that are there already are kept.

    Args:
        paths: text files, .jsonl and .parquet with a `text`, folders, `python:stdlib`, `python:site`.
        tokenizer: `byte`, `bpe:N` trained on the training documents, or the path of a tokenizer.json.
        val_fraction: share of the documents that is held out; the one of lowest rank always is.
        max_bytes: use at most this much text, a random choice of documents; 0: all.
    Raises:
        InputError: no text, fewer than two documents, a bad tokenizer, `out` holding something else, a full disk.
    """
    paths, out = sorted(set(paths)), Path(out)
    check(paths, out, val_fraction, max_bytes)
    vocab = tokenizers.vocab_of(tokenizer)
    loaded = None if vocab else tokenizers.load(tokenizer)
    selection = select(paths, val_fraction, max_bytes, progress)
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
            name=paths[0] if len(paths) == 1 and paths[0] in sources.EMBEDDED else out.resolve().name,
            source=tuple(paths),
            fingerprint=fingerprint,
            tokenizer=tokenizer,
            tokenizer_hash=model.hash,
            vocab=model.vocab,
            dtype=dtype,
            train=train,
            val=val,
            skipped=selection.skipped,
            overlap=found,
            notes=overlap_notes(found),
            versions=versions,
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
        raise InputError("data build: no files; name text files, .jsonl, .parquet, folders, or python:stdlib")
    if not 0 < val_fraction < 0.5:
        raise InputError(f"data build: --val-fraction is {val_fraction}; it must be between 0 and 0.5")
    if max_bytes < 0:
        raise InputError(f"data build: --max-bytes is {max_bytes}; it must be 0 (all) or positive")
    for path in paths:
        if path not in sources.EMBEDDED and out.resolve().is_relative_to(Path(path).resolve()):
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
    dtype, end, done = np.dtype(dtype_of(model.vocab)).newbyteorder("<"), np.array([model.end]), 0
    with open(folder / "train.bin", "wb") as train, open(folder / "val.bin", "wb") as val:
        files = {"train": train, "val": val}
        for batch in batches(chosen(paths, selection)):
            for document, ids in zip(batch, model.encode([d.text for d in batch]), strict=True):
                split = "val" if selection.held_out(document.name) else "train"
                files[split].write(np.concatenate([ids, end]).astype(dtype).tobytes())
                counts[split].update(tokens=len(ids) + 1, bytes=document.size + 1, documents=1)
                done += document.size
            progress("encoding", done, selection.bytes)
    return Split(**counts["train"]), Split(**counts["val"])


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
    """The corpus of a sweep: an embedded one, tokenised once into the cache, or a folder as it was built.

    The cache is `$SWEEP_CACHE`, else `$XDG_CACHE_HOME/sweep`, else `~/.cache/sweep`. Its key hashes names, sizes and
    times of the source files, so changed text is built anew; the fingerprint hashes their content.

    Raises:
        InputError: no such corpus, damaged shards, a cache that cannot be written.
    """
    if config.path not in sources.EMBEDDED:
        if config.path.startswith("python:"):
            raise InputError(f"{config.path}: no such embedded corpus; there are {' and '.join(sources.EMBEDDED)}")
        return open_folder(Path(config.path))
    tokenizer = config.tokenizer if tokenizers.vocab_of(config.tokenizer) else tokenizers.load(config.tokenizer).hash
    key = content_hash(
        [FORMAT, version("tokenizers"), sources.listing(config.path), tokenizer, config.val_fraction, config.max_bytes]
    )
    folder = cache() / "data" / f"{config.path.replace(':', '-')}-{key}"
    if not (folder / MANIFEST).exists():
        try:
            build(
                [config.path],
                tokenizer=config.tokenizer,
                out=folder,
                val_fraction=config.val_fraction,
                max_bytes=config.max_bytes,
                progress=progress,
            )
        except InputError as error:
            if not (folder / MANIFEST).exists():  # else another process built the same meanwhile
                raise InputError(f"{error} (SWEEP_CACHE sets the cache folder)") from error
    return open_folder(folder)


def cache() -> Path:
    """Where tokens of embedded corpora are kept."""
    if chosen := os.environ.get("SWEEP_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sweep"
