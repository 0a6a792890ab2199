"""Token shards copied once to a local disk of each host: windows are read at random, for which a store or a remote
folder is too slow.

The copy appears whole or not at all, and is compared with the manifest while it is made: sizes, and the SHA-256 of each
shard where `sweep data build` has recorded it. The processes of one host share it: one copies, the others wait.
"""

import contextlib
import fcntl
import hashlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sweep import storage
from sweep.devices import size_text
from sweep.errors import InputError
from sweep.hashing import content_hash
from sweep.storage import Location
from sweep.train.data.selection import Progress
from sweep.train.data.shards import MANIFEST, SPLITS, Manifest, parse_manifest, whole_folder
from sweep.train.data.tokenizer import FILE as TOKENIZER

BLOCK = 1 << 24  # bytes read at a time
POLL = 0.5  # seconds between looks at a lock that another process holds


def staged(source: Location, folder: Path, progress: Progress) -> Path:
    """The folder below `folder` that holds a copy of the shards in `source`, made now unless it is there.

    Raises:
        InputError: no shards in `source`, which cannot be read or are not what was built; a disk that is full or
            cannot be written.
    """
    if isinstance(source, Path) and folder.resolve().is_relative_to(source.resolve()):
        raise InputError(f"--data.stage {folder} lies in data.path {source}; name a folder of another disk")
    text = storage.read(source / MANIFEST)
    manifest = None if text is None else parse_manifest(text, source / MANIFEST)
    sizes = {f"{split}.bin": size_of(source, f"{split}.bin", manifest) for split in SPLITS}
    name = manifest.fingerprint if manifest else content_hash([str(source), sizes])
    out = folder / f"{source.resolve().name}-{name}"
    with locked(folder, out.name, progress):
        if complete(out, text, sizes):
            return out
        for left in (out, *folder.glob(f".{out.name}.????????")):  # of a copy that was killed, or another try
            shutil.rmtree(left, ignore_errors=True)
        require_room(folder, source, sum(sizes.values()))
        with whole_folder(out) as partial:
            copy(source, partial, sizes, manifest, progress)
            for other, content in ((MANIFEST, text), (TOKENIZER, storage.read(source / TOKENIZER))):
                if content is not None:
                    (partial / other).write_bytes(content)
    return out


def size_of(source: Location, name: str, manifest: Manifest | None) -> int:
    """Bytes of a shard. Raises InputError where it is missing, or not of the size that the manifest tells."""
    size = storage.size(source / name)
    if size is None:
        raise InputError(
            f"data.path {source}: no {name}; make token shards with `sweep data build`, and put the whole folder there"
        )
    if manifest:
        tokens = (manifest.train if name == "train.bin" else manifest.val).tokens
        if size != tokens * np.dtype(manifest.dtype).itemsize:
            raise InputError(
                f"{source / name}: {size} bytes, the manifest says {tokens} tokens; the file is damaged: put it there "
                "anew"
            )
    return size


def complete(out: Path, manifest: bytes | None, sizes: dict[str, int]) -> bool:
    """Whether a copy is there already, of shards of this manifest and these sizes."""
    if not all((out / name).is_file() and (out / name).stat().st_size == size for name, size in sizes.items()):
        return False
    return storage.read(out / MANIFEST) == manifest


def require_room(folder: Path, source: Location, needed: int) -> None:
    """Raise InputError where the disk cannot hold a copy."""
    if (free := shutil.disk_usage(folder).free) < needed:
        raise InputError(
            f"{folder}: {size_text(free)} are free and the copy of {source} takes {size_text(needed)}; free some "
            "space, or name another disk with --data.stage"
        )


def copy(source: Location, partial: Path, sizes: dict[str, int], manifest: Manifest | None, progress: Progress) -> None:
    """Copy the shards, and compare them with what was built. Raises InputError where they differ."""
    done, total = 0, sum(sizes.values())
    for name, size in sizes.items():
        digest, copied = hashlib.sha256(), 0
        with open(partial / name, "wb") as sink:
            for block in storage.blocks(source / name, BLOCK):
                digest.update(block)
                sink.write(block)
                done, copied = done + len(block), copied + len(block)
                progress("copying the tokens to this disk", done, total)
        expected = manifest.sha256.get(name) if manifest else None
        if copied != size or (expected and digest.hexdigest() != expected):
            raise InputError(
                f"{source / name}: not what was built: {copied} of {size} bytes, SHA-256 {digest.hexdigest()[:12]}, "
                f"the manifest says {(expected or 'nothing')[:12]}; put the file there anew, or build the data again"
            )


@contextlib.contextmanager
def locked(folder: Path, name: str, progress: Progress) -> Iterator[None]:
    """While no other process of this host copies the same; the lock goes with the process that holds it.

    Raises:
        InputError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / f".{name}.lock").open("w")
    except OSError as error:
        raise InputError(f"{folder}: cannot write: {error.strerror}; choose another --data.stage") from error
    with lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress("waiting for another process that copies the tokens", 0, 0)
                time.sleep(POLL)
        yield
