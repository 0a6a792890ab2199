"""A file takes its name only when all of it is on disk; trouble is one line and leaves nothing behind."""

import errno
import os

import pytest

from sweep.errors import InputError
from sweep.files import whole, write_text


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
    with pytest.raises(InputError, match=r"t: cannot be written: No space left on device; .*--out"):
        interrupted(tmp_path / "t", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert os.listdir(tmp_path) == []


def test_beneath_a_file_and_over_a_folder(tmp_path):
    write_text(tmp_path / "file", "")
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "file" / "t", tmp_path / "folder"):
        with pytest.raises(InputError, match="cannot be written"):
            write_text(place, "x")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
