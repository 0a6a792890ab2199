"""A bundle on disk: one .tar.gz or a folder, written whole, and read without trust.

What is read is what the manifest lists: a name that leaves the folder, a link, a file that is not listed, that is
missing or whose SHA-256 differs ends the reading with one line.
"""

import contextlib
import gzip
import io as streams
import json
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from sweep import files, storage
from sweep.bundle.contents import FORMAT, MANIFEST, Bundle, Record, as_json, digest
from sweep.errors import InputError
from sweep.storage import Location

ENDINGS = (".tar.gz", ".tgz")
LARGEST = 64 << 20  # bytes of a manifest
AGAIN = "fetch it again, or make it again with `sweep bundle`"


def write(bundle: Bundle, out: Location) -> None:
    """A .tar.gz by its ending, else a folder, whose manifest is written last.

    Raises:
        InputError: something else is there, or the place cannot be written.
    """
    if out.name.endswith(ENDINGS):
        with files.whole(out) as sink:
            pack(bundle, sink)
        return
    if out.is_file() or (storage.listed(out) and not (out / MANIFEST).exists()):
        raise InputError(f"{out}: something else is there; choose another --out")
    if (out / MANIFEST).exists():
        raise InputError(f"{out}: a bundle is there already; remove it, or choose another --out")
    for name, data in bundle.files.items():
        with files.whole(out / name) as sink:
            sink.write(data)
    with files.whole(out / MANIFEST) as sink:
        sink.write(as_json(bundle.manifest))


def pack(bundle: Bundle, sink: Any) -> None:
    """The archive: the manifest first, nobody's name and no time of a file in it."""
    packed = gzip.GzipFile(filename="", fileobj=sink, mode="wb", mtime=0)
    with packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in [(MANIFEST, as_json(bundle.manifest)), *bundle.files.items()]:
            member = tarfile.TarInfo(f"{bundle.manifest['name']}/{name}")
            member.size = len(data)
            archive.addfile(member, streams.BytesIO(data))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[Path, Record]]:
    """(a folder that holds the bundle, checked; its manifest), for as long as the block goes on.

    Raises:
        InputError: no such bundle, damaged, incomplete, changed, or of a later version.
    """
    if path.is_dir():
        manifest = manifest_of(read_inside(path, MANIFEST), str(path))
        for name in manifest["files"]:
            check(name, read_inside(path, name), manifest, str(path))
        yield path, manifest
        return
    if not path.is_file():
        raise InputError(f"{path}: no such bundle; `sweep bundle DIR` makes one")
    with tempfile.TemporaryDirectory(prefix="sweep-bundle-") as folder:
        try:
            manifest = unpack(path, Path(folder))
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"{path}: not a whole bundle ({why}); {AGAIN}") from error
        yield Path(folder), manifest


def read_inside(folder: Path, name: str) -> bytes:
    """A file of an unpacked bundle. Raises InputError where it is missing."""
    file = folder / name
    if not file.is_file():
        what = "not a bundle" if name == MANIFEST else "the bundle is incomplete"
        raise InputError(f"{folder}: {what}, {name} is missing; {AGAIN}")
    return file.read_bytes()


def unpack(path: Path, folder: Path) -> Record:
    """Write what the manifest lists into `folder`; returns the manifest."""
    manifest: Record | None = None
    seen = set()
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            if member.isdir():
                continue
            name = str(PurePosixPath(*PurePosixPath(member.name).parts[1:]))
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                raise InputError(f"{path}: {member.name} is a link or a device, not a file: not a bundle of ours")
            if manifest is None:
                if name != MANIFEST or member.size > LARGEST:
                    raise InputError(f"{path}: not a bundle ({MANIFEST} is not its first file); {AGAIN}")
                manifest = manifest_of(content.read(), str(path))
                continue
            if name not in manifest["files"] or member.size != manifest["files"][name]["bytes"]:
                raise InputError(f"{path}: {member.name} is not as {MANIFEST} lists it; {AGAIN}")
            data = content.read()
            check(name, data, manifest, str(path))
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
            seen.add(name)
    if manifest is None:
        raise InputError(f"{path}: an empty archive, not a bundle; {AGAIN}")
    if missing := sorted(manifest["files"].keys() - seen):
        raise InputError(f"{path}: the bundle is incomplete, {missing[0]} is missing; {AGAIN}")
    return manifest


def manifest_of(data: bytes, where: str) -> Record:
    """A manifest, checked: every name in it stays inside. Raises InputError where it is none or of a later version."""
    try:
        manifest = json.loads(data)
        names = [*manifest["files"], *(fit["path"] for fit in manifest["fits"])]
        names += [fit["table"] for fit in manifest["fits"] if fit["table"] is not None]
        sums = [(entry["bytes"] + 0, entry["sha256"] + "") for entry in manifest["files"].values()]
        later = manifest["format"] > FORMAT
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{where}: {MANIFEST} is damaged; {AGAIN}") from error
    if later:
        raise InputError(f"{where}: a bundle of a later version (format {manifest['format']}); pip install -U isoflop")
    if outside := [name for name in names if not stays(name)]:
        raise InputError(f"{where}: {MANIFEST} names {outside[0]!r}, outside the bundle: not a bundle of ours")
    assert len(sums) == len(manifest["files"])
    return manifest


def stays(name: Any) -> bool:
    """Whether a name is of something inside the folder that it is relative to."""
    if not isinstance(name, str) or "\\" in name or "\0" in name:
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and name != ""


def check(name: str, data: bytes, manifest: Record, where: str) -> None:
    """Raise InputError where a file is not the one that was bundled."""
    if digest(data) != manifest["files"][name]["sha256"]:
        raise InputError(f"{where}: {name} was changed since the bundle was made (its SHA-256 differs); {AGAIN}")
