"""What process 0 shows of cohorts that other processes train: their leaders leave it in the coordination service."""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sweep.design.cohorts import Cohort
from sweep.train.cohort import CohortRun
from sweep.train.eta import Stand
from sweep.train.gang.news import every
from sweep.train.gang.team import Team
from sweep.train.progress import Quiet
from sweep.train.track import Track

TELL = 1.0  # seconds between two looks at what there is to tell, or to hear


class Telling(Quiet):
    """In every process but 0: leaves how the cohorts stand that it leads, under one name."""

    def __init__(self, gang: Team):
        assert gang.service is not None
        self.service, self.name = gang.service, name_of(gang, gang.me)
        self.lock = threading.Lock()
        self.tracks: dict[str, Track] = {}

    @contextmanager
    def showing(
        self,
        cohorts: Sequence[Cohort],
        done: Mapping[str, Stand],
        rows: Mapping[str, dict[str, Any]],
        meshes: Sequence[str] = (),
    ) -> Iterator[None]:
        with every(TELL, self.tell):
            yield

    def turn(self, cohort: Cohort) -> None:
        with self.lock:
            self.tracks[cohort.hash] = Track(cohort, cohort.flops, turn=time.monotonic())

    def prepared(self, run: CohortRun) -> None:
        with self.lock:
            self.tracks[run.cohort.hash].run = run

    def begun(self, run: CohortRun) -> None:
        with self.lock:
            self.tracks[run.cohort.hash].begins(run, time.monotonic())

    def update(self, run: CohortRun) -> None:
        with self.lock:
            self.tracks[run.cohort.hash].moves(run)

    def done(self, run: CohortRun) -> None:
        with self.lock:
            self.tracks[run.cohort.hash].ends(run)
        self.tell()

    def failed(self, cohort: Cohort, reason: str) -> None:
        with self.lock:
            self.tracks[cohort.hash].ends(failure=reason)
        self.tell()

    def tell(self) -> None:
        """Leave how all of them stand."""
        with self.lock:
            now = time.monotonic()
            news = {name: track.news(now) for name, track in self.tracks.items()}
        self.service.put(self.name, json.dumps(news))


@contextmanager
def hearing(gang: Team, shown: Quiet) -> Iterator[None]:
    """Within, in process 0: `shown` hears how the cohorts of other processes stand."""
    service = gang.service
    if service is None or not gang.leads:
        yield
        return

    def look() -> None:
        for rank in gang.members[1:]:
            if text := service.get(name_of(gang, rank)):
                for name, news in json.loads(text).items():
                    shown.heard(name, news)

    with every(TELL, look):
        yield
    look()


def name_of(gang: Team, rank: int) -> str:
    """Where a process leaves what it tells."""
    return f"{gang.name}/told/{rank}"
