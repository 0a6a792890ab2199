"""Settings given as runs: asked about, or the best one of each configuration kept.

A grid of learning rates taken as runs is fitted to its middle, and passes for repeats whose scatter is noise.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sweep.errors import InputError
from sweep.laws.hyperparameters import OUTPUTS
from sweep.nearest import nearest
from sweep.tables.choice import best, joined
from sweep.tables.columns import numbers
from sweep.tables.expression import names_in
from sweep.tables.problem import Problem
from sweep.tables.request import Names, Request
from sweep.tables.runs import Runs
from sweep.tables.settings import ROUNDED, configurations, searched
from sweep.tables.slips import TEXT_NAMES
from sweep.tables.source import Source
from sweep.tables.varied import hyper, levels, varied, words


def tuned(source: Source, names: Names, request: Request, runs: Runs) -> Runs:
    """The runs with the number of their settings; with `best_of` the best of each configuration alone.

    Settings that are left are a refusal, `several_settings`, among the remarks.

    Raises:
        InputError: a column of `best_of` that is not there, or a law of something that settings do not decide.
    """
    columns = stated(source, request)
    losses = runs.loss if request.target == "loss" else losses_of(source, names, request, runs)
    if losses is None:
        return runs
    rows = runs.row - 1
    cell = cells(source, request, runs)
    if columns:
        kept, choice = best(losses, cell, levels(source.table, columns, rows), columns)
        remarks = [p for p in runs.remarks if p.code != "several_settings"]
        remarks.append(Problem("best_of", f"{source.name}: {choice.statement}", None, columns[0]))
        runs = runs.with_curves(kept)
        labels = {name: number for name, number in runs.labels.items() if name not in columns}
        group = joined(runs.group, cell[kept])
        runs = replace(runs, group=group, choice=choice, remarks=tuple(remarks), labels=labels)
        losses, rows, cell = losses[kept], rows[kept], cell[kept]
    if request.target != "loss":
        return runs
    found = varied(source.table, rows, cell, own=names.own, skip=read_by(source, names, request))
    if not found:
        return runs
    level = levels(source.table, found, rows)
    odd = searched(cell, np.stack([level.astype(float) + 1, losses]))
    if not odd.any():
        return runs
    problem = several(source.name, found, columns, int(odd[cell].sum()), int(odd.sum()))
    return replace(runs, setting=level, remarks=(*runs.remarks, problem))


def stated(source: Source, request: Request) -> tuple[str, ...]:
    """The columns of `best_of`. Raises InputError for one that is not there or of seeds, or a law without settings."""
    known = source.table.column_names
    for column in request.best_of:
        if column not in known:
            hint = nearest(column, known) or f"; columns: {', '.join(known)}"
            raise InputError(f"{source.name}: --best-of {column}: no such column{hint}")
        if words(column) & {"seed", "seeds"}:
            raise InputError(f"--best-of {column}: the best of several seeds is luck, no setting; leave {column} out")
    if request.best_of and request.law is not None and request.target not in ("loss", *OUTPUTS):
        raise InputError(f"--best-of keeps the setting of least loss; law {request.law.id} gives {request.law.output}")
    return tuple(dict.fromkeys(request.best_of))


def losses_of(source: Source, names: Names, request: Request, runs: Runs) -> np.ndarray | None:
    """The losses [n] by which a law of settings chooses; None where nothing is to be chosen."""
    if not request.best_of:
        return None
    return numbers(source.table, ["loss"], names.column, runs.row - 1, source.name)[0]["loss"]


def cells(source: Source, request: Request, runs: Runs) -> np.ndarray:
    """Number of the configuration of each run [n]: what the law reads, its arm, and the text that it is of."""
    values = {"params": runs.params, "tokens": runs.tokens, "flops": runs.flops, **runs.further}
    values = {name: x for name, x in values.items() if x.ndim == 1 and np.isfinite(x).all()}
    if request.law is None:
        logs = [np.round(np.log(values[name]) / ROUNDED) for name in ("params", "tokens") if name in values]
    else:
        logs = [configurations(request.law, {**values, request.target: runs.loss})]
    apart = [c for c in source.table.column_names if c == request.by or c.lower() in TEXT_NAMES]
    return np.unique(
        np.stack([*logs, levels(source.table, apart, runs.row - 1)]), axis=1, return_inverse=True
    )[1].ravel()  # fmt: skip


def read_by(source: Source, names: Names, request: Request) -> set[str]:
    """Columns that an input, a filter's arm or the question itself reads: they are no settings."""
    known, read = set(source.table.column_names), {request.by} if request.by else set()
    for text in names.column.values():
        read |= {text} & known or (set(names_in(text)) & known if any(x in text for x in "+-*/(") else set())
    return {x for x in read if x is not None}


def several(name: str, found: Sequence[str], columns: Sequence[str], rows: int, count: int) -> Problem:
    """The refusal of settings given as runs."""
    rest = [c for c in found if hyper(c)] or list(found)
    also = f" besides {', '.join(columns)}" if columns else ""
    both = ",".join([*columns, *found])
    message = (
        f"{name}: {rows} rows of {count} configurations differ in {', '.join(found)}{also}: settings that were tried, "
        f"not repeats; a law of the loss is of the best: keep the best of each configuration with --best-of {both}"
    )
    return Problem("several_settings", message, None, rest[0], "refusal")
