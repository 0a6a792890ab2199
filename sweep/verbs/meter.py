"""Progress of a fit that takes more than a moment, on stderr: a bar on a terminal, a line now and then elsewhere."""

import time
from contextlib import ExitStack

from rich.console import Console
from rich.progress import Progress, TextColumn

QUIET = 2.0  # seconds before anything is shown
LINE_EVERY = 10.0  # seconds, where there is no terminal


class Meter:
    """Called with (fits done, fits); shows how far it is and how long it will take.

    Who knows better than the rate so far how long that is tells it by `expect` before each call.
    """

    def __init__(self, console: Console):
        self.console = console
        self.began = self.last_line = time.monotonic()
        self.stack, self.bar = ExitStack(), None
        self.expected: float | None = None

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def expect(self, seconds: float | None) -> None:
        """How long it still takes, where that is known."""
        self.expected = seconds

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        if now - self.began < QUIET:
            return
        seconds = self.expected
        if seconds is None and done:
            seconds = (now - self.began) * (of - done) / done
        left = "" if seconds is None else f"about {seconds:.0f} s to go"
        if self.console.is_terminal:
            self.show(done, of, left)
        elif now - self.last_line >= LINE_EVERY:
            self.last_line = now
            self.console.print(f"fitting: {done:,} of {of:,} fits" + (f", {left}" if left else ""))

    def show(self, done: int, of: int, left: str = "") -> None:
        """The bar, from the first call on."""
        if self.bar is None:
            columns = (*Progress.get_default_columns()[:3], TextColumn("{task.fields[left]}"))
            self.bar = self.stack.enter_context(Progress(*columns, console=self.console, transient=True))
            self.bar.add_task("fitting", left=left)
        self.bar.update(self.bar.task_ids[0], completed=done, total=of, left=left)
