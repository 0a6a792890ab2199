"""Wide tables to long ones: columns that hold the losses of one budget, one size or one run each become rows.

    --wide "budget=loss"                  columns whose names are numbers (1e18, 3e18, 70M): a row for every cell, the
                                          name under `budget`, the cell under `loss`; the other columns are repeated
    --wide "Step, {run} - eval/loss"      columns of this pattern, as W&B exports them: what stands at {run} under
                                          `run`, the cell under `loss`; of the others only Step is kept
    --wide "{params}-{seed}/acc=accuracy" several names in a pattern, and a name for the cells

Cells that are empty make no row: they are counted.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sweep.errors import InputError
from sweep.nearest import nearest
from sweep.tables.expression import spelled
from sweep.tables.numbers import decoded, parse, texts

EXAMPLES = '"budget=loss" for columns named by numbers, "Step, {run} - eval/loss" for one column a run'
FIELD = re.compile(r"\{(\w+)\}")
SMALLEST = 1e5  # a number in a run's name that is a size
CELLS = "loss"  # what the cells hold where nobody says


class Wide(NamedTuple):
    """What `--wide` says.

    Attributes:
        kept: columns that are repeated in every row; None for all that do not match.
        pattern: of the names of the columns that become rows, a group for each of `fields`; None for numbers.
        fields: the new columns that hold what the names say.
        cells: the new column that holds the cells.
    """

    kept: tuple[str, ...] | None
    pattern: re.Pattern[str] | None
    fields: tuple[str, ...]
    cells: str


def parse_wide(text: str) -> Wide:
    """Raises InputError for a text that is neither of the two forms."""
    if not FIELD.search(text):
        field, separator, cells = (part.strip() for part in text.partition("="))
        if not (separator and re.fullmatch(r"\w+", field) and re.fullmatch(r"\w+", cells) and field != cells):
            raise InputError(f"--wide {text!r}: write {EXAMPLES}")
        return Wide(None, None, (field,), cells)
    start = FIELD.search(text)
    assert start is not None
    before, comma, _ = text[: start.start()].rpartition(",")
    kept = tuple(name.strip() for name in before.split(",")) if comma else None
    pattern = text[len(before) + len(comma) :].strip()
    cells = CELLS
    if named := re.fullmatch(r"(.*\}[^{}]*)=\s*(\w+)", pattern):
        pattern, cells = named[1].rstrip(), named[2]
    fields = tuple(FIELD.findall(pattern))
    if len(set(fields)) < len(fields) or cells in fields:
        raise InputError(f"--wide {text!r}: every name once: {', '.join((*fields, cells))}")
    parts = FIELD.split(pattern)
    if "" in parts[2:-1:2]:
        raise InputError(f"--wide {text!r}: two names side by side; write what stands between them")
    source = "".join(f"(?P<{part}>.+?)" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    return Wide(kept, re.compile(source), fields, cells)


def lengthen(table: pa.Table, text: str, name: str) -> tuple[pa.Table, int]:
    """(the long form of a wide table, row by row; how many cells are empty and make no row).

    Raises:
        InputError: a `--wide` that cannot be read, no column that matches, or a new column whose name is taken.
    """
    wide = parse_wide(text)
    labels = labels_of(table.column_names, wide)
    for column in wide.kept or ():
        if column not in table.column_names:
            raise InputError(f"{name}: --wide {text!r}: no column {column!r}{hint(column, table.column_names)}")
    labels = {column: said for column, said in labels.items() if column not in (wide.kept or ())}
    if not labels:
        what = "is named by a number" if wide.pattern is None else "has a name of this pattern"
        raise InputError(f"{name}: --wide {text!r}: no column {what}; columns: {listed(table.column_names)}")
    kept = [c for c in table.column_names if (c not in labels if wide.kept is None else c in wide.kept)]
    if taken := {*wide.fields, wide.cells} & set(kept):
        raise InputError(f"{name}: --wide {text!r}: the table has a column {min(taken)!r} already; choose another name")
    cells = cells_of(table, list(labels), name)
    rows, count = table.num_rows, len(labels)
    present = np.array([cell is not None for cell in cells], bool)
    at = np.flatnonzero(present)
    columns = {column: table[column].take(pa.array(at // count)) for column in kept}
    for i, field in enumerate(wide.fields):
        said = np.array([label[i] for label in labels.values()], object)
        columns[field] = typed(said[at % count].tolist())
    columns[wide.cells] = typed([cells[i] for i in at.tolist()])
    return pa.table(columns), rows * count - len(at)


def labels_of(columns: Sequence[str], wide: Wide) -> dict[str, tuple[str, ...]]:
    """What the name of each column that matches says, for each field."""
    if wide.pattern is None:
        return {column: (column.strip(),) for column in counts(columns)}
    matches = {column: wide.pattern.fullmatch(column) for column in columns}
    return {column: match.groups() for column, match in matches.items() if match}


def counts(names: Sequence[str]) -> dict[str, float]:
    """The values of those names that are numbers, such as 1e18, 350M."""
    values, _ = parse(pa.chunked_array([pa.array(names, pa.string())]))
    return {name: float(value) for name, value in zip(names, values, strict=True) if np.isfinite(value)}


def cells_of(table: pa.Table, columns: Sequence[str], name: str) -> list[str | None]:
    """The cells of the columns as text, row by row; None where one is empty."""
    written = []
    for column in columns:
        cells = decoded(table[column])
        kind = cells.type
        if pa.types.is_nested(kind) or pa.types.is_temporal(kind):
            raise InputError(f"{name}: column {column}: {kind} cells are no numbers; --wide wants losses")
        written.append(texts(cells))
    return [None if cell is None or not cell.strip() else cell for row in zip(*written, strict=True) for cell in row]


def typed(written: list[str | None]) -> pa.Array:
    """Texts as numbers where all of them are, else as they are."""
    column = pa.chunked_array([pa.array(written, pa.string())])
    values, bad = parse(column, counts=False)
    return column.combine_chunks() if bad.any() or np.isnan(values).any() else pa.array(values)


def hint(column: str, known: Sequence[str]) -> str:
    """The nearest column, or all of them."""
    return nearest(column, known) or f"; columns: {listed(known)}"


def listed(names: Sequence[str]) -> str:
    """Names for a message, the first dozen of many."""
    return ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")


def advice(names: Sequence[str]) -> str:
    """The `--wide` that the names of a table's columns suggest, for the message on a missing one; empty without."""
    numbers = counts(names)
    if len(numbers) >= 3:
        what = "budget" if min(numbers.values()) > 1e15 else "params"
        return f'--wide "{what}={CELLS}"'
    ends = [name.rpartition(" - ")[2] for name in names if " - " in name]
    ends = [end for end in ends if not end.endswith(("__MIN", "__MAX"))]
    if not ends or len(set(ends)) > 1:
        return ""
    first = next((name for name in names if " - " not in name), None)
    kept = f"{first}, " if first else ""
    if pattern := of_sizes([name.rpartition(" - ")[0] for name in names if name.endswith(f" - {ends[0]}")]):
        tokens = f' "tokens={spelled(first)}*…"' if first else ""
        after = ", the … being the tokens of one step" if first else ""
        return f'--wide "{kept}{pattern} - {ends[0]}" --columns{tokens} run=params{after}'
    return f'--wide "{kept}{{run}} - {ends[0]}"'


def of_sizes(runs: Sequence[str]) -> str:
    """The pattern of names of runs that differ in a size alone: gpt-{params} of gpt-70M and gpt-160M; or nothing."""
    before = re.sub(r"[\d.]+$", "", shared(runs))
    after = re.sub(r"^\w+", "", shared([run[::-1] for run in runs])[::-1])
    sizes = [run[len(before) : len(run) - len(after)] for run in runs]
    values = counts(sizes)
    named = len(values) > 1 and len(values) == len(set(sizes)) and min(values.values()) >= SMALLEST
    return f"{before}{{params}}{after}" if named else ""


def shared(texts: Sequence[str]) -> str:
    """What all of some texts begin with."""
    first, last = min(texts), max(texts)
    return first[: next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]
