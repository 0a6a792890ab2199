"""The files that a run writes, and about how many bytes: from the plan alone.

Sizes of small files are those of measured runs: a Parquet file of the loss table has 12.6 kB and 120 bytes a trial, of
the curves 2 kB and 40 bytes a point, a line of a log 90 bytes and 25 a row. A checkpoint holds weights and two moments
in float32; of its files a dozen are of the save, and three of each process that takes part.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sweep.config import Sweep
from sweep.design.cohorts import Cohort, spans
from sweep.design.placement import Schedule
from sweep.models import counting

STATE = 12  # bytes a parameter and row
SAVE_FILES, PROCESS_FILES = 12, 3
ROWS, A_ROW = 12_600, 120
CURVES, A_POINT = 2_000, 40
LINE, A_KEY = 90, 25
SPEC, A_TRIAL = 360, 525  # the claim of a cohort and its end are 300 of them
RECORD, A_NAME = 3_500, 20


@dataclass(frozen=True)
class Files:
    """Files of one kind, below the run directory."""

    path: str
    files: int
    bytes: int


def files_of(sweep: Sweep, schedule: Schedule, chunks: Mapping[str, int]) -> list[Files]:
    """What a run of `schedule` leaves behind when it ends, if nothing interrupts it.

    Args:
        chunks: of each cohort, by hash: each writes a line of the log.
    """
    cohorts, keep = [p.cohort for p in schedule.places], sweep.checkpoint.keep
    number, trials = len(cohorts), sum(len(c.trials) for c in cohorts)
    points = {c.hash: sweep.curve_points * len(spans(c)) for c in cohorts}
    lines = sum(chunks[c.hash] * (LINE + A_KEY * len(spans(c))) for c in cohorts)
    return [
        Files("cohorts/*/checkpoints/*", *checkpoints(schedule, keep)),
        Files("cohorts/*/rows-*.parquet", number, ROWS * number + A_ROW * trials),
        Files("cohorts/*/curves-*.parquet", number, CURVES * number + A_POINT * sum(points.values())),
        Files("cohorts/*/log.jsonl", number, lines),
        Files("cohorts/*/spec.json, lease-*, beat-*, DONE", 4 * number, SPEC * number + A_TRIAL * trials),
        Files("losses.parquet, curves.parquet", 2, ROWS + A_ROW * trials + CURVES + A_POINT * sum(points.values())),
        Files("sweep.json, cohorts.json, gang.json, plan.parquet", 4, RECORD + A_NAME * number + ROWS + A_ROW * trials),
    ]


def checkpoints(schedule: Schedule, keep: int) -> tuple[int, int]:
    """(files, bytes) of the checkpoints that stay, `keep` of each cohort."""
    files = sum(SAVE_FILES + PROCESS_FILES * len(schedule.hosts_of(place)) for place in schedule.places)
    return keep * files, keep * sum(checkpoint_bytes(place.cohort) for place in schedule.places)


def checkpoint_bytes(cohort: Cohort) -> int:
    """Bytes of one checkpoint of a cohort."""
    return STATE * counting.params(cohort.shape).total * len(spans(cohort))
