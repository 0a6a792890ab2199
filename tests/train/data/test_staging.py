"""Shards copied to a local disk: whole or not at all, what was built, once for all processes of a host."""

import fcntl
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import fsspec
import pytest

from sweep import storage
from sweep.config import Data, Sweep
from sweep.errors import InputError
from sweep.train.data import shards, staging
from sweep.train.data.build import build, open_data
from sweep.train.data.selection import silent
from sweep.train.data.staging import staged


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "text").mkdir()
    for i in range(40):
        (tmp_path / "text" / f"{i}.txt").write_text(f"document {i} " * 20)
    build([str(tmp_path / "text")], out=tmp_path / "data", val_fraction=0.2)
    return tmp_path / "data"


@pytest.fixture
def local(tmp_path: Path) -> Path:
    return tmp_path / "disk"


def edit(folder: Path, **values: object) -> None:
    path = folder / shards.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_the_copy_is_what_was_built_and_is_made_once(built: Path, local: Path):
    seen: list[tuple[str, int, int]] = []
    out = staged(built, local, lambda *what: seen.append(what))
    assert {f.name: f.read_bytes() for f in out.iterdir()} == {f.name: f.read_bytes() for f in built.iterdir()}
    assert out.name == f"data-{shards.read_manifest(built).fingerprint}"
    assert seen[-1][1] == seen[-1][2] == sum((built / f"{s}.bin").stat().st_size for s in shards.SPLITS)
    seen.clear()
    inode = (out / "train.bin").stat().st_ino
    assert staged(built, local, lambda *what: seen.append(what)) == out
    assert not seen
    assert (out / "train.bin").stat().st_ino == inode


def test_a_config_reads_the_copy(built: Path, local: Path):
    there, here = (open_data(Data(path=str(built), stage=stage)) for stage in ("", str(local)))
    shutil.rmtree(built / "train.bin", ignore_errors=True)
    assert here.fingerprint == there.fingerprint
    assert (here.train == there.train).all()
    assert str(here.train.filename).startswith(str(local))  # pyright: ignore[reportAttributeAccessIssue]


def test_a_store_needs_a_local_disk_and_is_read_through_it(built: Path, local: Path):
    with pytest.raises(InputError, match=r"data.path is 'memory://bucket/corpus'; it must be .*--data.stage"):
        Sweep("x", (1e9,), data=Data(path="memory://bucket/corpus"))
    Sweep("x", (1e9,), data=Data(path="memory://bucket/corpus", stage="disk"))
    fsspec.filesystem("memory").put(str(built), "/bucket/corpus", recursive=True)
    assert storage.read(storage.locate("memory://bucket/corpus") / shards.MANIFEST) is not None
    corpus = open_data(Data(path="memory://bucket/corpus", stage=str(local)))
    assert corpus.fingerprint == shards.open_folder(built).fingerprint
    with pytest.raises(InputError, match=r"memory://bucket/none: no train\.bin; make token shards"):
        open_data(Data(path="memory://bucket/none", stage=str(local)))


def test_text_is_not_copied(tmp_path: Path, local: Path):
    (tmp_path / "a.txt").write_text("text")
    for path in ("python:stdlib", str(tmp_path / "a.txt")):
        with pytest.raises(InputError, match=r"is text, whose tokens lie in the cache.*leave data\.stage out"):
            open_data(Data(path=path, stage=str(local)))


def test_a_corpus_is_not_copied_into_itself(built: Path):
    for inside in (built, built / "stage"):
        with pytest.raises(InputError, match=r"lies in data\.path"):
            staged(built, inside, silent)


def test_a_shard_that_was_changed_is_refused(built: Path, local: Path):
    data = bytearray((built / "train.bin").read_bytes())
    data[100] ^= 1
    (built / "train.bin").write_bytes(data)
    with pytest.raises(InputError, match=r"train\.bin: not what was built: (\d+) of \1 bytes, SHA-256 \w{12}, "):
        staged(built, local, silent)
    assert [f.name for f in local.iterdir() if not f.name.endswith(".lock")] == []
    edit(built, sha256={})  # built before hashes were recorded: sizes are all there is
    assert (staged(built, local, silent) / "train.bin").read_bytes() == data
    (built / "train.bin").write_bytes(data[:-2])
    with pytest.raises(InputError, match=r"train\.bin: \d+ bytes, the manifest says \d+ tokens"):
        staged(built, local, silent)


def test_shards_without_a_manifest_are_copied_by_size(built: Path, local: Path):
    (built / shards.MANIFEST).unlink()
    out = staged(built, local, silent)
    assert shards.open_folder(out).fingerprint == shards.open_folder(built).fingerprint


def test_a_damaged_copy_and_what_a_kill_left_are_made_anew(built: Path, local: Path):
    out = staged(built, local, silent)
    os.truncate(out / "train.bin", 10)
    left = local / f".{out.name}.0123abcd"
    left.mkdir()
    staged(built, local, silent)
    assert (out / "train.bin").read_bytes() == (built / "train.bin").read_bytes()
    assert not left.exists()


def test_a_full_disk_is_one_line_before_and_while_it_fills(built: Path, local: Path, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda folder: usage._replace(free=10))
    with pytest.raises(InputError, match=r"disk: 10 bytes are free and the copy of .*data takes .*--data.stage"):
        staged(built, local, silent)
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda folder: usage)

    def fills(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="cannot write: No space left on device"):
        staged(built, local, fills)
    assert [f.name for f in local.iterdir() if not f.name.endswith(".lock")] == []


def test_a_source_that_fails_is_not_taken_for_the_disk(built: Path, local: Path, monkeypatch):
    class Broken(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError(5, "Input/output error")

    opens = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, *a, **kw: Broken() if self.name == "val.bin" else opens(self, *a, **kw)
    )
    with pytest.raises(InputError, match=r"data/val\.bin: cannot be read: Input/output error"):
        staged(built, local, silent)
    monkeypatch.undo()
    fsspec.filesystem("memory").put(str(built), "/bucket/full", recursive=True)

    def fills(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match=rf"{local}/full-\w+: cannot write: No space left on device"):
        staged(storage.locate("memory://bucket/full"), local, fills)


def test_another_process_waits_for_the_copy(built: Path, local: Path, monkeypatch):
    monkeypatch.setattr(staging, "POLL", 0.02)
    name = f".data-{shards.read_manifest(built).fingerprint}.lock"
    local.mkdir()
    holds = f"import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.flock(f,{fcntl.LOCK_EX}); print(1,flush=True); input()"
    command = [sys.executable, "-c", holds, str(local / name)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    seen: list[str] = []
    waits = threading.Event()

    def say(stage: str, done: int, total: int) -> None:
        seen.append(stage)
        waits.set()

    try:
        assert other.stdout is not None
        other.stdout.readline()
        threading.Thread(target=lambda: waits.wait(20) and other.kill(), daemon=True).start()  # the lock goes with it
        out = staged(built, local, say)
    finally:
        other.kill()
        other.communicate(timeout=20)
    assert "waiting for another process" in seen[0]
    assert (out / "train.bin").exists()
