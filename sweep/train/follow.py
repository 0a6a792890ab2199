"""Those who follow the curves of a sweep elsewhere: every event is passed on, every point is written once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sweep.design.cohorts import Cohort
from sweep.train.cohort import CohortRun
from sweep.train.eta import Stand
from sweep.train.progress import Quiet


class Follower(Quiet):
    """Passes every event on to `shown`, and has `write` write the new points of curves.parquet."""

    def __init__(self, shown: Quiet):
        self.shown = shown
        self.written: dict[str, int] = {}  # curve points, by cohort

    def write(self, run: CohortRun, points: Sequence[Mapping[str, Any]]) -> None:
        """Write points of one cohort, in their order; `trial` is the key of a trial or of a trunk."""
        raise NotImplementedError

    def close(self) -> None:
        """After the last event, however the sweep ended."""

    @contextmanager
    def showing(
        self,
        cohorts: Sequence[Cohort],
        done: Mapping[str, Stand],
        rows: Mapping[str, dict[str, Any]],
        meshes: Sequence[str] = (),
    ) -> Iterator[None]:
        try:
            with self.shown.showing(cohorts, done, rows, meshes):
                yield
        finally:
            self.close()

    def prepared(self, run: CohortRun) -> None:
        self.shown.prepared(run)

    def turn(self, cohort: Cohort) -> None:
        self.shown.turn(cohort)

    def begun(self, run: CohortRun) -> None:
        self.shown.begun(run)

    def update(self, run: CohortRun) -> None:
        self.follow(run)
        self.shown.update(run)

    def done(self, run: CohortRun) -> None:
        self.follow(run)
        self.shown.done(run)

    def failed(self, cohort: Cohort, reason: str) -> None:
        self.shown.failed(cohort, reason)

    def note(self, text: str) -> None:
        self.shown.note(text)

    def heard(self, name: str, news: Mapping[str, Any]) -> None:
        self.shown.heard(name, news)

    def follow(self, run: CohortRun) -> None:
        """Write the points since the last call."""
        self.write(run, run.cursor.curves[self.written.get(run.cohort.hash, 0) :])
        self.written[run.cohort.hash] = len(run.cursor.curves)
