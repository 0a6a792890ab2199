"""What a person sees while a sweep trains: a live table on a terminal, one plain line an interval elsewhere."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sweep.design.cohorts import Cohort
from sweep.design.trial import Trial
from sweep.train.cohort import CohortRun
from sweep.train.eta import Stand, seconds_left
from sweep.train.track import Track, cell, cell_of, rows_of

LINE_EVERY = 10.0  # seconds, where there is no terminal


class Quiet:
    """Shows nothing. Calls come from many threads."""

    @contextmanager
    def showing(
        self,
        cohorts: Sequence[Cohort],
        done: Mapping[str, Stand],
        rows: Mapping[str, dict[str, Any]],
        meshes: Sequence[str] = (),
    ) -> Iterator[None]:
        """Around the training of `cohorts`; those of `done`, by hash, are trained.

        Args:
            rows: the loss table by trial.
            meshes: of the cohorts that are left, (trial)x(data), where several processes train them.
        """
        yield

    def prepared(self, run: CohortRun) -> None:
        """A run was made; from now on its programs may be compiled."""

    def turn(self, cohort: Cohort) -> None:
        """A cohort has its devices."""

    def begun(self, run: CohortRun) -> None:
        """It trains from where its cursor stands."""

    def update(self, run: CohortRun) -> None:
        """A chunk was read back."""

    def done(self, run: CohortRun) -> None:
        """It is trained."""

    def failed(self, cohort: Cohort, reason: str) -> None:
        """It cannot be trained."""

    def note(self, text: str) -> None:
        """Something that its user should know of at once."""

    def heard(self, name: str, news: Mapping[str, Any]) -> None:
        """How the cohort with this hash stands, which another process trains: `Track.news`."""


class Progress(Quiet):
    """Families as rows, trials as cells: share of the horizon, then the loss; with tokens/s and the time left."""

    def __init__(self, console: Console):
        self.console = console
        self.lock = threading.Lock()
        self.cells: dict[float, dict[str, tuple[Trial, str]]] = {}
        self.tracks: dict[str, Track] = {}
        self.began = time.monotonic()
        self.total = self.tokens = 0.0

    @contextmanager
    def showing(
        self,
        cohorts: Sequence[Cohort],
        done: Mapping[str, Stand],
        rows: Mapping[str, dict[str, Any]],
        meshes: Sequence[str] = (),
    ) -> Iterator[None]:
        for cohort in cohorts:
            before = done.get(cohort.hash)
            self.tracks[cohort.hash] = Track(cohort, 0.0 if before else cohort.flops, before, ended=bool(before))
            for trial in cohort.trials:
                self.cells.setdefault(trial.budget, {})[trial.id] = (trial, cell_of(rows.get(trial.id)))
        self.total = sum(cohort.flops for cohort in cohorts)
        self.began = time.monotonic()
        todo = [c for c in cohorts if c.hash not in done]
        note = f", {number(len(done), 'program')} done before" if done else ""
        trials = sum(len(c.trials) for c in todo)
        self.console.print(
            f"training {number(trials, 'trial')} in {number(len(todo), 'compiled program')}{note}{on(meshes)}",
            soft_wrap=True,
        )
        if self.console.is_terminal:
            with Live(get_renderable=self.render, console=self.console, refresh_per_second=4, transient=True):
                yield
            self.console.print(self.render())
            return
        ended = threading.Event()
        lines = threading.Thread(target=self.tell, args=(ended,), daemon=True)
        lines.start()
        try:
            yield
        finally:
            ended.set()
            lines.join()
        self.console.print(self.line(), highlight=False, soft_wrap=True)

    def tell(self, ended: threading.Event) -> None:
        """A line an interval, also while nothing but a compiler is at work."""
        while not ended.wait(LINE_EVERY):
            self.console.print(self.line(), highlight=False, soft_wrap=True)

    def prepared(self, run: CohortRun) -> None:
        with self.lock:
            self.tracks[run.cohort.hash].run = run

    def turn(self, cohort: Cohort) -> None:
        with self.lock:
            self.tracks[cohort.hash].turn = time.monotonic()

    def begun(self, run: CohortRun) -> None:
        with self.lock:
            self.tracks[run.cohort.hash].begins(run, time.monotonic())
            self.fill(run)

    def update(self, run: CohortRun) -> None:
        with self.lock:
            self.tokens += self.tracks[run.cohort.hash].moves(run)
            self.fill(run)

    def done(self, run: CohortRun) -> None:
        with self.lock:
            self.tracks[run.cohort.hash].ends(run)
            self.fill(run)

    def failed(self, cohort: Cohort, reason: str) -> None:
        with self.lock:
            self.tracks[cohort.hash].ends(failure=reason)
        self.console.print(f"cohort {cohort.hash} (width {cohort.shape.width}) failed: {reason}")

    def note(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)

    def heard(self, name: str, news: Mapping[str, Any]) -> None:
        with self.lock:
            track, failure = self.tracks[name], news["failure"]
            failed, track.failure = failure != track.failure, failure
            self.tokens += track.hears(news, time.monotonic())
            for trial in track.cohort.trials:
                if trial.id in news["cells"]:
                    self.cells[trial.budget][trial.id] = (trial, news["cells"][trial.id])
        if failed:
            self.failed(track.cohort, failure)

    def fill(self, run: CohortRun) -> None:
        """The cells of a run's trials."""
        for r, row in rows_of(run):
            self.cells[row.trial.budget][row.key] = (row.trial, cell(run, r))

    def line(self) -> str:
        """Share of the work, speed, time left and what is compiled, in one line."""
        with self.lock:
            now = time.monotonic()
            seconds = max(now - self.began, 1e-9)
            done = 1 - sum(track.left for track in self.tracks.values()) / max(self.total, 1.0)
            left = seconds_left([track.stand(now) for track in self.tracks.values()])
            cells = [text for family in self.cells.values() for _, text in family.values()]
            finished = sum(text[:1].isdigit() and "%" not in text for text in cells)
            words = [
                f"{done:4.0%} of the FLOPs",
                f"{finished}/{len(cells)} trials",
                f"{self.tokens / seconds:,.0f} tokens/s",
                f"{clock(seconds)} so far",
            ]
            if left != 0:
                words.append(
                    "time left not known before a program trains" if left is None else f"about {clock(left)} left"
                )
            return ", ".join(words) + "".join(f"; {text}" for text in self.compiling(now)[:2])

    def compiling(self, now: float) -> list[str]:
        """What is compiled, and for how long."""
        watched = [(track, track.compiles(now)) for track in self.tracks.values()]
        return [
            f"compiling width {track.cohort.shape.width} ({what[0]}), {clock(what[1])}"
            for track, what in watched
            if what is not None
        ]

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


def clock(seconds: float) -> str:
    """1:23:45 or 2:03."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def number(n: int, noun: str) -> str:
    """'1 program', '3 programs'."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def on(meshes: Sequence[str]) -> str:
    """', on meshes (trial x data) 1x64, 1x32', each once."""
    if not meshes:
        return ""
    different = list(dict.fromkeys(meshes))
    return f", on mesh{'es' * (len(different) > 1)} (trial x data) {', '.join(different)}"
