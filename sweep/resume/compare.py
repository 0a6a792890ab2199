"""A run that was killed beside the one that nobody interrupted: losses, curves, steps and tables."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from sweep.resume import journal

TOLERANCE = 1e-5  # relative, of losses on another mesh: sums over devices round otherwise
OWN = ("mfu", "tokens_per_s", "wall_s", "attempts")  # columns that tell of this run's time and attempts
PLANNED = (  # columns that no rounding reaches
    "status", "budget", "params_total", "params_with_head", "tokens", "steps", "flops_exact", "lr", "weight_decay",
    "seed", "data_seed", "data", "unique_tokens", "epochs", "trunk",
)  # fmt: skip
LOSSES = ("loss", "train_loss", "bits_per_byte")

Row = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One value that is not as in the uninterrupted run. `trial` may be a trunk, "" where none can be named."""

    trial: str
    step: int
    what: str

    def __str__(self) -> str:
        where = f"trial {self.trial} differs at step {self.step:,}" if self.trial else "steps differ"
        return f"{where}: {self.what}"


@dataclass(frozen=True)
class Comparison:
    """One run directory compared.

    Attributes:
        exactly: bits must be equal; else losses within TOLERANCE.
        meshes: that its cohorts were trained on.
        moves: of checkpoints from one mesh to another.
        trials, points, steps: how many were compared: rows of the table, points of curves, steps of all rows.
        equal: whether all of it is bit-equal.
        largest: relative difference of a loss.
        differences: those that must not be, the first of each trial first.
    """

    name: str
    exactly: bool
    meshes: list[str]
    moves: list[str]
    trials: int
    points: int
    steps: int
    equal: bool
    largest: float
    differences: list[Difference]


def rows(directory: Path, name: str) -> list[Row]:
    """A table of a run directory."""
    return pq.read_table(directory / f"{name}.parquet").to_pylist()


def compared(name: str, directory: Path, reference: Path, *, exactly: bool) -> Comparison:
    """A run directory against the uninterrupted one."""
    losses, expected = rows(directory, "losses"), rows(reference, "losses")
    curves, wanted = rows(directory, "curves"), rows(reference, "curves")
    found = first_of(gaps(directory, reference, exactly))
    found += curve_differences(curves, wanted, exactly)
    found += table_differences(losses, expected, exactly)
    pairs = [*paired(curves, wanted, exactly), *tables(losses, expected)]
    apart = [relative(a[key], b[key]) for a, b, keys in pairs for key in keys]
    largest = max(apart, default=0.0)
    steps = sum(journal.lineage(journal.events(directory, c)).steps for c in journal.cohorts(directory))
    equal = not found and largest == 0.0
    points = sum(1 for _ in paired(curves, wanted, exactly))
    meshes, moves = journal.meshes(directory), journal.moves(directory)
    return Comparison(name, exactly, meshes, moves, len(losses), points, steps, equal, largest, first_of(found))


def gaps(directory: Path, reference: Path, exactly: bool) -> list[Difference]:
    """What the logs say of steps that were left out or taken twice."""
    found = []
    for cohort in sorted({*journal.cohorts(directory), *journal.cohorts(reference)}):
        mine, whole = (journal.lineage(journal.events(place, cohort)) for place in (directory, reference))
        for gap in journal.gaps(cohort, mine, whole, exactly=exactly):
            found.append(Difference(gap.row, gap.step, f"cohort {gap.cohort}: {gap.what}"))
    return found


def curve_differences(mine: Sequence[Row], expected: Sequence[Row], exactly: bool) -> list[Difference]:
    """Points of curves that differ."""
    found = []
    if exactly:
        there, wanted = ({(p["trial"], p["step"]) for p in points} for points in (mine, expected))
        for trial, step in sorted(there ^ wanted):
            what = "a point of the curve that only one of the runs has"
            found.append(Difference(trial, step, what))
    for a, b, keys in paired(mine, expected, exactly):
        found += differing(a["trial"], a["step"], a, b, keys, exactly)
    return sorted(found, key=lambda d: d.step)


def paired(mine: Sequence[Row], expected: Sequence[Row], exactly: bool) -> list[tuple[Row, Row, tuple[str, ...]]]:
    """Points of curves that both have, with the losses to compare. Where chunks may be of other lengths a point's
    training loss is compared only if the point before it is at the same step: it is a mean over the chunk.
    """
    there, before = {(p["trial"], p["step"]): p for p in expected}, previous(expected)
    own = previous(mine)
    found = []
    for point in mine:
        key = point["trial"], point["step"]
        if key not in there:
            continue
        whole = exactly or own[key] == before[key]
        found.append((point, there[key], ("loss", "train_loss") if whole else ("loss",)))
    return found


def previous(points: Sequence[Row]) -> dict[tuple[str, int], int | None]:
    """The step of the point before each point of its curve."""
    ordered = sorted((p["trial"], p["step"]) for p in points)
    pairs = itertools.pairwise([("", 0), *ordered])
    return {now: before[1] if before[0] == now[0] else None for before, now in pairs}


def tables(mine: Sequence[Row], expected: Sequence[Row]) -> list[tuple[Row, Row, tuple[str, ...]]]:
    """Rows of both loss tables, with the losses to compare."""
    there = {row["trial"]: row for row in expected}
    return [(row, there[row["trial"]], LOSSES) for row in mine if row["trial"] in there]


def table_differences(mine: Sequence[Row], expected: Sequence[Row], exactly: bool) -> list[Difference]:
    """Rows of the loss table that differ."""
    there, wanted = ({row["trial"]: row for row in table} for table in (mine, expected))
    found = []
    for trial in sorted(there.keys() ^ wanted.keys()):
        found.append(Difference(trial, 0, "a row of the loss table that only one of the runs has"))
    for trial in sorted(there.keys() & wanted.keys()):
        a, b = there[trial], wanted[trial]
        same = [name for name in b if name not in (*OWN, *LOSSES)] if exactly else list(PLANNED)
        step = b["steps"] or 0
        found += differing(trial, step, a, b, tuple(same), exact=True)
        found += differing(trial, step, a, b, LOSSES, exactly)
    return found


def differing(trial: str, step: int, a: Row, b: Row, keys: tuple[str, ...], exact: bool) -> list[Difference]:
    """Those of `keys` in which two rows differ."""
    limit = 0.0 if exact else TOLERANCE
    found = []
    for key in keys:
        now, before = a.get(key), b.get(key)
        if relative(now, before) > limit:
            found.append(Difference(trial, step, f"{key} {before!r} uninterrupted, {now!r} after the kills"))
    return found


def relative(a: Any, b: Any) -> float:
    """Relative difference of two values; 0 where they are the same, infinite where they cannot be compared."""
    if a == b or (a != a and b != b):
        return 0.0
    if not isinstance(a, int | float) or not isinstance(b, int | float) or isinstance(a, bool):
        return math.inf
    return abs(a - b) / max(abs(a), abs(b)) if math.isfinite(a) and math.isfinite(b) else math.inf


def first_of(differences: Sequence[Difference]) -> list[Difference]:
    """The first one of each trial."""
    kept: dict[str, Difference] = {}
    for difference in differences:
        kept.setdefault(difference.trial, difference)
    return list(kept.values())
