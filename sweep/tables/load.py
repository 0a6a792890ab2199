"""From any table to the numbers a fit needs, checked: a file, a run directory, a table in memory, or arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sweep.config import nearest
from sweep.errors import InputError, Refusal
from sweep.tables import io
from sweep.tables.curves import Curves, arrange
from sweep.tables.where import select

NEEDED = ("params", "tokens", "loss")
INPUTS = (*NEEDED, "flops", "budget", "trunk", "run")
SWEEP_NAMES = {"params": "params_with_head", "flops": "flops_exact"}  # of a table that a sweep wrote


@dataclass(frozen=True)
class Runs:
    """Finished runs, one a row [n].

    Attributes:
        params, tokens, flops: positive; FLOPs of training.
        loss: nats/token, positive.
        budget: nominal FLOPs of the isoFLOP family, NaN where there is none.
        group: rows of one group share a history (trunk) and are resampled together.
        row: number of the row in the table, from 1.
        trial: identity of each run, or None.
        convention: how parameters and FLOPs were counted.
        excluded: (status, how many) of rows that are no finished run.
        source: where the rows came from.
        curves: loss along training, where the source has it.
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

    def __len__(self) -> int:
        return len(self.loss)


def load(source: Any, columns: Mapping[str, str] | None = None, where: str | None = None) -> Runs:
    """Read, filter and check.

    Args:
        source: path of a CSV, a Parquet file or a run directory; a pyarrow or pandas table; or arrays by name.
        columns: names in the table for `params`, `tokens`, `loss`, and optionally `flops`, `budget`, `trunk`, and
            `run` for a table of training curves, many rows a run (see sweep.tables.curves).
        where: filter, see sweep.tables.where.

    Raises:
        InputError: an unreadable source, a missing column, or a value that is no positive number (row and column).
    """
    table, name, directory = read_source(source)
    columns = dict(columns or {})
    for key in columns:
        if key not in INPUTS:
            raise InputError(f"--columns {key}=…: no such input{nearest(key, INPUTS)}")
    own = {"status", *SWEEP_NAMES.values()} <= set(table.column_names)
    names = {
        key: (SWEEP_NAMES.get(key, key) if own else key) for key in (*NEEDED, "flops", "budget", "trunk")
    } | columns
    keep = np.ones(table.num_rows, bool)
    excluded = []
    if where:
        keep &= select(where, {column: plain(table[column]) for column in table.column_names})
    if own:
        status = plain(table["status"])
        others, counts = np.unique(status[keep & (status != "done")].astype(str), return_counts=True)
        excluded = [(str(s), int(c)) for s, c in zip(others, counts, strict=True)]
        keep &= status == "done"
    if not keep.any():
        why = f"no row satisfies --where {where!r}" if where else "no finished run"
        raise InputError(f"{name}: {why}; nothing to fit")
    rows = np.flatnonzero(keep)
    params, tokens, loss = (numbers(table, names[key], rows, name, positive=True) for key in NEEDED)
    has_flops = names["flops"] in table.column_names
    flops = numbers(table, names["flops"], rows, name, positive=True) if has_flops else 6.0 * params * tokens
    has_budget = names["budget"] in table.column_names
    budget = numbers(table, names["budget"], rows, name, gaps=True) if has_budget else np.full(len(rows), np.nan)
    trial = [str(t) for t in plain(table["trial"])[rows]] if "trial" in table.column_names else None
    runs = Runs(
        params, tokens, flops, loss, budget,
        group=groups(table, names["trunk"], rows),
        row=rows + 1,
        trial=trial,
        convention={
            "params": "with_head" if names["params"] == "params_with_head" else f"column {names['params']}",
            "flops": "exact" if names["flops"] == "flops_exact" else f"column {names['flops']}" if has_flops else "6nd",
        },
        excluded=excluded,
        source=name,
        curves=read_curves(directory, trial) if directory and trial else None,
    )  # fmt: skip
    return finals(runs, labels(table, columns["run"], rows, name)) if "run" in columns else runs


def read_source(source: Any) -> tuple[pa.Table, str, Path | None]:
    """The table, its name in messages, and the run directory if it is one."""
    if isinstance(source, str | Path):
        path = Path(source)
        if not path.is_dir():
            return io.read(path), str(path), None
        if any(path.glob("cohorts/*/rows-*.parquet")):
            return nonempty(io.merge(path), str(path)), str(path), path
        if (path / io.LOSSES_FILE).exists():
            return io.read(path / io.LOSSES_FILE), str(path), path
        raise InputError(f"{path}: no loss table here yet; `sweep run` writes one, or name a CSV or Parquet file")
    if isinstance(source, Mapping):
        try:
            return nonempty(pa.table({k: pa.array(np.asarray(v)) for k, v in source.items()}), "arrays"), "arrays", None
        except pa.ArrowInvalid as error:
            raise InputError(f"arrays: {error}; give one-dimensional arrays of equal length") from error
    if isinstance(source, pa.Table):
        return nonempty(source, "table"), "table", None
    if type(source).__module__.startswith("pandas"):
        return nonempty(pa.Table.from_pandas(source, preserve_index=False), "table"), "table", None
    raise InputError(f"cannot read a table from {type(source).__name__}; give a path, a table or arrays by name")


def nonempty(table: pa.Table, name: str) -> pa.Table:
    """`table`, or an InputError where it has no rows."""
    if table.num_rows == 0:
        raise InputError(f"{name}: no rows; nothing to fit")
    return table


def plain(column: pa.ChunkedArray) -> np.ndarray:
    """Floats with NaN where a number is missing; anything else as objects with None."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return column.cast(pa.float64()).to_numpy()
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    return np.array([*column.to_pylist(), None], dtype=object)[:-1]


def numbers(
    table: pa.Table, column: str, rows: np.ndarray, name: str, *, positive: bool = False, gaps: bool = False
) -> np.ndarray:
    """Values of the chosen rows as float64, each checked; `gaps` lets a value be missing (NaN)."""
    if column not in table.column_names:
        hint = nearest(column, table.column_names) or f"; columns: {', '.join(table.column_names)}"
        raise InputError(f"{name}: no column {column!r}{hint} (name it with --columns, as in --columns params=N)")
    values = plain(table[column])[rows]
    result = np.full(len(rows), np.nan)
    for i, value in enumerate(values):
        try:
            result[i] = np.nan if value is None or value == "" else float(value)
        except (TypeError, ValueError) as error:
            raise InputError(f"{name}: row {rows[i] + 1}, column {column}: {value!r} is not a number") from error
    bad = np.isinf(result) | (np.isnan(result) & (not gaps)) | ((result <= 0) & positive)
    if bad.any():
        i = int(np.argmax(bad))
        value = "missing" if np.isnan(result[i]) else f"{result[i]:g}"
        wanted = "a positive finite number" if positive else "a finite number"
        raise InputError(f"{name}: row {rows[i] + 1}, column {column}: {value}; it must be {wanted}")
    return result


def finals(points: Runs, run: np.ndarray) -> Runs:
    """One row a run, its point of most tokens, of a table of curve points that name their runs [m]."""
    found = arrange(run, points.params, points.tokens, points.loss, points.row, points.source)
    order, last = found.order, found.last
    kept = {name: getattr(points, name)[last] for name in ("params", "tokens", "flops", "loss", "budget", "row")}
    return replace(
        points,
        **kept,
        group=np.unique(points.group[last], return_inverse=True)[1],
        trial=found.names,
        excluded=points.excluded + [("repeated points", found.repeated)] * bool(found.repeated),
        curves=Curves(found.run[order], points.tokens[order], points.flops[order], points.loss[order]),
    )


def labels(table: pa.Table, column: str, rows: np.ndarray, name: str) -> np.ndarray:
    """Values of the chosen rows that name things."""
    if column not in table.column_names:
        hint = nearest(column, table.column_names) or f"; columns: {', '.join(table.column_names)}"
        raise InputError(f"{name}: no column {column!r}{hint}")
    return plain(table[column])[rows]


def groups(table: pa.Table, column: str, rows: np.ndarray) -> np.ndarray:
    """Group number of each row: rows that name the same trunk together, every other row by itself."""
    if column not in table.column_names:
        return np.arange(len(rows))
    values = plain(table[column])[rows]
    labels = [f"row {i}" if v is None or v != v or v == "" else f"trunk {v}" for i, v in enumerate(values)]
    return np.unique(labels, return_inverse=True)[1]


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


def check_identifiable(runs: Runs, parameters: int) -> None:
    """Refuse tables on which a law of two inputs cannot be told apart from others.

    Raises:
        Refusal: `too_few_rows` (parameters + 2 needed), or `collinear` (tokens follow from params, as in D = 20 N).
    """
    configurations = len(np.unique(np.stack([runs.params, runs.tokens]), axis=1).T)
    if configurations < parameters + 2:
        raise Refusal(
            "too_few_rows",
            f"{runs.source}: {configurations} configurations < {parameters} parameters + 2; need >= {parameters + 2} "
            "distinct (params, tokens) to fit and to judge",
        )
    ln_n, ln_d = np.log(runs.params), np.log(runs.tokens)
    for label, x in (("params", ln_n), ("tokens", ln_d)):
        if np.ptp(x) < 0.02:
            raise Refusal("collinear", f"{runs.source}: every run has the same {label}; its exponent cannot be fitted")
    slope, middle = np.polyfit(ln_n, ln_d, 1)
    if slope > 0 and np.std(ln_d - slope * ln_n - middle) < 0.02:
        ratio = np.exp(np.median(ln_d - ln_n))
        raise Refusal(
            "collinear",
            f"{runs.source}: params and tokens are collinear (tokens per parameter about {ratio:.3g} in every run): "
            "alpha and beta cannot be separated; add runs at other tokens per parameter",
        )
