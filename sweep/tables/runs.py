"""Finished runs as a fit reads them: arrays of equal length, checked, in one unit."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from sweep.laws import Law
from sweep.laws import inputs as laws_inputs
from sweep.tables.choice import Choice
from sweep.tables.curves import Curves
from sweep.tables.problem import Problem
from sweep.tables.units import Units


@dataclass(frozen=True)
class Runs:
    """Finished runs, one a row [n].

    Attributes:
        params, tokens, flops: positive; FLOPs of training. NaN where the table lacks them and the law needs none.
        loss: what the law predicts, positive: the loss in the unit that `units` says, nats/token or bits/byte, or the
            column that its `target` names.
        budget: nominal FLOPs of the isoFLOP family, NaN where there is none.
        group: rows of one group share a history (trunk) and are resampled together.
        row: number of the row in the table, from 1.
        trial: identity of each run, or None.
        convention: how parameters and FLOPs were counted.
        excluded: (status, how many) of rows that are no finished run.
        source: where the rows came from.
        curves: loss along training, where the source has it.
        units: how losses were read.
        remarks: what a reader should know of the table, and refusals that were overridden.
        further: the other columns that the law reads, by name: [n], of a schedule [f, n].
        setting: number of the hyper-parameters of each run; rows of one configuration and setting are repeats. None
            where the table shows no settings.
        weight: how much each run counts in the objective of a fit, 1 on average; None for all alike.
        choice: what the runs were chosen from, where only the best setting of each configuration was kept.
        labels: columns that the fit does not read and that name several runs alike, such as a seed: number of the value
            of each run, by column [n].
    """

    params: np.ndarray
    tokens: np.ndarray
    flops: np.ndarray
    loss: np.ndarray
    budget: np.ndarray
    group: np.ndarray
    row: np.ndarray
    trial: list[str] | None = None
    convention: dict[str, str] = field(default_factory=dict)
    excluded: list[tuple[str, int]] = field(default_factory=list)
    source: str = "arrays"
    curves: Curves | None = None
    units: Units = field(default_factory=Units)
    remarks: tuple[Problem, ...] = ()
    further: Mapping[str, np.ndarray] = field(default_factory=dict)
    setting: np.ndarray | None = None
    weight: np.ndarray | None = None
    choice: Choice | None = None
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.loss)

    def take(self, rows: np.ndarray) -> "Runs":
        """The runs of these rows [m], without the curves of whole runs."""
        arrays = ("params", "tokens", "flops", "loss", "budget", "group", "row")
        kept = {name: getattr(self, name)[rows] for name in arrays}
        further = {name: x[..., rows] for name, x in self.further.items()}
        labels = {name: x[rows] for name, x in self.labels.items()}
        trial = None if self.trial is None else [self.trial[i] for i in rows]
        setting, weight = (None if x is None else x[rows] for x in (self.setting, self.weight))
        return replace(
            self, **kept, further=further, labels=labels, trial=trial, setting=setting, weight=weight, curves=None
        )

    @property
    def weights(self) -> np.ndarray:
        """How much each run counts [n]."""
        return np.ones(len(self)) if self.weight is None else self.weight

    def with_curves(self, rows: np.ndarray) -> "Runs":
        """The runs of these rows [m], with their curves."""
        kept, curves = self.take(rows), self.curves
        if curves is None:
            return kept
        number = np.full(len(self), -1)
        number[rows] = np.arange(len(rows))
        run = number[curves.run]
        mine = run >= 0
        return replace(kept, curves=Curves(run[mine], curves.tokens[mine], curves.flops[mine], curves.loss[mine]))

    def inputs(self, law: Law) -> list[np.ndarray]:
        """What `law` reads, in the order of the arguments of its `loss`: [n] each, of a schedule [f, n].

        Raises InputError where the runs were loaded for another law and lack a column.
        """
        base = {"params": self.params, "tokens": self.tokens, "flops": self.flops}
        return laws_inputs.columns(law, {**base, **self.further})
