"""From any table to the numbers a fit needs, checked: a file, a run directory, a table in memory, or arrays.

`examine` is a pipeline: open the source, map its columns, filter and read numbers, convert units, look for slips, group
rows that share a history, assemble the runs. Each step is a small function here or in the module of its noun, and
returns values with a list of problems.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sweep.given import columns_of, number_or_column, optional, takes, word, words
from sweep.laws import Law
from sweep.tables import further, settings, slips
from sweep.tables.assemble import assemble, grouping
from sweep.tables.curves import Curves
from sweep.tables.expression import names_in
from sweep.tables.problem import Problem, enforce
from sweep.tables.request import INPUTS, NEEDED, SWEEP_NAMES, Names, Request, map_columns
from sweep.tables.runs import Runs
from sweep.tables.source import Source, open_source, read_source
from sweep.tables.tuning import tuned
from sweep.tables.units import doubt
from sweep.tables.values import Values, in_unit, origin_of_unit, read_values

__all__ = ["INPUTS", "NEEDED", "SWEEP_NAMES", "Curves", "Runs", "Seen", "examine", "load", "read_source"]


READING = {
    "columns": optional(columns_of), "where": optional(word), "units": optional(word),
    "bytes_per_token": optional(number_or_column), "despite": words, "by": optional(word),
}  # fmt: skip


class Seen(NamedTuple):
    """A table that was looked at: the runs, or None where there are errors; every problem; how many rows it chose."""

    runs: Runs | None
    problems: list[Problem]
    rows: int


@takes(**READING)
def load(
    source: Any,
    columns: Mapping[str, str] | None = None,
    where: str | None = None,
    *,
    units: str | None = None,
    bytes_per_token: str | float | int | None = None,
    despite: Sequence[str] = (),
    law: Law | None = None,
    by: str | None = None,
    best_of: Sequence[str] = (),
) -> Runs:
    """Read, filter and check.

    Args:
        source: path of a file or a run directory, or a TableFile (sweep.tables.read); a pyarrow or pandas table; or
            arrays by name.
        columns: names in the table, or expressions over them, for `params`, `tokens`, `loss`, and optionally `flops`,
            `budget`, `trunk`, and `run` for a table of training curves, many rows a run (see sweep.tables.curves).
            A law's further inputs, and its target instead of the loss.
        where: filter, see sweep.tables.expression.
        units: of the loss: nats, bits (per token) or bpb (bits per byte); see sweep.tables.units.
        bytes_per_token: a number or a column, to go from bits/byte to nats/token or from losses per token to bits/byte.
        despite: codes of refusals to override; `loss_not_positive` leaves those rows out.
        law: whose further inputs are read (sweep.tables.further), and whose target; None for params, tokens, loss.
        by: column of the arms of a comparison: its several values are meant.
        best_of: columns of settings of which the best is kept in each configuration (sweep.tables.choice).

    Raises:
        InputError: an unreadable source, a missing column, or a value that no run has (row and column).
        Refusal: `loss_not_positive`, `several_settings`.
    """
    runs, problems, _ = examine(
        source, columns, where, units=units, bytes_per_token=bytes_per_token, despite=despite,
        law=law, by=by, best_of=best_of,
    )  # fmt: skip
    enforce(problems, despite)
    assert runs is not None  # only errors leave none
    return runs


@takes(**READING)
def examine(
    source: Any,
    columns: Mapping[str, str] | None = None,
    where: str | None = None,
    *,
    units: str | None = None,
    bytes_per_token: str | float | int | None = None,
    despite: Sequence[str] = (),
    law: Law | None = None,
    by: str | None = None,
    best_of: Sequence[str] = (),
) -> Seen:
    """`load`, with what is wrong as a list.

    Raises:
        InputError: where the table has no such columns, or cannot be read at all.
    """
    request = Request(dict(columns or {}), where, units, bytes_per_token, tuple(despite), law, by, tuple(best_of))
    request.check()
    origin = open_source(source)
    names = map_columns(origin, request)
    values, problems = read_values(origin, names, request)
    problems = [*names.remarks, *problems]
    if stops(problems, despite):
        return Seen(None, problems, len(values.rows))
    values, how = in_unit(origin, names, request, values), origin_of_unit(origin, names, request)
    points = further.on_curves(law, names.has)
    run = run_of(origin, names, values, points)
    problems += suspicions(origin, names, request, values, run, how, points)
    group, remarks = grouping(
        origin.table, names.column["trunk"], "trunk" in names.stated, values.rows, run, origin.name
    )
    problems += remarks
    if any(p.level == "error" for p in problems):
        return Seen(None, problems, len(values.rows))
    runs = assemble(origin, names, request, values, how, group, problems, points)
    if not points:
        runs = tuned(origin, names, request, runs)
    return Seen(runs, list(runs.remarks), len(runs))


def stops(problems: Sequence[Problem], despite: Sequence[str]) -> bool:
    """Whether values are too wrong to look further: an error, or a refusal that `despite` does not override."""
    return any(p.level == "error" or (p.level == "refusal" and p.code not in despite) for p in problems)


def run_of(source: Source, names: Names, values: Values, points: bool) -> tuple[str, np.ndarray] | None:
    """(column, number of the run of each row [m]): a column that names runs of one size; of points, the stated one."""
    if points:
        return names.column["run"], slips.codes(source.table[names.column["run"]], values.rows)
    if names.own or {"trunk", "run"} & set(names.stated) or not slips.known(values.base["params"]):
        return None
    return slips.run_column(source.table, values.rows, values.base["params"])


def suspicions(
    source: Source, names: Names, request: Request, values: Values, run: tuple[str, np.ndarray] | None, how: str,
    points: bool,
) -> list[Problem]:  # fmt: skip
    """What the values betray of the table: texts that were mixed, slips, units, settings given as runs.

    Args:
        run: of `run_of`.
        how: of `origin_of_unit`.
        points: the rows are points of curves, and meant as such.
    """
    table, rows, base = source.table, values.rows, values.base
    mentioned = {*names_in(request.where), *([request.by] if request.by else [])}
    problems = list(slips.mixed(table, rows, mentioned, source.name))
    if not names.own:
        stated = {*names.stated, *(NEEDED if source.by_name else ()), *(("run",) if points or how == "target" else ())}
        problems += slips.suspicions(names.column, rows, base, stated, run, names.known, source.name, how == "target")
        if how == "guessed" and (question := doubt(base["loss"], names.column["loss"], source.name, names.known)):
            problems.append(question)
    inputs = {**base, **values.further}
    problems += settings.several(request.law, inputs, table, names.column, rows, request.where, source.name)
    return problems
