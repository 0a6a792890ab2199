"""The log of a cohort: JSON lines, only ever added to, the truth about its history, readable while it runs.

On a disk it is one file that is appended to. A store has no appending: there a writer keeps objects of its own
(sweep.train.parts), and a reader, who sees at worst an older state, puts the parts of all writers together.
"""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from sweep import storage
from sweep.errors import InputError
from sweep.storage import Location, disk
from sweep.train import parts

LOG = "log.jsonl"  # in the folder of a cohort
AT_ONCE = ("given", "begun", "saved", "stopped", "warning")  # events that a reader sees without delay
WAITED_FOR = ("begun", "out_of_memory")  # the number of an attempt must be taken; after the other the gang ends

BACKLOG: dict[Path, list[str]] = {}  # lines of this process that a disk which is away has not taken
TURN = threading.Lock()


class Log:
    """One event a line, with the time in seconds since 1970.

    `given` devices, `compiling` and `compiled` a program, `begun` an attempt and its `owner`, each `chunk` with the
    steps that its rows have reached, `saved` and `stopped` at a chunk, `out_of_memory` by an execution that ended the
    sweep, `warning`; in a store also `writer`, which says whose the part is.
    """

    def __init__(self, path: Location):
        self.path = path

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, **event: Any) -> None:
        """Add an event. In a store it waits for the answer only where it must be there before anything else is."""
        line = json.dumps({"time": round(time.time(), 3), **event})
        if isinstance(self.path, Path):
            with TURN:
                BACKLOG.setdefault(self.path, []).append(line)
            self.flush(self.path)
            return
        writer = parts.writer_of(self.path.parent)
        writer.add(line, soon=any(name in event for name in AT_ONCE))
        if any(name in event for name in WAITED_FOR):
            try:
                writer.flush()
            except InputError as error:
                if not storage.passing(error):
                    raise

    def close(self) -> None:
        """Write what is not written yet, and let go of the thread that writes. Raises InputError."""
        if isinstance(self.path, Path):
            self.flush(self.path)
        else:
            parts.close(self.path.parent)

    def flush(self, file: Path) -> None:
        """Add the lines that wait. They go on waiting while the disk is away, as a network mount may be."""
        with TURN:
            lines = BACKLOG.get(file, [])
            try:
                if lines:
                    append(file, "\n".join(lines))
            except InputError as error:
                if not storage.passing(error):
                    BACKLOG.pop(file, None)
                    raise
                return
            BACKLOG.pop(file, None)

    def events(self) -> list[dict[str, Any]]:
        """Every whole line; a last line cut short by a crash is left out."""
        texts = [text.decode(errors="replace") for text in parts.read(self.path.parent)]
        found = [events for text in texts if (events := parsed(text))]
        own = parsed((storage.read(self.path) or b"").decode(errors="replace"))  # before or after it was copied
        if own:
            earlier = [i for i, part in enumerate(found) if part[0]["time"] <= own[0]["time"]]
            found.insert(len(earlier), own)
        return [event for part in found for event in part]

    def count(self, name: str) -> int:
        return sum(name in event for event in self.events())

    def has(self, name: str) -> bool:
        return self.count(name) > 0


def append(file: Path, line: str) -> None:
    """Add a line, on a line of its own also where the last one was cut short by a crash or a full disk.

    Raises:
        InputError: the place cannot be written.
    """
    with disk.written(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    with disk.written(file), file.open("a+b") as log:
        if log.seek(0, os.SEEK_END):
            log.seek(-1, os.SEEK_END)
            line = line if log.read(1) == b"\n" else "\n" + line
        log.write(line.encode() + b"\n")


def parsed(text: str) -> list[dict[str, Any]]:
    """The events of a text, line by line."""
    events = []
    for line in text.splitlines():
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return events
