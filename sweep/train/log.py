"""The log of a cohort: append-only JSON lines, the truth about its history, readable while it runs."""

import json
import time
from pathlib import Path
from typing import Any

LOG = "log.jsonl"  # in the folder of a cohort


class Log:
    """One event a line, with the time in seconds since 1970.

    `given` devices, `compiling` and `compiled` a program, `begun` an attempt, each `chunk` with the steps that its rows
    have reached, `saved` and `stopped` at a chunk, `warning`.
    """

    def __init__(self, path: Path):
        self.path = path

    def write(self, **event: Any) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps({"time": round(time.time(), 3), **event}) + "\n")

    def events(self) -> list[dict[str, Any]]:
        """Every whole line; a last line cut short by a crash is left out."""
        if not self.path.exists():
            return []
        events = []
        for line in self.path.read_text().splitlines():
            try:
                events.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return events

    def count(self, name: str) -> int:
        return sum(name in event for event in self.events())

    def has(self, name: str) -> bool:
        return self.count(name) > 0
