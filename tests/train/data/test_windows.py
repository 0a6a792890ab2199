"""Windows from shards are those of the tokens in memory; what is wrong with a shard is told in one line."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.train.data.shards import map_tokens
from sweep.train.data.windows import Stream


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    np.random.default_rng(0).integers(0, 500, 4000).astype(np.uint16).tofile(tmp_path / "train.bin")
    return tmp_path / "train.bin"


def read(stream: Stream, numbers) -> np.ndarray:
    out = np.empty((len(numbers), stream.seq_len + 1), stream.tokens.dtype)
    stream.read(np.array(numbers, np.int64), out)
    stream.close()
    return out


@pytest.mark.parametrize("seq_len", [1, 7, 31, 1999])
def test_a_shard_and_an_array_give_the_same_windows(shard: Path, seq_len: int):
    tokens = map_tokens(shard, "uint16")
    on_disk, in_memory = (Stream(x, seq_len, 500) for x in (tokens, np.array(tokens)))
    assert on_disk.path == shard
    assert in_memory.path is None
    numbers = np.random.default_rng(1).integers(0, on_disk.count, 150)
    expected = [tokens[n * seq_len : n * seq_len + seq_len + 1] for n in (*numbers, on_disk.count - 1)]
    for stream in (on_disk, in_memory):
        np.testing.assert_array_equal(read(stream, [*numbers, stream.count - 1]), expected)


def test_a_part_of_a_map_is_read_from_memory(shard: Path):
    part = map_tokens(shard, "uint16")[100:]  # it has the file's name, and begins elsewhere
    stream = Stream(part, 10, 500)
    assert stream.path is None
    np.testing.assert_array_equal(read(stream, [3]), [part[30:41]])


def test_windows_beyond_two_to_the_31_tokens(tmp_path: Path):
    total, seq_len = 2**31 + 4001, 1000
    with open(tmp_path / "train.bin", "wb") as file:  # sparse: it takes two blocks of the disk
        file.truncate(4 * total)
        file.seek(4 * (2**31 + 2000))
        file.write(np.arange(1, 2002, dtype=np.uint32).tobytes())
    stream = Stream(map_tokens(tmp_path / "train.bin", "uint32"), seq_len, 70_000)
    assert stream.count * seq_len > 2**31
    found = read(stream, [0, stream.count - 1])
    first = (stream.count - 1) * seq_len - (2**31 + 2000) + 1
    np.testing.assert_array_equal(found, [np.zeros(seq_len + 1), first + np.arange(seq_len + 1)])


def test_a_shard_that_is_cut_short_is_one_line(shard: Path):
    stream = Stream(map_tokens(shard, "uint16"), 100, 500)
    os.truncate(shard, 4000)
    assert len(read(stream, range(10))) == 10
    with pytest.raises(InputError, match=rf"{shard}: ends before byte 6202, and was longer"):
        read(stream, [30])


def test_a_shard_that_is_gone_is_one_line(shard: Path):
    stream = Stream(map_tokens(shard, "uint16"), 100, 500)
    shard.unlink()
    with pytest.raises(InputError, match=rf"{shard}: cannot be read: No such file"):
        read(stream, [0])


def test_a_disk_that_fails_is_one_line(shard: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(InputError, match="cannot be read: Input/output error; mend the disk"):
        read(Stream(map_tokens(shard, "uint16"), 100, 500), [0])


@pytest.mark.parametrize("on_disk", [True, False])
def test_an_id_beyond_the_vocabulary_is_found_where_it_is_read(shard: Path, on_disk: bool):
    tokens = np.fromfile(shard, np.uint16)
    tokens[1234] = 500
    tokens.tofile(shard)
    stream = Stream(map_tokens(shard, "uint16") if on_disk else tokens, 100, 500)
    read(stream, [11, 13])
    with pytest.raises(InputError, match=r"token id 500 near token 1,200 is beyond the vocabulary of 500"):
        read(stream, [11, 12])
