"""Progress of a fit that takes more than a moment, on stderr: a bar on a terminal, a line now and then elsewhere."""

import time
from contextlib import ExitStack

from rich.console import Console
from rich.progress import Progress, TimeRemainingColumn

QUIET = 2.0  # seconds before anything is shown
LINE_EVERY = 10.0  # seconds, where there is no terminal


class Meter:
    """Called with (fits done, fits); shows how far it is and how long it will take."""

    def __init__(self, console: Console):
        self.console = console
        self.began = self.last_line = time.monotonic()
        self.stack, self.bar = ExitStack(), None

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        if now - self.began < QUIET:
            return
        if self.console.is_terminal:
            self.show(done, of)
        elif now - self.last_line >= LINE_EVERY:
            self.last_line = now
            left = f", about {(now - self.began) * (of - done) / done:.0f} s to go" if done else ""
            self.console.print(f"fitting: {done:,} of {of:,} fits{left}")

    def show(self, done: int, of: int) -> None:
        """The bar, from the first call on."""
        if self.bar is None:
            columns = (*Progress.get_default_columns()[:3], TimeRemainingColumn())
            self.bar = self.stack.enter_context(Progress(*columns, console=self.console, transient=True))
            self.bar.add_task("fitting")
        self.bar.update(self.bar.task_ids[0], completed=done, total=of)
