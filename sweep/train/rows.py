"""The rows of a cohort: its trials, and the trunks that trials branch from.

A trunk is a row of its own, constant-rate and without a horizon, that stops at each step where a trial leaves it; a
branch is a row that lies dormant until then and starts as a copy of the trunk. Branching is thus a copy between rows of
one stacked state, and the whole tree is one cohort with one checkpoint.
"""

from dataclasses import dataclass

import numpy as np

from sweep.design.cohorts import Cohort, Span, spans
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
    """The rows of `sweep.design.cohorts.spans`, in its order."""
    return [row_of(span) for span in spans(cohort)]


def row_of(span: Span) -> Row:
    """The row that trains `span`."""
    if span.trunk:
        return Row(span.key, hyper_of(span.trial, horizon=FOREVER, cooldown=1), None, None, 0, span.stops)
    return Row(span.key, hyper_of(span.trial), span.trial, span.source, span.start, span.stops)


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
