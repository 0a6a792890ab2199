"""Windows of a training stream as the host reads them: any of them, in any order, from shards or from memory.

A shard is read with `pread`, not through its memory map: a file that is cut short, or a disk that fails, is then an
error that can be told, where a map would end the process. A disk serves many small reads at once far faster than one
after another, so the kernel is told of the next ones before they are asked for.
"""

import mmap
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
from jaxtyping import Int64, Integer

from sweep.errors import InputError
from sweep.train.data.order import window_count

AHEAD = 64  # windows that the kernel is told of before they are read

Windows = Integer[np.ndarray, "n W"]


@dataclass
class Stream:
    """A training stream, cut into windows of `seq_len` inputs side by side, as `order` numbers them.

    Attributes:
        tokens: a shard's memory map, or any array.
        vocab: ids are below it.
    """

    tokens: Integer[np.ndarray, "_"]
    seq_len: int
    vocab: int
    shard: int | None = field(default=None, init=False)  # its file, once opened

    @property
    def count(self) -> int:
        """Windows of the stream."""
        return window_count(len(self.tokens), self.seq_len)

    @property
    def name(self) -> str:
        """Of the stream, in messages."""
        return str(self.path or "training tokens")

    @property
    def map(self) -> np.memmap | None:
        """`tokens` as the map of a whole file, if they are: a part of a map does not know its place in the file."""
        whole = isinstance(self.tokens, np.memmap) and isinstance(self.tokens.base, mmap.mmap)
        return cast(np.memmap, self.tokens) if whole else None

    @property
    def path(self) -> Path | None:
        """The shard, if the stream is one."""
        return Path(str(self.map.filename)) if self.map is not None else None

    def read(self, numbers: Int64[np.ndarray, "n"], out: Windows, check: Callable[[], object] = lambda: None) -> None:
        """Windows by number, each with one token more than inputs.

        Args:
            out: is filled with them; contiguous.
            check: called now and then; raises where reading shall end.
        Raises:
            InputError: the shard cannot be read, has become shorter, or holds an id beyond the vocabulary.
        """
        starts = numbers * self.seq_len
        if self.map is None:
            side_by_side = np.lib.stride_tricks.sliding_window_view(self.tokens, self.seq_len + 1)[:: self.seq_len]
            out[:] = side_by_side[numbers]
        else:
            self.fill(out, (starts * out.itemsize + self.map.offset).tolist(), check)
        self.refuse_beyond(out, starts)

    def fill(self, out: Windows, places: Sequence[int], check: Callable[[], object]) -> None:
        """Read each row of `out` from its place in the shard, in bytes."""
        width = out.shape[1] * out.itemsize
        bytes_of = out.reshape(-1).view(np.uint8).data
        try:
            shard = self.open()
            for begin in range(0, len(places), AHEAD):
                check()
                some = places[begin : begin + AHEAD]
                for place in some:
                    will_need(shard, place, width)
                for row, place in enumerate(some, begin):
                    if os.preadv(shard, [bytes_of[row * width : (row + 1) * width]], place) != width:
                        raise InputError(
                            f"{self.name}: ends before byte {place + width}, and was longer when the run began; put "
                            "the whole file back, then repeat the command"
                        )
        except OSError as error:
            raise InputError(
                f"{self.name}: cannot be read: {error.strerror or error}; mend the disk or its mount, then repeat the "
                "command"
            ) from error

    def open(self) -> int:
        """The shard's file."""
        if self.shard is None:
            assert self.path is not None
            self.shard = os.open(self.path, os.O_RDONLY)
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(self.shard, 0, 0, os.POSIX_FADV_RANDOM)
        return self.shard

    def close(self) -> None:
        if self.shard is not None:
            os.close(self.shard)
            self.shard = None

    def refuse_beyond(self, windows: Windows, starts: Int64[np.ndarray, "n"]) -> None:
        """Raise InputError for an id beyond the vocabulary, which the model would read as something else."""
        if windows.size and (largest := int(windows.max())) >= self.vocab:
            where = int(starts[np.argmax(windows.max(axis=1))])
            raise InputError(
                f"{self.name}: token id {largest} near token {where:,} is beyond the vocabulary of {self.vocab}; the "
                "file is damaged: build the data again, or copy it anew"
            )


def will_need(file: int, place: int, length: int) -> None:
    """Let the kernel read a stretch of a file by itself, where it can."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file, place, length, os.POSIX_FADV_WILLNEED)
