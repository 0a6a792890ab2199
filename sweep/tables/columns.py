"""Which rows and columns of a table a fit reads: filters, names, expressions, and what to say where one is missing."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from sweep.errors import InputError
from sweep.nearest import nearest
from sweep.tables.expression import compute, names_in, select, spelled
from sweep.tables.missing import missing
from sweep.tables.numbers import parse, plain, problems_of
from sweep.tables.problem import Problem, enforce
from sweep.tables.states import finished
from sweep.tables.wide import listed

SIZES = ("params", "tokens", "flops")  # a row that lacks one of them is no run


class Columns(Mapping[str, np.ndarray]):
    """Columns of a table as arrays, each converted when an expression asks for it, and not before."""

    def __init__(self, table: pa.Table):
        self.table = table

    def __getitem__(self, name: str) -> np.ndarray:
        return plain(self.table[name])

    def __contains__(self, name: object) -> bool:
        return name in self.table.column_names

    def __iter__(self) -> Iterator[str]:
        return iter(self.table.column_names)

    def __len__(self) -> int:
        return self.table.num_columns


def chosen(table: pa.Table, where: str | None, name: str) -> tuple[np.ndarray, list[tuple[str, int]]]:
    """Index of the rows that satisfy the filter and are finished runs, and (status, how many) of the unfinished."""
    keep = select(where, Columns(table)) if where else np.ones(table.num_rows, bool)
    if len(keep) != table.num_rows:
        raise InputError(f"--where {where!r}: not a condition on a column")
    excluded = []
    if (status := finished(table, names_in(where))) is not None:
        others, counts = np.unique(status.words[keep & ~status.done], return_counts=True)
        excluded = [(str(s), int(c)) for s, c in zip(others, counts, strict=True)]
        keep = keep & status.done
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
    """Values [m] of the inputs `keys` at the chosen rows, and what is wrong with them; `signed` may be 0 or below.

    Raises:
        InputError: columns that are not there, all of them named; or an expression that cannot be computed.
    """
    keys = list(keys)
    if absent := lacking(table, keys, names):
        raise missing(table, absent, names, name)
    values, problems = {}, []
    for key in keys:
        values[key], bad = (x[rows] for x in cells(table, key, names, name))
        column = table[names[key]] if names[key] in table.column_names else None
        leave = f'; --where "{spelled(names[key])} > 0" leaves such rows out' * (column is not None and key in SIZES)
        problems += problems_of(values[key], bad, column, rows, key, names[key], name, key in signed, leave)
    return values, problems


def lacking(table: pa.Table, keys: Iterable[str], names: Mapping[str, str]) -> list[str]:
    """The inputs whose column is not there, and is nothing to compute."""
    return [key for key in keys if names[key] not in table.column_names and not is_expression(names[key])]


def cells(table: pa.Table, key: str, names: Mapping[str, str], name: str) -> tuple[np.ndarray, np.ndarray]:
    """(values [n] of one input in every row, mask [n] of what is not a number), of a column or an expression."""
    given = names[key]
    if given in table.column_names:
        return parse(table[given], counts=key != "loss")
    try:
        return compute(given, Columns(table)), np.zeros(table.num_rows, bool)
    except InputError as error:
        if nearest(given, table.column_names):  # a name with a sign in it, misspelt
            raise missing(table, [key], names, name) from error
        raise


def is_expression(text: str) -> bool:
    """Whether a column was given as something to compute."""
    return any(sign in text for sign in "+-*/(`'\"")


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
            f"--bytes-per-token {given}: a positive number or a column; columns: {listed(table.column_names)}"
        )
    return value
