"""Cohorts: trials of equal shape, which one compiled program trains together; the rows it trains; what trunks save."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from sweep.design.trial import Trial
from sweep.hashing import content_hash
from sweep.models import counting
from sweep.models.shape import Shape


@dataclass(frozen=True)
class Cohort:
    """Trials of one shape."""

    shape: Shape
    trials: tuple[Trial, ...]  # shortest horizon first

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits of its trials: names its folder."""
        return content_hash([t.id for t in self.trials])

    @property
    def flops(self) -> float:
        """Training FLOPs (exact) of the cohort, each trunk counted once."""
        return trunk_savings(self.trials).shared


@dataclass(frozen=True)
class Span:
    """What one row of a cohort trains, in steps."""

    key: str  # the trial's id, or the trunk's key
    trial: Trial  # of a trunk, any of its branches: they share all but the horizon
    trunk: bool
    source: int | None  # row it branches from, or None for a run from step 0
    start: int  # step it starts at
    stops: tuple[int, ...]  # steps where it waits for the host: branch points, or the horizon

    @property
    def end(self) -> int:
        """Last step of the row."""
        return self.stops[-1]


@dataclass(frozen=True)
class TrunkSavings:
    """Training FLOPs (exact) of a set of trials."""

    apart: float  # every trial a run of its own
    shared: float  # one constant-rate trunk for each key, and the cooldowns

    @property
    def fraction(self) -> float:
        """Share of the work that trunks save."""
        return 1 - self.shared / self.apart


def cohorts(trials: Iterable[Trial]) -> list[Cohort]:
    """Trials grouped by equal shape, the most work first."""
    by_shape: dict[Shape, list[Trial]] = defaultdict(list)
    for trial in trials:
        by_shape[trial.shape].append(trial)
    made = [Cohort(shape, tuple(sorted(group, key=lambda t: (t.steps, t.id)))) for shape, group in by_shape.items()]
    return sorted(made, key=lambda c: (-c.flops, c.hash))


def spans(cohort: Cohort) -> list[Span]:
    """The rows of a cohort: each trunk with the trials that leave it, then the trials without one.

    A trunk that only one trial would use is not made. Rows are dealt to devices in equal parts side by side, so a tree
    mostly stays together: devices that share a cohort of several trees have as much to do, and copy few rows.
    """
    sharing: dict[str, list[Trial]] = defaultdict(list)
    for trial in cohort.trials:
        if trial.trunk is not None:
            sharing[trial.trunk].append(trial)
    trees = {key: branches for key, branches in sharing.items() if len(branches) > 1}
    made: list[Span] = []
    for key, branches in trees.items():
        source = len(made)
        made.append(Span(key, branches[0], True, None, 0, tuple(sorted({t.branch_step for t in branches}))))
        made += [Span(t.id, t, False, source, t.branch_step, (t.steps,)) for t in branches]
    alone = [t for t in cohort.trials if t.trunk not in trees]
    return made + [Span(t.id, t, False, None, 0, (t.steps,)) for t in alone]


def trunk_savings(trials: Iterable[Trial]) -> TrunkSavings:
    """Training FLOPs with and without shared trunks; a trial without a trunk costs the same in both."""
    apart = shared = 0.0
    trunks: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        apart += trial.flops_exact
        if trial.trunk is None:
            shared += trial.flops_exact
        else:
            trunks[trial.trunk].append(trial)
    for group in trunks.values():
        steps = max(t.branch_step for t in group) + sum(t.cooldown for t in group)
        shape = group[0].shape
        shared += steps * shape.batch_tokens * counting.train_flops_per_token(shape)
    return TrunkSavings(apart, shared)
