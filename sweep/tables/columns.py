"""Which rows and columns of a table a fit reads: filters, names, expressions, and what to say where one is missing."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from sweep.config import nearest
from sweep.errors import InputError
from sweep.tables.expression import compute, select
from sweep.tables.numbers import parse, plain, problems_of
from sweep.tables.problem import Problem, enforce
from sweep.tables.schema import STATUSES

ALIASES = {
    "params": ("n", "n_params", "num_params", "parameters", "model_size", "size"),
    "tokens": ("d", "n_tokens", "num_tokens", "data", "training_tokens", "dataset_size"),
    "loss": ("l", "val_loss", "loss_val", "eval_loss", "valid_loss", "validation_loss", "test_loss", "train_loss"),
}


class Columns(Mapping[str, np.ndarray]):
    """Columns of a table as arrays, each converted when an expression asks for it."""

    def __init__(self, table: pa.Table, *, as_numbers: bool):
        self.table, self.as_numbers = table, as_numbers

    def __getitem__(self, name: str) -> np.ndarray:
        return parse(self.table[name])[0] if self.as_numbers else plain(self.table[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.table.column_names)

    def __len__(self) -> int:
        return self.table.num_columns


def chosen(table: pa.Table, where: str | None, name: str) -> tuple[np.ndarray, list[tuple[str, int]]]:
    """Index of the rows that satisfy the filter and are finished runs, and (status, how many) of the unfinished."""
    keep = select(where, Columns(table, as_numbers=False)) if where else np.ones(table.num_rows, bool)
    if len(keep) != table.num_rows:
        raise InputError(f"--where {where!r}: not a condition on a column")
    excluded = []
    status = plain(table["status"]) if "status" in table.column_names else None
    if status is not None and status.dtype == object and set(status) <= {*STATUSES, None}:
        others, counts = np.unique(status[keep & (status != "done")].astype(str), return_counts=True)
        excluded = [(str(s), int(c)) for s, c in zip(others, counts, strict=True)]
        keep = keep & (status == "done")
    if not keep.any():
        why = f"no row satisfies --where {where!r}" if where else "no finished run"
        raise InputError(f"{name}: {why}; nothing to fit")
    return np.flatnonzero(keep), excluded


def numbers(
    table: pa.Table,
    keys: Iterable[str],
    names: Mapping[str, str],
    rows: np.ndarray,
    name: str,
    signed: Collection[str] = (),
) -> tuple[dict[str, np.ndarray], list[Problem]]:
    """Values [m] of the inputs `keys` at the chosen rows, and what is wrong with them; `signed` may be 0 or below."""
    values, problems = {}, []
    for key in keys:
        column, texts = names[key], None
        if column in table.column_names:
            texts = table[column]
            values[key], bad = (x[rows] for x in parse(texts, counts=key != "loss"))
        elif is_expression(column):
            values[key] = compute(column, Columns(table, as_numbers=True))[rows]
            bad = np.zeros(len(rows), bool)
        else:
            raise missing(table, key, column, name, names)
        problems += problems_of(values[key], bad, texts, rows, key, column, name, key in signed)
    return values, problems


def is_expression(text: str) -> bool:
    """Whether a column was given as something to compute."""
    return any(sign in text for sign in "+-*/(")


def missing(table: pa.Table, key: str, column: str, name: str, names: Mapping[str, str] | None = None) -> InputError:
    """The error of a column that is not there, with the most useful hint there is."""
    known = table.column_names
    alias = next((c for c in known if c.lower() in ALIASES.get(key, ()) or c.lower() == key), None)
    hint = nearest(column, known) or (f"; did you mean {alias!r}?" if alias else f"; columns: {', '.join(known)}")
    way = f"name it with --columns, as in --columns {key}={alias or 'N'}"
    if key == "tokens" and names and names["flops"] in known:
        size = names["params"]
        way = f'from FLOPs it is computed by --columns "tokens={names["flops"]}/(6*{size})", or name it with --columns'
    return InputError(f"{name}: no column {column!r}{hint} ({way})")


def bytes_of(
    table: pa.Table, given: str | float | int | None, rows: np.ndarray, name: str
) -> float | np.ndarray | None:
    """Bytes per token: a number, or the column of that name at the chosen rows."""
    if given is None:
        return None
    if isinstance(given, str) and given in table.column_names:
        values, bad = (x[rows] for x in parse(table[given]))
        found = list(problems_of(values, bad, table[given], rows, "bytes_per_token", given, name))
        enforce(found, ())
        return values
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(
            f"--bytes-per-token {given}: a positive number or a column; columns: {', '.join(table.column_names)}"
        )
    return value
