"""From checked values to runs: what rows share a history, how quantities were counted, the last point of each curve."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from sweep.tables import slips
from sweep.tables.curves import Curves, arrange
from sweep.tables.missing import missing
from sweep.tables.numbers import plain
from sweep.tables.problem import Problem
from sweep.tables.request import NEEDED, Names, Request
from sweep.tables.runs import Runs
from sweep.tables.source import Source, read_curves
from sweep.tables.units import Units
from sweep.tables.values import Values, unit_given

LABELLED = 2_000  # rows; of more, nothing that reads labels is asked
MOSTLY = 0.7  # values a row at most; with more, a column names hardly any runs alike


def assemble(
    source: Source, names: Names, request: Request, values: Values, how: str, group: np.ndarray,
    problems: list[Problem], points: bool,
) -> Runs:  # fmt: skip
    """Runs of checked values.

    Args:
        how: the unit of the loss is known, see sweep.tables.units.Units.
        group: of each row [m], of `grouping`.
        problems: remarks, and refusals that were overridden.
        points: the rows stay points of curves, as a law of schedules reads them.
    """
    rows, base = values.rows, values.base
    trial = [str(t) for t in plain(source.table["trial"])[rows]] if "trial" in source.table.column_names else None
    runs = Runs(
        *(base[key] for key in NEEDED[:2]),
        flops=base.get("flops", 6.0 * base["params"] * base["tokens"]),
        loss=base["loss"],
        budget=base.get("budget", np.full(len(rows), np.nan)),
        group=group,
        row=rows + 1,
        trial=trial,
        convention=convention(names.column, "flops" in base),
        excluded=values.excluded,
        source=source.name,
        curves=read_curves(source.directory, trial) if source.directory and trial else None,
        units=units_of(names, request, how, values),
        remarks=tuple(problems),
        further=values.further,
        weight=relative(base["weight"]) if "weight" in base else None,
        labels=labels(source.table, rows, set(names.column.values())),
    )
    if "run" in request.columns and not points:
        return finals(runs, plain(source.table[request.columns["run"]])[rows])
    return runs


def labels(table: pa.Table, rows: np.ndarray, read: set[str]) -> dict[str, np.ndarray]:
    """Columns that name several of the chosen rows alike, by number of their value; none of a large table.

    Args:
        read: names of the columns that hold what the fit reads.
    """
    if len(rows) > LABELLED:
        return {}
    found = {}
    for column in table.column_names:
        if column in read or pa.types.is_nested(table[column].type):
            continue
        number = slips.codes(table[column], rows)
        if 1 < number.max() + 1 <= MOSTLY * len(rows):
            found[column] = number
    return found


def relative(weight: np.ndarray) -> np.ndarray:
    """Weights [n] over their mean: only ratios count, and the solver's tolerances are for terms of ordinary size."""
    weight = weight / weight.max()
    return weight / weight.mean()


def units_of(names: Names, request: Request, how: str, values: Values) -> Units:
    """How losses, in the unit that is fitted by now, were read; of another law, what the column holds."""
    loss = values.base["loss"]
    span = float(loss.min()), float(loss.max())
    if request.law is not None and request.target != "loss":
        return Units(None, how, span, of=request.law.output)
    each = None if request.bytes_per_token is None else str(request.bytes_per_token)
    return Units(unit_given(names, request) or "nats", how, span, each, per_byte=values.per_byte)


def convention(names: Mapping[str, str], has_flops: bool) -> dict[str, str]:
    """How parameters and FLOPs were counted: by the sweep's conventions, or by the name of a foreign column."""
    given = f"column {names['flops']}" if has_flops else "6nd"
    return {
        "params": "with_head" if names["params"] == "params_with_head" else f"column {names['params']}",
        "flops": "exact" if names["flops"] == "flops_exact" else given,
    }


def grouping(
    table: pa.Table, trunk: str, stated: bool, rows: np.ndarray, run: tuple[str, np.ndarray] | None, name: str
) -> tuple[np.ndarray, list[Problem]]:
    """Group of each row: rows of one trunk together, else rows of one run, else every row by itself; and a remark."""
    if trunk in table.column_names:
        return slips.codes(table[trunk], rows), []
    if stated:
        raise missing(table, ["trunk"], {"trunk": trunk}, name)
    if run is None:
        return np.arange(len(rows)), []
    column, group = run
    shared = int((np.bincount(group) > 1)[group].sum())
    message = f"{shared} rows share a run (column {column}) with others: resampled together, {group.max() + 1} groups"
    return group, [Problem("clustered", message, None, column)]


def finals(points: Runs, run: np.ndarray) -> Runs:
    """One row a run, its point of most tokens, of a table of curve points that name their runs [m]."""
    found = arrange(run, points.params, points.tokens, points.loss, points.row, points.source)
    order, last = found.order, found.last
    kept = {name: getattr(points, name)[last] for name in ("params", "tokens", "flops", "loss", "budget", "row")}
    return replace(
        points,
        **kept,
        further={name: values[..., last] for name, values in points.further.items()},
        labels={name: values[last] for name, values in points.labels.items()},
        weight=None if points.weight is None else points.weight[last],
        group=np.unique(points.group[last], return_inverse=True)[1],
        trial=found.names,
        excluded=points.excluded + [("repeated points", found.repeated)] * bool(found.repeated),
        curves=Curves(found.run[order], points.tokens[order], points.flops[order], points.loss[order]),
    )
