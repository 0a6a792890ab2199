"""What a person sees while a sweep trains: a live table on a terminal, one plain line an interval elsewhere."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sweep.design.cohorts import Cohort
from sweep.design.trial import Trial
from sweep.models import counting
from sweep.train.cohort import CohortRun

LINE_EVERY = 10.0  # seconds, where there is no terminal


class Quiet:
    """Shows nothing."""

    @contextmanager
    def showing(self, cohorts: list[Cohort], finished: int) -> Iterator[None]:
        yield

    def update(self, run: CohortRun) -> None: ...

    def done(self, run: CohortRun) -> None: ...

    def failed(self, cohort: Cohort, reason: str) -> None: ...


class Progress(Quiet):
    """Families as rows, trials as cells: share of the horizon, then the loss; with tokens/s and the time left."""

    def __init__(self, console: Console):
        self.console = console
        self.lock = threading.Lock()
        self.cells: dict[float, dict[str, tuple[Trial, str]]] = {}
        self.left: dict[str, float] = {}  # FLOPs to go, by cohort
        self.rate = 0.0
        self.began = self.last_line = time.monotonic()
        self.total = self.trained = self.tokens = 0.0
        self.live: Live | None = None

    @contextmanager
    def showing(self, cohorts: list[Cohort], finished: int) -> Iterator[None]:
        for cohort in cohorts:
            self.left[cohort.hash] = cohort.flops
            for trial in cohort.trials:
                self.cells.setdefault(trial.budget, {})[trial.id] = (trial, "·")
        self.total = sum(self.left.values())
        self.began = time.monotonic()
        trials = sum(len(c.trials) for c in cohorts)
        note = f", {finished} programs done before" if finished else ""
        self.console.print(f"training {trials} trials in {len(cohorts)} compiled programs{note}")
        if not self.console.is_terminal:
            yield
            return
        with Live(self.render(), console=self.console, refresh_per_second=4, transient=True) as self.live:
            yield
        self.live = None
        self.console.print(self.render())

    def update(self, run: CohortRun) -> None:
        shape, cursor = run.cohort.shape, run.cursor
        steps_left = sum(row.end - max(cursor.step[r], row.start) for r, row in enumerate(run.rows) if cursor.alive(r))
        with self.lock:
            before = self.left[run.cohort.hash]
            left = steps_left * shape.batch_tokens * counting.train_flops_per_token(shape)
            self.left[run.cohort.hash] = left
            self.tokens += max(0.0, before - left) / counting.train_flops_per_token(shape)
            for r, row in enumerate(run.rows):
                if row.trial is not None:
                    self.cells[row.trial.budget][row.key] = (row.trial, cell(run, r))
        self.show()

    def done(self, run: CohortRun) -> None:
        with self.lock:
            self.left[run.cohort.hash] = 0.0
        self.show()

    def failed(self, cohort: Cohort, reason: str) -> None:
        self.console.print(f"cohort {cohort.hash} (width {cohort.shape.width}) failed: {reason}")

    def show(self) -> None:
        if self.live is not None:
            self.live.update(self.render())
        elif time.monotonic() - self.last_line >= LINE_EVERY:
            self.last_line = time.monotonic()
            self.console.print(self.line(), highlight=False)

    def line(self) -> str:
        """Share of the work, speed and time left, in one line."""
        with self.lock:
            done = 1 - sum(self.left.values()) / max(self.total, 1.0)
            seconds = time.monotonic() - self.began
            left = f"{clock(seconds * (1 - done) / done)} left" if done > 0.02 else "compiling"
            cells = [text for family in self.cells.values() for _, text in family.values()]
            finished = sum(text[:1].isdigit() and "%" not in text for text in cells)
            return (
                f"{done:4.0%} of the FLOPs, {finished}/{len(cells)} trials, {self.tokens / seconds:,.0f} tokens/s, "
                f"{clock(seconds)} so far, {left}"
            )

    def render(self) -> Any:
        """The table of families and the line below it."""
        table = Table(box=None, padding=(0, 1), header_style="dim")
        table.add_column("FLOPs")
        with self.lock:
            families = {b: sorted(f.values(), key=lambda c: c[0].params.with_head) for b, f in self.cells.items()}
        for i in range(max((len(f) for f in families.values()), default=0)):
            table.add_column("smallest" if i == 0 else "", justify="right")
        for budget, family in sorted(families.items()):
            table.add_row(f"{budget:.1e}", *(text for _, text in family))
        return Group(table, Text(self.line()))


def cell(run: CohortRun, r: int) -> str:
    """A trial in five characters: its loss, `nan`, or how far it is."""
    row, cursor = run.rows[r], run.cursor
    if row.key in cursor.results:
        return f"{cursor.results[row.key]['loss']:.3f}"
    source = r if row.source is None else row.source
    if not cursor.alive(r) or not cursor.alive(source):
        return "nan"
    step = cursor.step[r] if cursor.forked[r] else cursor.step[source]
    return f"{step / row.end:.0%}" if step else "·"


def clock(seconds: float) -> str:
    """1:23:45 or 2:03."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
