"""The further columns that a law reads: unique tokens, shapes, experts, bits, learning rates; by name or derived.

Params, tokens and FLOPs are read for every table (`load`); what a law needs beyond them is read here, checked alike.
A schedule-aware law reads the learning rates of whole runs, so that a filter on rows cannot cut a schedule short.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from sweep.errors import InputError
from sweep.laws import Law
from sweep.laws.inputs import DERIVED, KNOWN, RATES
from sweep.tables.columns import numbers
from sweep.tables.missing import missing
from sweep.tables.numbers import plain
from sweep.tables.problem import Problem

BASE = ("params", "tokens", "flops")


def keys(law: Law | None) -> tuple[str, ...]:
    """Names that --columns may give for a law, its target among them, besides those of every table."""
    if law is None:
        return ()
    needs = [need for name in law.inputs if name in DERIVED for need in DERIVED[name].needs]
    return tuple(dict.fromkeys(name for name in (*law.inputs, *needs, law.target) if name not in BASE))


def on_curves(law: Law | None, has: Callable[[str], bool]) -> bool:
    """Whether a law reads points of training curves, by their learning rates."""
    return law is not None and any(DERIVED[x].needs == RATES for x in law.inputs if x in DERIVED and not has(x))


def needed(law: Law | None, has: Callable[[str], bool]) -> list[str]:
    """Columns that must be read: of any table params and tokens, for a law what it reads, or what that follows from.

    Args:
        has: whether the table has an input, by its name or a stated one.

    Raises:
        InputError: none of them is there.
    """
    if law is None:
        return ["params", "tokens"]
    found = []
    for name in law.inputs:
        needs = DERIVED[name].needs if name in DERIVED else ()
        if has(name) or name in ("params", "tokens"):
            found.append(name)
        elif needs and all(has(need) for need in needs):
            found += needs
        else:
            raise absent(law, name, needs)
    return list(dict.fromkeys(found))


def fed(law: Law, names: set[str]) -> bool:
    """Whether columns of these names give a law all that it reads."""
    try:
        return set(needed(law, names.__contains__)) <= names
    except InputError:
        return False


def absent(law: Law, name: str, needs: Collection[str]) -> InputError:
    """The error of an input that the table neither has nor supplies."""
    others = f", or give {' and '.join(needs)}" if needs else ""
    meaning = f" ({law.meanings[name]})" if law.meanings[name] != name else ""
    return InputError(f"law {law.id} needs the column {name}{meaning}: name yours with --columns {name}=COLUMN{others}")


def read(
    table: pa.Table, law: Law | None, wanted: Collection[str], names: Mapping[str, str], rows: np.ndarray, name: str
) -> tuple[dict[str, np.ndarray], list[Problem]]:
    """Values [m] ([f, m] of a schedule) of the law's inputs at the chosen rows, and what is wrong with them.

    Args:
        wanted: of `needed`.
        names: input -> column.
    """
    if law is None:
        return {}, []
    plain_ones = [key for key in wanted if key not in (*BASE, *RATES) or (key in law.inputs and key not in BASE)]
    values, problems = numbers(table, plain_ones, names, rows, name, signed(law))
    problems = [replace(p, level="error") for p in problems]  # of an input, a loss of zero too: no row can be spared
    if set(RATES) <= set(wanted):
        whole, number = whole_runs(table, names, rows, name)
        rates, found = numbers(table, RATES[1:], names, whole, name, RATES[1:])
        problems += [*found, *negative(rates, whole, names, name)]
        if not problems:
            at = np.searchsorted(whole, rows)
            for key in (x for x in law.inputs if x not in values and x not in BASE):
                values[key] = DERIVED[key].of(number, *(rates[x] for x in RATES[1:]))[..., at]
    return values, problems


def signed(law: Law) -> set[str]:
    """Inputs of a law that may be zero or negative."""
    return {*law.signed, *(x.name for x in KNOWN.values() if not x.log)}


def whole_runs(table: pa.Table, names: Mapping[str, str], rows: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(index [m] of all rows of the runs of which some are chosen, number of the run of each)."""
    if names["run"] not in table.column_names:
        raise missing(table, ["run"], names, name)
    label = np.array([str(x) for x in plain(table[names["run"]])])
    number = np.unique(label, return_inverse=True)[1]
    whole = np.flatnonzero(np.isin(number, number[rows]))
    return whole, number[whole]


def negative(rates: Mapping[str, np.ndarray], rows: np.ndarray, names: Mapping[str, str], name: str) -> list[Problem]:
    """Steps and learning rates below zero."""
    found = []
    for key, values in rates.items():
        for i in np.flatnonzero(values < 0)[:3].tolist():
            message = f"{name}: row {rows[i] + 1}, column {names[key]}: {values[i]:g}; it must not be negative"
            found.append(Problem("not_positive", message, int(rows[i]) + 1, names[key], "error"))
    return found
