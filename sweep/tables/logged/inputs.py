"""Which logged names hold params, tokens and losses, and their values along one run."""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from sweep.errors import InputError
from sweep.nearest import nearest
from sweep.tables.columns import cells, is_expression
from sweep.tables.expression import names_in
from sweep.tables.logged.history import History
from sweep.tables.records import of_columns
from sweep.tables.usual import usual
from sweep.tables.wide import FIELD

NEEDED = ("params", "tokens", "loss")
OPTIONAL = ("train_loss", "flops")
LISTED = 12


def chosen(runs: Sequence[History], stated: Mapping[str, str]) -> dict[str, str]:
    """Input -> the logged name, setting or expression that holds it.

    Raises:
        InputError: an input that does not exist, or that nothing holds.
    """
    for key in stated:
        if key not in (*NEEDED, *OPTIONAL):
            raise InputError(f"--columns {key}=…: no such input{nearest(key, (*NEEDED, *OPTIONAL))}")
    logged, settings = names_of(runs)
    known = [*logged, *settings]
    plain = {key: key for key in (*NEEDED, *OPTIONAL) if key in known}
    columns = plain | usual(known, stated) | dict(stated)
    for key in NEEDED:
        name = columns.get(key)
        if name is None:
            raise InputError(
                f"{key}: nothing that was logged goes by a usual name of it; name it with --columns {key}=NAME, or an "
                f"expression such as tokens=step*524288; {told(logged, settings)}"
            )
    for key, name in columns.items():
        if absent := [x for x in read_by(name) if x not in known]:
            hint = nearest(absent[0], known)
            raise InputError(f"--columns {key}={name}: nothing is called {absent[0]!r}{hint}; {told(logged, settings)}")
    return {key: columns[key] for key in (*NEEDED, *OPTIONAL) if key in columns}


def told(logged: Sequence[str], settings: Sequence[str]) -> str:
    """What there is."""
    return "; ".join(
        f"{what}: {', '.join(names[:LISTED])}{', …' * (len(names) > LISTED)}"
        for what, names in (("logged", logged), ("settings", settings))
        if names
    )


def names_of(runs: Iterable[History]) -> tuple[list[str], list[str]]:
    """(names that were logged, names of settings), each once."""
    logged: dict[str, None] = {}
    settings: dict[str, None] = {}
    for run in runs:
        settings |= dict.fromkeys(run.config)
        for point in run.points:
            logged |= dict.fromkeys(point)
    return list(logged), [name for name in settings if name not in logged]


def read_by(name: str) -> set[str]:
    """The names that a column or an expression reads. A name with a slash in it, as loggers like, is one name."""
    return names_in(name) if is_expression(name) and not re.fullmatch(r"[\w./-]*[A-Za-z_][\w./-]*", name) else {name}


def values(run: History, columns: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Input -> its value at each point of a run [points], NaN where it was not logged."""
    wanted = set().union(*map(read_by, columns.values()))
    count = len(run.points)
    table = of_columns(
        {name: [number(point.get(name, run.config.get(name))) for point in run.points] for name in sorted(wanted)},
        run.name,
    )
    found = {}
    for key in columns:
        column, bad = cells(floats(table), key, columns, run.name)
        found[key] = np.where(np.broadcast_to(bad, count), np.nan, np.broadcast_to(column, count)).astype(float)
    return found


def floats(table: pa.Table) -> pa.Table:
    """Columns that hold nothing, as numbers that are missing."""
    for i, field in enumerate(table.schema):
        if pa.types.is_null(field.type) or pa.types.is_boolean(field.type):
            table = table.set_column(i, field.name, pa.nulls(table.num_rows, pa.float64()))
    return table


def number(value: object) -> object:
    """What an expression can read: numbers and text; anything else is missing."""
    return value if isinstance(value, int | float | str) and not isinstance(value, bool) else None


def add_named(runs: Sequence[History], pattern: str) -> None:
    """Take settings out of the names of runs: `gpt-{params}-s{seed}`, the whole name.

    Raises:
        InputError: a pattern without a name in braces, or a run whose name does not match.
    """
    parts = FIELD.split(pattern)
    if len(parts) < 3 or "" in parts[2:-1:2]:
        raise InputError(
            f"--named {pattern!r}: write names in braces, with text between them: gpt-{{params}}-s{{seed}}"
        )
    source = re.compile("".join(f"(?P<{p}>.+?)" if i % 2 else re.escape(p) for i, p in enumerate(parts)))
    for run in runs:
        found = source.fullmatch(run.name)
        if found is None:
            raise InputError(f"--named {pattern!r}: the run {run.name!r} is not called so; give the runs that are")
        run.config |= found.groupdict()
