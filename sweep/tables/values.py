"""The numbers that a fit reads of a table: which rows, of which columns, in which unit, and what is wrong with them."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sweep.errors import InputError
from sweep.tables import further
from sweep.tables.columns import bytes_of, cells, chosen, lacking, numbers
from sweep.tables.numbers import decoded, texts
from sweep.tables.problem import Problem
from sweep.tables.request import NEEDED, Names, Request
from sweep.tables.source import Source
from sweep.tables.units import converted

UNKNOWN = "flops", "budget"  # inputs that any table may lack
MARKS = 5  # words for unfinished rows that are counted one by one


class Values(NamedTuple):
    """Values of the chosen rows.

    Attributes:
        rows: index in the table [m].
        base: params, tokens, loss and what there is of flops, budget and weight, [m] each.
        further: what the law reads besides, by name: [m], of a schedule [f, m].
        excluded: (status, how many) of the rows that were left out.
        per_byte: the losses are in bits/byte.
    """

    rows: np.ndarray
    base: dict[str, np.ndarray]
    further: Mapping[str, np.ndarray]
    excluded: list[tuple[str, int]]
    per_byte: bool = False


def read_values(source: Source, names: Names, request: Request) -> tuple[Values, list[Problem]]:
    """Filter, then numbers: the inputs at the chosen rows as they stand in the table, and what is wrong with them.

    Raises:
        InputError: a missing column, or no row that is left.
    """
    rows, excluded = chosen(source.table, request.where, source.name)
    wanted = further.needed(request.law, names.has)
    keys = columns_of(names, request, wanted)
    if source.drop_unfinished and not lacking(source.table, keys, names.column):
        rows, unfinished = finished(source, names, request.target, rows)
        excluded = [*excluded, *unfinished]
    base, problems = numbers(source.table, keys, names.column, rows, source.name)
    base["loss"] = base[request.target]
    values = Values(rows, base, {}, [*source.excluded, *excluded])
    if "loss_not_positive" in request.despite:
        values = without_losses_below_zero(values, request.target, source.name)
    more, wrong = further.read(source.table, request.law, wanted, names.column, values.rows, source.name)
    return values._replace(further=more), [*problems, *wrong]


def columns_of(names: Names, request: Request, wanted: list[str]) -> list[str]:
    """The inputs of any table that are read: those that the law wants, what is fitted, and what else there is."""
    keys = dict.fromkeys(("params", "tokens", request.target, *UNKNOWN))
    found = [key for key in keys if key == request.target or key in wanted or names.has(key)]
    return [*found, *(["weight"] if "weight" in names.stated else [])]  # a column of that name may hold anything


def finished(source: Source, names: Names, target: str, rows: np.ndarray) -> tuple[np.ndarray, list[tuple[str, int]]]:
    """(the rows whose target is a number, (mark, how many) of the others).

    A row is unfinished where the target is missing, infinite, or a word such as diverged, OOM or a dash. What has
    digits in it and is no number was meant as one, and stays to be named.

    Raises:
        InputError: no row is finished.
    """
    given = names.column[target]
    values, bad = (x[rows] for x in cells(source.table, target, names.column, source.name))
    written = texts(decoded(source.table[given]).take(pa.array(rows))) if given in source.table.column_names else None
    marks = {
        i: mark(values[i], written[i] if bad[i] and written else None) for i in np.flatnonzero(~np.isfinite(values))
    }
    unfinished = {i: word for i, word in marks.items() if word}
    if len(unfinished) == len(rows):
        raise InputError(f"{source.name}: no {target} in column {given} is a number; nothing to fit")
    counts = Counter(unfinished.values()).most_common()
    left = sum(count for _, count in counts[MARKS:])
    told = [*counts[:MARKS], *([("other marks", left)] if left else [])]
    return np.delete(rows, list(unfinished)), told


def mark(value: float, text: str | None) -> str:
    """What to count an unfinished row under; empty for a cell that was meant as a number."""
    if text is None:
        return "empty" if np.isnan(value) else "infinite"
    return "" if any(letter.isdigit() for letter in text) else text.strip()[:20]


def without_losses_below_zero(values: Values, target: str, name: str) -> Values:
    """The rows of positive losses, the others counted. Raises InputError where none is left."""
    keep = ~(values.base["loss"] <= 0)
    if keep.all():
        return values
    if not keep.any():
        raise InputError(f"{name}: no {target} is positive; nothing to fit")
    base = {key: v[keep] for key, v in values.base.items()}
    excluded = [*values.excluded, ("loss_not_positive", int((~keep).sum()))]
    return values._replace(rows=values.rows[keep], base=base, excluded=excluded)


def in_unit(source: Source, names: Names, request: Request, values: Values) -> Values:
    """Losses in the unit that is fitted; NaN for params or tokens that the table lacks and the law does not need."""
    gaps = dict.fromkeys(NEEDED, np.full(len(values.rows), np.nan))
    each = bytes_of(source.table, request.bytes_per_token, values.rows, source.name)
    loss, per_byte = converted(values.base["loss"], unit_given(names, request), each, arms=request.by is not None)
    return values._replace(base={**gaps, **values.base, "loss": loss}, per_byte=per_byte)


def unit_given(names: Names, request: Request) -> str | None:
    """The unit of the column of losses: stated, or known of a column that a sweep wrote; None where nobody said."""
    return request.units or ("bpb" if names.own and names.column["loss"] == "bits_per_byte" else None)


def origin_of_unit(source: Source, names: Names, request: Request) -> str:
    """How the unit of the loss is known: `how` of sweep.tables.units.Units."""
    if request.target != "loss":
        return "target"
    if request.units:
        return "stated"
    if names.own:
        return "schema"
    return "arrays" if source.by_name and names.column["loss"] == "loss" else "guessed"
