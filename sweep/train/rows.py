"""The rows of a cohort: its trials, and the trunks that trials branch from.

A trunk is a row of its own, constant-rate and without a horizon, that stops at each step where a trial leaves it; a
branch is a row that lies dormant until then and starts as a copy of the trunk. Branching is thus a copy between rows of
one stacked state, and the whole tree is one cohort with one checkpoint.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from sweep.design.cohorts import Cohort
from sweep.design.trial import Trial
from sweep.train.schedule import COOLDOWNS, SCHEDULES
from sweep.train.state import Hyper

FOREVER = 2**30  # horizon of a trunk, in steps: its schedule never cools


@dataclass(frozen=True)
class Row:
    """One slot of the stacked state."""

    key: str  # the trial's id, or the trunk's key
    hyper: Hyper
    trial: Trial | None  # None: a trunk
    source: int | None  # row it branches from, or None for a run from step 0
    start: int  # step it starts at
    stops: tuple[int, ...]  # steps where it waits for the host: branch points, or the horizon

    @property
    def end(self) -> int:
        """Last step of the row."""
        return self.stops[-1]


def rows_of(cohort: Cohort) -> list[Row]:
    """Trunks first, then the trials; a trunk that only one trial would use is not made."""
    sharing: dict[str, list[Trial]] = defaultdict(list)
    for trial in cohort.trials:
        if trial.trunk is not None:
            sharing[trial.trunk].append(trial)
    trunks = {key: group for key, group in sharing.items() if len(group) > 1}
    rows = [trunk_row(key, group) for key, group in trunks.items()]
    place = {row.key: i for i, row in enumerate(rows)}
    for trial in cohort.trials:
        source = place.get(trial.trunk or "")
        start = trial.branch_step if source is not None else 0
        rows.append(Row(trial.id, hyper_of(trial), trial, source, start, (trial.steps,)))
    return rows


def trunk_row(key: str, branches: list[Trial]) -> Row:
    """The shared run of `branches`, up to the last one to leave it."""
    stops = tuple(sorted({t.branch_step for t in branches}))
    return Row(key, hyper_of(branches[0], horizon=FOREVER, cooldown=1), None, None, 0, stops)


def hyper_of(trial: Trial, *, horizon: int | None = None, cooldown: int | None = None) -> Hyper:
    """The traced hyper-parameters of a trial."""
    u, i, f = np.uint32, np.int32, np.float32
    return Hyper(
        seed=u(trial.seed),
        data_seed=u(trial.data_seed),
        peak=f(trial.lr),
        weight_decay=f(trial.weight_decay),
        beta1=f(trial.beta1),
        beta2=f(trial.beta2),
        grad_clip=f(trial.grad_clip),
        horizon=i(trial.steps if horizon is None else horizon),
        warmup=i(trial.warmup),
        cooldown=i(trial.cooldown if cooldown is None else cooldown),
        schedule=i(SCHEDULES.index(trial.schedule)),
        cooldown_shape=i(COOLDOWNS.index(trial.cooldown_shape)),
    )
