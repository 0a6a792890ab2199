"""A file takes its name only when all of it is on disk; trouble is one line and leaves nothing behind."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweep import files
from sweep.errors import InputError
from sweep.files import Growth, extend, local, whole, write_text
from sweep.storage import locate

ROOT = Path(__file__).parents[1]


def test_text_is_written_with_the_folders_on_the_way(tmp_path):
    write_text(tmp_path / "new" / "t.txt", "größer\n")
    assert (tmp_path / "new" / "t.txt").read_bytes() == "größer\n".encode()
    assert os.listdir(tmp_path / "new") == ["t.txt"]


def test_nothing_has_the_name_until_all_is_written(tmp_path):
    write_text(tmp_path / "t", "old")
    with whole(tmp_path / "t") as sink:
        sink.write(b"new")
        sink.flush()
        assert (tmp_path / "t").read_text() == "old"
    assert (tmp_path / "t").read_text() == "new"


def test_two_writers_at_once_leave_one_file_whole(tmp_path):
    """Also where they cannot be told apart by their process number: two containers of one folder."""
    with whole(tmp_path / "t") as first:
        first.write(b"first")
        with whole(tmp_path / "t") as second:
            second.write(b"2nd")
        assert (tmp_path / "t").read_text() == "2nd"
    assert (tmp_path / "t").read_text() == "first"
    assert os.listdir(tmp_path) == ["t"]


def interrupted(path, error: Exception):
    """A writer that fails half-way."""
    with whole(path) as sink:
        sink.write(b"half")
        raise error


def test_a_writer_that_fails_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "t", "old")
    with pytest.raises(KeyError):
        interrupted(tmp_path / "t", KeyError())
    assert (tmp_path / "t").read_text() == "old"
    assert os.listdir(tmp_path) == ["t"]


def test_a_full_disk_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"t: cannot be written: No space left on device; make room"):
        interrupted(tmp_path / "t", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert os.listdir(tmp_path) == []


def test_beneath_a_file_and_over_a_folder(tmp_path):
    write_text(tmp_path / "file", "")
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "file" / "t", tmp_path / "folder"):
        with pytest.raises(InputError, match="cannot be written"):
            write_text(place, "x")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.parametrize(
    "path", ["gs://bucket/x", "s3://b/x/y", "hf://datasets/a", "https://x.org/t.csv", Path("gs://b/x")]
)
def test_an_address_is_no_path_of_this_machine(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scheme = str(path).partition(":")[0]
    with pytest.raises(InputError, match=f"files at {scheme}:// cannot be read or written; give a path on this"):
        local(path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", ["runs/x", "/a//b", "a:b", "C:/x", "python:stdlib", "x=y://z", ""])
def test_other_paths_are_taken_as_they_are(path):
    assert local(path) == Path(path)


def test_a_file_in_a_store_appears_when_all_of_it_is_written(store_folder):
    with whole("bucket://b/t") as sink:
        sink.write(b"half")
        assert not (store_folder / "t").exists()
        sink.write(b", half")
    assert (store_folder / "t").read_bytes() == b"half, half"
    write_text(locate("bucket://b/t"), "größer")
    assert (store_folder / "t").read_text() == "größer"
    with pytest.raises(KeyError):
        interrupted("bucket://b/t", KeyError())
    assert (store_folder / "t").read_text() == "größer"


def test_a_file_grows_whole_lines_at_a_time(tmp_path):
    seen = []

    def add(held: bytes) -> Growth:
        seen.append(held)
        return Growth(len(held), b"line\n")

    for _ in range(2):
        extend(tmp_path / "new" / "t", add)
    assert (tmp_path / "new" / "t").read_bytes() == b"line\nline\n"
    assert seen == [b"", b"line\n"]


def test_a_torn_end_can_be_left_out(tmp_path):
    (tmp_path / "t").write_bytes(b"line\nhal")
    extend(tmp_path / "t", lambda held: Growth(5, b"next\n"))
    assert (tmp_path / "t").read_bytes() == b"line\nnext\n"


def test_a_disk_that_fills_half_way_leaves_the_file_as_it_was(tmp_path):
    """In a process whose files may not exceed 64 bytes, where the first bytes of a long line are really written."""
    (tmp_path / "t").write_bytes(b"line\n")
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from sweep.errors import InputError; from sweep.files import Growth, extend\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
        "try: extend(Path(sys.argv[1]), lambda held: Growth(len(held), b'x' * 100))\n"
        "except InputError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", program, tmp_path / "t"], capture_output=True, text=True, cwd=ROOT)
    assert "t: cannot be written" in said.stdout, said.stderr
    assert (tmp_path / "t").read_bytes() == b"line\n"


def test_growth_beneath_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        extend(tmp_path / "file" / "t", lambda held: Growth(0, b"x"))


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SWEEP_CACHE", "/a")
    assert files.cache() == Path("/a")
    monkeypatch.delenv("SWEEP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert files.cache() == Path("/b/sweep")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert files.cache() == Path.home() / ".cache" / "sweep"
