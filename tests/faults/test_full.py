"""Disks that fill up while a sweep trains, at every file that it writes."""

import errno
import random
import resource

import pytest

from sweep.errors import InputError, SweepError
from sweep.tables import io
from sweep.train import hold, saver
from tests.faults.disks import Disk, pages
from tests.faults.register import fault
from tests.faults.tiny import curves, losses, train

WRITTEN = {  # by Python; the arrays of checkpoints are written in C++
    "sweep.json", "plan.parquet", "cohorts.json", "spec.json", "lease-N", "log.jsonl", "rows-N.parquet",
    "curves-N.parquet", "DONE", "losses.parquet", "curves.parquet", "checkpoints/N/_CHECKPOINT_METADATA",
    "checkpoints/N/cursor/metadata", "checkpoints/N/state/_METADATA", "checkpoints/N/commit_success.txt",
    "checkpoints/N/cursor/commit_success.txt", "checkpoints/N/state/commit_success.txt",
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_process_after_the_other(monkeypatch):
    """Runs of this test follow one another as processes do: the one before has ended, whatever its claim says."""
    monkeypatch.setattr(hold, "gone", lambda other: True)


def is_sound(out, whole) -> None:
    """What can be read is what an uninterrupted run has, be it less."""
    there, expected = io.merged(out).to_pylist(), losses(whole)
    assert all(expected[row["trial"]] == (row["status"], row["loss"]) for row in there)
    io.merged_curves(out)


def refused(out, corpus) -> SweepError | None:
    """Train; what it ends with."""
    try:
        train(out, corpus)
    except SweepError as error:
        return error
    return None


@fault(
    "files",
    "the disk is full, at whichever file a run writes: none of it or half of it is written",
    "the run ends with a line that names the file; a half-written file is never read; once there is room the command "
    "goes on to the same table",
    code=1,
    remedy="make room, then repeat the command",
    where="each kind of file in turn, as it is opened for the first time, raises ENOSPC; then everything does",
)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_disk_is_full_at_each_file(stated, corpus, whole, tmp_path, monkeypatch, seed):
    out, chosen = tmp_path / "run", random.Random(seed)
    disk, tried = Disk(monkeypatch, out, errno.ENOSPC), []

    def first_time(name: str) -> bool:
        if name not in tried:
            tried.append(name)
            return True
        return False

    disk.fails = first_time
    while True:
        disk.half, disk.failing, before = chosen.random() < 0.5, False, len(tried)
        met = refused(out, corpus)
        if met is not None:
            text = stated.ended(met)
            assert "No space left on device; make room, then repeat the command" in text
            assert f"{out}/" in text
            name = tried[-1]  # of a checkpoint, written meanwhile, something else may be told that fails then
            assert name.startswith("checkpoints/") or name.split("N")[0] in text
            is_sound(out, whole)
            continue
        if len(tried) == before:
            break
    assert set(tried) == WRITTEN
    assert losses(out) == losses(whole)
    assert curves(out).equals(curves(whole))


def test_the_disk_is_full_at_some_moment(corpus, whole, tmp_path, monkeypatch):
    """Not as a file is written for the first time: at any of the files and lines, in the middle of it."""
    out, chosen = tmp_path / "run", random.Random(7)
    disk, left = Disk(monkeypatch, out, errno.ENOSPC), [0]

    def at_some_moment(name: str) -> bool:
        left[0] -= 1
        return not left[0]

    disk.fails, disk.half = at_some_moment, True
    for _ in range(10):
        left[0], disk.failing = chosen.randrange(8, 90), False
        refused(out, corpus)
        is_sound(out, whole)
    disk.fails, disk.failing = (lambda name: False), False
    train(out, corpus)
    assert losses(out) == losses(whole)
    assert curves(out).equals(curves(whole))


@fault(
    "files",
    "the arrays of a checkpoint find no room: a full disk, a quota, a limit to the size of files",
    "the run ends with a line that names the folder of the checkpoints; the save does not count, and what it left is "
    "deleted by the next run",
    code=1,
    remedy="make room, then repeat the command",
    where="the system refuses the files of the array store, in its own threads",
)
def test_the_arrays_of_a_checkpoint_find_no_room(stated, corpus, whole, tmp_path, monkeypatch, caplog):
    """The system itself refuses, in the threads of the array store: by a limit to the size of files."""
    save, kept = saver.Saver.save, resource.getrlimit(resource.RLIMIT_FSIZE)

    def limited(self, folder, arrays, note):
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, kept[1]))
        try:
            save(self, folder, arrays, note)
            self.wait(folder)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, kept)

    with monkeypatch.context() as patch:
        patch.setattr(saver.Saver, "save", limited)
        with pytest.raises(InputError) as error:
            train(tmp_path / "run", corpus)
    assert "/checkpoints/0: a checkpoint cannot be written: File too large; make room" in stated.ended(error.value)
    assert not caplog.records
    train(tmp_path / "run", corpus)
    assert losses(tmp_path / "run") == losses(whole)


@pytest.mark.slow
def test_a_real_disk_with_ever_more_room(corpus, whole, tmp_path, caplog):
    """From a page of room to enough, a page more each time: every file, and every part of a checkpoint, meets it."""
    with pages(tmp_path / "disk") as leave:
        out, number = tmp_path / "disk" / "run", 0
        while number < 60:
            leave(number := number + 1)
            met = refused(out, corpus)
            if met is None:
                break
            assert "No space left on device; make room, then repeat the command" in str(met)
            is_sound(out, whole)
        assert 10 < number < 60
        assert not caplog.records
        assert losses(out) == losses(whole)
        assert curves(out).select(["trial", "step", "loss"]).equals(curves(whole).select(["trial", "step", "loss"]))
