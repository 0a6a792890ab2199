"""A log in a store: numbered objects `log-0001.jsonl`, …, each written whole, again and again, by the one that made it.

A writer takes the first number that is free by creating the object; a part that has grown large is left for the next.
A thread writes, so that training does not wait for the store; it does no JAX work.
"""

import contextlib
import itertools
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator

from sweep import storage
from sweep.errors import InputError
from sweep.storage import Location

EVERY = 5.0  # seconds between two writings of lines that can wait
SHARE = 10  # a writing is followed by at least so many times its own duration without one
LARGEST = 1 << 20  # characters of a part
BATCH = 4  # names that are asked for at a time

WRITERS: "dict[Location, Writer]" = {}  # of this process, by folder
TURN = threading.Lock()


def name_of(number: int) -> str:
    """The object of a part, from 1."""
    return f"log-{number:04d}.jsonl"


def read(folder: Location) -> list[bytes]:
    """The parts in a folder, in order; the lines of this process's own that are not written yet stand in the last."""
    with TURN:
        writer = WRITERS.get(folder)
    with writer.writing if writer else contextlib.nullcontext():
        texts = list(existing(folder))
        if writer is not None:
            texts = [*texts[: writer.number - 1 if writer.number else None], writer.text()]
    return texts


def existing(folder: Location) -> Iterator[bytes]:
    """The parts that are there: numbers have no gaps."""
    for start in itertools.count(1, BATCH):
        for text in storage.read_many([folder / name_of(n) for n in range(start, start + BATCH)]):
            if text is None:
                return
            yield text


def writer_of(folder: Location) -> "Writer":
    """The one writer of this process for a folder."""
    with TURN:
        if folder not in WRITERS:
            WRITERS[folder] = Writer(folder)
        return WRITERS[folder]


def close(folder: Location) -> None:
    """End the writer of a folder, if there is one, when all its lines are written. Raises InputError."""
    with TURN:
        writer = WRITERS.get(folder)
    if writer is None:
        return
    try:
        writer.close()
    finally:
        with TURN:
            WRITERS.pop(folder, None)


class Writer:
    """The lines of one process for one folder.

    Attributes:
        number: of the part that is written now; 0: none is taken yet.
    """

    def __init__(self, folder: Location):
        self.folder, self.number = folder, 0
        self.lines: list[str] = []
        self.unwritten = False
        self.ended = False
        self.guard = threading.Lock()  # of the lines
        self.writing = threading.Lock()  # of the store
        self.wake = threading.Event()
        self.thread: threading.Thread | None = None  # while lines are not written
        self.sign()

    def sign(self) -> None:
        """Begin a part: its first line is like no other writer's."""
        who = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.lines = [json.dumps({"time": round(time.time(), 3), "writer": who})]

    def add(self, line: str, *, soon: bool) -> None:
        """Keep a line for the next writing, which is `soon` or within a few seconds."""
        with self.guard:
            self.lines.append(line)
            self.unwritten = True
            if self.thread is None:
                self.thread = threading.Thread(target=self.work, name="log", daemon=True)
                self.thread.start()
        if soon:
            self.wake.set()

    def text(self) -> bytes:
        """The part as it stands."""
        with self.guard:
            return "".join(line + "\n" for line in self.lines).encode()

    def flush(self) -> None:
        """Write what is not written yet. Raises InputError where the store does not take it."""
        with self.writing:
            with self.guard:
                if not self.unwritten:
                    return
                self.unwritten = False
            text = self.text()
            try:
                if self.number:
                    storage.put(self.folder / name_of(self.number), text)
                else:
                    self.take(text)
            except BaseException:
                self.unwritten = True
                raise
            with self.guard:
                if len(text) > LARGEST and not self.unwritten:
                    self.number = 0
                    self.sign()

    def take(self, text: bytes) -> None:
        """The first free number."""
        free = 1 + sum(1 for _ in existing(self.folder))
        self.number = next(n for n in itertools.count(free) if storage.create(self.folder / name_of(n), text))

    def work(self) -> None:
        """Write from time to time, until nothing is left. What fails is tried again; who waits for a line is told."""
        pause = EVERY
        while True:
            if not self.ended:
                self.wake.wait(pause)
            self.wake.clear()
            began = time.monotonic()
            with contextlib.suppress(InputError):
                self.flush()
            pause = max(EVERY, SHARE * (time.monotonic() - began))
            with self.guard:
                if self.ended or not self.unwritten:
                    self.thread = None
                    return

    def close(self) -> None:
        self.ended = True
        self.wake.set()
        if (thread := self.thread) is not None:
            thread.join()
        self.flush()
