"""TensorBoard, for those who watch curves there: the same points as curves.parquet, one run a trial."""

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sweep.design.cohorts import Cohort
from sweep.errors import InputError
from sweep.train.cohort import CohortRun
from sweep.train.eta import Stand
from sweep.train.progress import Quiet


class Board(Quiet):
    """Passes every event on to `shown`, and writes new curve points below `folder`.

    Raises:
        InputError: tensorboardX is not installed.
    """

    def __init__(self, folder: Path, shown: Quiet):
        if importlib.util.find_spec("tensorboardX") is None:
            raise InputError("tensorboard: tensorboardX is missing; pip install 'isoflop[tensorboard]'")
        self.folder, self.shown = folder, shown
        self.writers: dict[str, Any] = {}
        self.written: dict[str, int] = {}  # curve points, by cohort

    @contextmanager
    def showing(
        self, cohorts: Sequence[Cohort], done: Mapping[str, Stand], rows: Mapping[str, dict[str, Any]]
    ) -> Iterator[None]:
        with self.shown.showing(cohorts, done, rows):
            yield
        for writer in self.writers.values():
            writer.close()

    def prepared(self, run: CohortRun) -> None:
        self.shown.prepared(run)

    def turn(self, cohort: Cohort) -> None:
        self.shown.turn(cohort)

    def begun(self, run: CohortRun) -> None:
        self.shown.begun(run)

    def update(self, run: CohortRun) -> None:
        self.write(run)
        self.shown.update(run)

    def done(self, run: CohortRun) -> None:
        self.write(run)
        self.shown.done(run)

    def failed(self, cohort: Cohort, reason: str) -> None:
        self.shown.failed(cohort, reason)

    def write(self, run: CohortRun) -> None:
        """The points since the last call; a trunk has a run of its own."""
        from tensorboardX import SummaryWriter

        for point in run.cursor.curves[self.written.get(run.cohort.hash, 0) :]:
            key, step = point["trial"], point["step"]
            if key not in self.writers:
                self.writers[key] = SummaryWriter(str(self.folder / key))
            writer = self.writers[key]
            writer.add_scalar("loss/train", point["train_loss"], step)
            if point["loss"] is not None:
                writer.add_scalar("loss/validation", point["loss"], step)
        self.written[run.cohort.hash] = len(run.cursor.curves)
