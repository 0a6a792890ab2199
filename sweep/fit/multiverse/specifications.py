"""All combinations of choices as problems to solve: those that differ, and those that a fit refuses.

A problem is a law, an objective and row weights under a count of parameters. A specification is a problem with a
convention of FLOPs: that changes what a budget buys, not the fit. Combinations that change nothing (a subset that
leaves out no run, weights that are equal) are dropped and counted.
"""

from dataclasses import dataclass

import numpy as np

from sweep.fit.best import fixed_inputs
from sweep.fit.multiverse.axes import AXES, Axes, label
from sweep.fit.multiverse.conventions import Counted, taken
from sweep.fit.multiverse.counts import Conversion
from sweep.fit.multiverse.subsets import subsets, weightings
from sweep.fit.objective import Objective
from sweep.laws import Law
from sweep.tables.judge import refusals
from sweep.tables.load import Runs


@dataclass(frozen=True, eq=False)
class Base:
    """Runs that are fitted together: kept [n], and how much each counts [n], zero for those left out."""

    subset: str
    weights: str
    kept: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, eq=False)
class Group:
    """Problems that share the solver's programs and features: every base by every objective.

    Attributes:
        runs: with parameters counted as in `count`; `convert` gives them in the unit of all answers.
        features, shift: of the law.
        fixed: inputs that compute does not decide (sweep.fit.best).
    """

    law: Law
    count: str
    convert: Conversion
    runs: Runs
    features: np.ndarray
    shift: np.ndarray
    fixed: dict[str, float]
    bases: list[Base]
    objectives: list[Objective]


@dataclass(frozen=True, eq=False)
class Specification:
    """One defensible fit: a choice on every axis.

    Attributes:
        group, base, objective: index of its problem.
        k: FLOPs per parameter and token.
        refused: code of what forbids the fit, or empty.
    """

    choices: dict[str, str]
    group: int
    base: int
    objective: int
    k: float
    refused: str = ""


@dataclass(frozen=True)
class Design:
    """Everything to fit.

    Attributes:
        duplicates: combinations that change nothing, and are left out.
    """

    groups: list[Group]
    specifications: list[Specification]
    duplicates: int


def design(counted: Counted, axes: Axes) -> Design:
    """Groups of problems and the specifications they answer, from a table and the axes."""
    kept, weights = subsets(counted.runs, axes), weightings(counted.runs, axes)
    bases, combinations = distinct(kept, weights), len(kept) * len(weights)
    objectives = axes.chosen_objectives
    counts, per = distinct_counts(counted)
    groups, found = [], []
    for law in axes.chosen_laws:
        for count in counts:
            params = counted.params[count]
            runs = taken(counted.runs, np.ones(len(params), bool), params)
            reasons = [refused(law, taken(counted.runs, base.kept, params)) for base in bases]
            fine = [base for base, reason in zip(bases, reasons, strict=True) if not reason]
            where = {id(base): i for i, base in enumerate(fine)}
            for base, reason in zip(bases, reasons, strict=True):
                for j, objective in enumerate(objectives):
                    for flops, k in per[count].items():
                        names = (law.id, label(objective), base.subset, count, flops, base.weights)
                        choices = dict(zip(AXES, names, strict=True))
                        place = where.get(id(base), -1)
                        found.append(Specification(choices, len(groups), place, j, k, reason))
            features, shift = law.features(*runs.inputs(law))
            convert, fixed = counted.convert[count], fixed_inputs(law, runs)
            groups.append(Group(law, count, convert, runs, features, shift, fixed, fine, objectives))
    every = len(axes.chosen_laws) * len(objectives) * combinations * len(counted.flops_per)
    return Design(groups, found, every - len(found))


def distinct(kept: dict[str, np.ndarray], weights: dict[str, np.ndarray]) -> list[Base]:
    """Every subset with every weighting, those alike once; weights of mean 1 over the runs that are kept."""
    seen, found = set(), []
    for subset, rows in kept.items():
        for name, weight in weights.items():
            if not rows.any():
                continue
            mine = np.where(rows, weight, 0.0)
            mine = mine / mine[rows].mean()
            key = np.round(mine, 9).tobytes()
            if key not in seen:
                seen.add(key)
                found.append(Base(subset, name, rows, mine))
    return found


def distinct_counts(counted: Counted) -> tuple[list[str], dict[str, dict[str, float]]]:
    """Conventions of parameters that differ, and for each the conventions of FLOPs that differ."""
    seen, names = set(), []
    for name, params in counted.params.items():
        if params.tobytes() not in seen:
            seen.add(params.tobytes())
            names.append(name)
    per: dict[str, dict[str, float]] = {name: {} for name in names}
    for (count, flops), k in counted.flops_per.items():
        if count in per and f"{k:.6g}" not in {f"{x:.6g}" for x in per[count].values()}:
            per[count][flops] = k
    return names, per


def refused(law: Law, runs: Runs) -> str:
    """Code of the first refusal of a fit of these runs alone, or nothing."""
    return next((p.code for p in refusals(runs, law)), "")
