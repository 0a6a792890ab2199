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

from sweep.config import nearest
from sweep.errors import InputError
from sweep.tables.numbers import decoded, parse, texts

EXAMPLES = '"budget=loss" for columns named by numbers, "Step, {run} - eval/loss" for one column a run'
FIELD = re.compile(r"\{(\w+)\}")
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
    labels = {column: said for column in table.column_names if (said := labels_of(column, wide)) is not None}
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


def labels_of(column: str, wide: Wide) -> tuple[str, ...] | None:
    """What the name of a column says, for each field; None where it does not match."""
    if wide.pattern is None:
        return (column.strip(),) if is_count(column) else None
    match = wide.pattern.fullmatch(column)
    return match.groups() if match else None


def is_count(text: str) -> bool:
    """Whether a name of a column is a number, such as 1e18, 350M."""
    value, bad = parse(pa.chunked_array([[text]], pa.string()))
    return bool(np.isfinite(value[0]) and not bad[0])


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
    numbers = [name for name in names if is_count(name)]
    if len(numbers) >= 3:
        what = "budget" if parse(pa.chunked_array([numbers], pa.string()))[0].min() > 1e15 else "params"
        return f'--wide "{what}={CELLS}"'
    ends = [name.rpartition(" - ")[2] for name in names if " - " in name]
    ends = [end for end in ends if not end.endswith(("__MIN", "__MAX"))]
    if ends and len(set(ends)) == 1:
        first = next((name for name in names if " - " not in name), None)
        return f'--wide "{f"{first}, " if first else ""}{{run}} - {ends[0]}"'
    return ""
