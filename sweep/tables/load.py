"""From any table to the numbers a fit needs, checked: a file, a run directory, a table in memory, or arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sweep.config import nearest
from sweep.errors import InputError
from sweep.laws import Law
from sweep.laws import inputs as laws_inputs
from sweep.tables import further, io, settings, slips
from sweep.tables.columns import bytes_of, chosen, missing, numbers
from sweep.tables.curves import Curves, arrange
from sweep.tables.expression import names_in
from sweep.tables.numbers import plain
from sweep.tables.problem import Problem, check_codes, enforce
from sweep.tables.read import in_memory, read
from sweep.tables.units import Units, check_units, doubt, factor

NEEDED = ("params", "tokens", "loss")
INPUTS = (*NEEDED, "flops", "budget", "trunk", "run")
SWEEP_NAMES = {"params": "params_with_head", "flops": "flops_exact"}  # of a table that a sweep wrote


@dataclass(frozen=True)
class Runs:
    """Finished runs, one a row [n].

    Attributes:
        params, tokens, flops: positive; FLOPs of training. NaN where the table lacks them and the law needs none.
        loss: what the law predicts, positive: the loss in nats/token, or the column that its `target` names.
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

    def __len__(self) -> int:
        return len(self.loss)

    def take(self, rows: np.ndarray) -> "Runs":
        """The runs of these rows [m], without the curves of whole runs."""
        arrays = ("params", "tokens", "flops", "loss", "budget", "group", "row")
        kept = {name: getattr(self, name)[rows] for name in arrays}
        further = {name: x[..., rows] for name, x in self.further.items()}
        trial = None if self.trial is None else [self.trial[i] for i in rows]
        return replace(self, **kept, further=further, trial=trial, curves=None)

    def inputs(self, law: Law) -> list[np.ndarray]:
        """What `law` reads, in the order of the arguments of its `loss`: [n] each, of a schedule [f, n].

        Raises InputError where the runs were loaded for another law and lack a column.
        """
        base = {"params": self.params, "tokens": self.tokens, "flops": self.flops}
        return laws_inputs.columns(law, {**base, **self.further})


class Seen(NamedTuple):
    """A table that was looked at: the runs, or None where there are errors; every problem; how many rows it chose."""

    runs: Runs | None
    problems: list[Problem]
    rows: int


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
) -> Runs:
    """Read, filter and check.

    Args:
        source: path of a CSV, a Parquet file or a run directory; a pyarrow or pandas table; or arrays by name.
        columns: names in the table, or expressions over them, for `params`, `tokens`, `loss`, and optionally `flops`,
            `budget`, `trunk`, and `run` for a table of training curves, many rows a run (see sweep.tables.curves).
            A law's further inputs, and its target instead of the loss.
        where: filter, see sweep.tables.expression.
        units: of the loss: nats, bits (per token) or bpb (bits per byte); see sweep.tables.units.
        bytes_per_token: for bpb, a number or a column.
        despite: codes of refusals to override; `loss_not_positive` leaves those rows out.
        law: whose further inputs are read (sweep.tables.further), and whose target; None for params, tokens, loss.
        by: column of the arms of a comparison: its several values are meant.

    Raises:
        InputError: an unreadable source, a missing column, or a value that no run has (row and column).
        Refusal: `loss_not_positive`, `several_settings`.
    """
    runs, problems, _ = examine(
        source, columns, where, units=units, bytes_per_token=bytes_per_token, despite=despite,
        law=law, by=by,
    )  # fmt: skip
    enforce(problems, despite)
    assert runs is not None  # only errors leave none
    return runs


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
) -> Seen:
    """`load`, with what is wrong as a list.

    Raises:
        InputError: where the table has no such columns, or cannot be read at all.
    """
    check_units(units, bytes_per_token)
    check_codes(despite)
    table, name, directory = read_source(source)
    columns, keys, target = dict(columns or {}), (*INPUTS, *further.keys(law)), law.target if law else "loss"
    settings.check_options(law, columns, units)
    for key in columns:
        if key not in keys:
            raise InputError(f"--columns {key}=…: no such input{nearest(key, keys)}")
    by_name = isinstance(source, Mapping)  # who passes arrays by name has said which is which, by the API's contract
    own = {"status", *SWEEP_NAMES.values()} <= set(table.column_names)
    names = {key: (SWEEP_NAMES.get(key, key) if own else key) for key in keys} | columns

    def has(key: str) -> bool:
        return key in columns or names.get(key, key) in table.column_names

    if "run" in columns and columns["run"] not in table.column_names:
        raise missing(table, "run", columns["run"], name)
    rows, excluded = chosen(table, where, name)
    curves, wanted = further.on_curves(law, has), further.needed(law, has)
    ours = dict.fromkeys(("params", "tokens", target, "flops", "budget"))
    ours = [key for key in ours if key == target or key in wanted or has(key)]
    values, problems = numbers(table, ours, names, rows, name)
    values["loss"] = values[target]
    if "loss_not_positive" in despite and (values["loss"] <= 0).any():
        keep = ~(values["loss"] <= 0)
        excluded = [*excluded, ("loss_not_positive", int((~keep).sum()))]
        rows, values = rows[keep], {key: v[keep] for key, v in values.items()}
        if not keep.any():
            raise InputError(f"{name}: no {target} is positive; nothing to fit")
    more, found = further.read(table, law, wanted, names, rows, name)
    problems += found
    if any(p.level == "error" or (p.level == "refusal" and p.code not in despite) for p in problems):
        return Seen(None, problems, len(rows))
    values = dict.fromkeys(NEEDED, np.full(len(rows), np.nan)) | values
    each = bytes_of(table, bytes_per_token, rows, name)
    values["loss"] = values["loss"] * factor(units, each)
    how = "stated" if units else "schema" if own else "arrays" if by_name and names["loss"] == "loss" else "guessed"
    how = how if target == "loss" else "target"
    told = own or {"trunk", "run"} & set(columns) or not slips.known(values["params"])
    run = None if told else slips.run_column(table, rows, values["params"])
    if curves:
        run = names["run"], slips.codes(table[names["run"]], rows)
    problems += slips.mixed(table, rows, {*names_in(where), *([by] if by else [])}, name)
    if not own:
        stated = {*columns, *(NEEDED if by_name else ()), *(("run",) if curves or how == "target" else ())}
        problems += slips.suspicions(names, rows, values, stated, run, name)
        if how == "guessed" and (question := doubt(values["loss"], names["loss"], name)):
            problems.append(question)
    problems += settings.several(law, {**values, **more}, table, names, rows, where, name)
    group, remarks = grouping(table, names["trunk"], "trunk" in columns, rows, run, name)
    problems += remarks
    if any(p.level == "error" for p in problems):
        return Seen(None, problems, len(rows))
    trial = [str(t) for t in plain(table["trial"])[rows]] if "trial" in table.column_names else None
    span = float(values["loss"].min()), float(values["loss"].max())
    runs = Runs(
        *(values[key] for key in NEEDED[:2]),
        flops=values.get("flops", 6.0 * values["params"] * values["tokens"]),
        loss=values["loss"],
        budget=values.get("budget", np.full(len(rows), np.nan)),
        group=group,
        row=rows + 1,
        trial=trial,
        convention=convention(names, "flops" in values),
        excluded=excluded,
        source=name,
        curves=read_curves(directory, trial) if directory and trial else None,
        units=Units(units or "nats", how, span, None if bytes_per_token is None else str(bytes_per_token))
        if law is None or target == "loss"
        else Units(None, how, span, of=law.output),
        remarks=tuple(problems),
        further=more,
    )
    if "run" in columns and not curves:
        runs = finals(runs, plain(table[columns["run"]])[rows])
    return Seen(runs, problems, len(runs))


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
        raise missing(table, "trunk", trunk, name)
    if run is None:
        return np.arange(len(rows)), []
    column, group = run
    shared = int((np.bincount(group) > 1)[group].sum())
    message = f"{shared} rows share a run (column {column}) with others: resampled together, {group.max() + 1} groups"
    return group, [Problem("clustered", message, None, column)]


def read_source(source: Any) -> tuple[pa.Table, str, Path | None]:
    """The table, its name in messages, and the run directory if it is one."""
    if not isinstance(source, str | Path):
        return *in_memory(source), None
    path = Path(source)
    if not path.is_dir():
        return read(path), str(path), None
    if any(path.glob("cohorts/*/rows-*.parquet")):
        return in_memory(io.merge(path))[0], str(path), path
    if (path / io.LOSSES_FILE).exists():
        return read(path / io.LOSSES_FILE), str(path), path
    raise InputError(f"{path}: no loss table here yet; `sweep run` writes one, or name a CSV or Parquet file")


def finals(points: Runs, run: np.ndarray) -> Runs:
    """One row a run, its point of most tokens, of a table of curve points that name their runs [m]."""
    found = arrange(run, points.params, points.tokens, points.loss, points.row, points.source)
    order, last = found.order, found.last
    kept = {name: getattr(points, name)[last] for name in ("params", "tokens", "flops", "loss", "budget", "row")}
    return replace(
        points,
        **kept,
        further={name: values[..., last] for name, values in points.further.items()},
        group=np.unique(points.group[last], return_inverse=True)[1],
        trial=found.names,
        excluded=points.excluded + [("repeated points", found.repeated)] * bool(found.repeated),
        curves=Curves(found.run[order], points.tokens[order], points.flops[order], points.loss[order]),
    )


def read_curves(directory: Path, trial: Sequence[str]) -> Curves | None:
    """Points of curves.parquet that belong to the finished trials and have a validation loss."""
    if not (directory / io.CURVES_FILE).exists():
        return None
    table = io.pyarrow.parquet.ParquetFile(directory / io.CURVES_FILE).read()
    index = {name: i for i, name in enumerate(trial)}
    run = np.array([index.get(str(name), -1) for name in table["trial"].to_pylist()], int)
    tokens, flops, loss = (plain(table[column]) for column in ("tokens", "flops_exact", "loss"))
    good = (run >= 0) & (tokens > 0) & (flops > 0) & (loss > 0) & np.isfinite(loss)
    return Curves(run[good], tokens[good], flops[good], loss[good]) if good.any() else None
