"""JSON tables: a list of records, columns of lists, pandas' columns of numbered values, and JSON lines.

Fields of a record in a record are columns such as `config.lr`. A list stays in its cell as JSON text: it stops only who
asks for it.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from sweep.errors import InputError
from sweep.tables.text import Text

SHAPE = (
    'wanted is a list of records [{"params": …, "loss": …}, …], one record a line, or lists by column {"params": […]}'
)
DEEPEST = 4  # records in records whose fields become columns
BLANK = re.compile(r"\s*")


class Repeated(ValueError):
    """One name twice in an object."""


def read_json(text: Text) -> pa.Table:
    """The table in a JSON or JSON lines file.

    Raises:
        InputError: not UTF-8, not JSON, or JSON of another shape.
    """
    values = documents(text)
    if len(values) == 1 and isinstance(values[0], list):
        return of_records(values[0], text.name)
    if len(values) == 1 and isinstance(values[0], dict) and (columns := columns_of(values[0], text)):
        return of_columns(columns, text.name)
    return of_records(values, text.name)


def documents(text: Text) -> list[Any]:
    """The JSON values of a file, one after the other."""
    string = text.decoded()
    decoder = json.JSONDecoder(object_pairs_hook=once)
    values, at = [], match_blank(string, 0)
    while at < len(string):
        try:
            value, end = decoder.raw_decode(string, at)
        except json.JSONDecodeError as error:
            cut = ""
            if not string[error.pos :].strip() or error.msg.startswith("Unterminated"):
                cut = " (the last line is cut: leave it out)" if values else " (the file is cut short)"
            raise InputError(f"{text.name}: line {error.lineno}: not JSON: {error.msg}{cut}") from error
        except (ValueError, RecursionError) as error:
            why = "nested too deep" if isinstance(error, RecursionError) else str(error).partition(";")[0]
            line = string.count("\n", 0, at) + 1
            raise InputError(f"{text.name}: the value that begins in line {line}: {why}; {SHAPE}") from error
        values.append(value)
        at = match_blank(string, end)
    return values


def match_blank(string: str, at: int) -> int:
    """Where the blanks from `at` on end."""
    found = BLANK.match(string, at)
    return found.end() if found else at


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Raises Repeated where it has one name twice, of which JSON would keep the last without a word."""
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        raise Repeated(f"the name {next(n for n in names if names.count(n) > 1)!r} stands twice in one record")
    return result


def columns_of(value: Mapping[str, Any], text: Text) -> dict[str, list] | None:
    """The columns that an object holds as lists, or by row numbers as pandas writes them; None for one record.

    Raises:
        InputError: an object that is neither.
    """
    kinds = {type(x) for x in value.values()}
    if kinds == {list}:
        if all(isinstance(item, dict) for items in value.values() for item in items):
            raise other_shape(value, text)
        return dict(value)
    if kinds == {dict}:
        keys = {tuple(column) for column in value.values()}
        if len(keys) == 1 and all(key.isdigit() for key in next(iter(keys))):
            return {name: list(column.values()) for name, column in value.items()}
        cure = text.cure("jq '[.[]]'", "records.json")
        raise InputError(f"{text.name}: the records are named; take them out of their names: {cure}")
    if any(isinstance(x, list) and x and all(isinstance(item, dict) for item in x) for x in value.values()):
        raise other_shape(value, text)
    return None


def other_shape(value: Mapping[str, Any], text: Text) -> InputError:
    """The error of an object that is no table, with the command that takes the records out of it where it has some."""
    inner = [
        name for name, x in value.items() if isinstance(x, list) and x and all(isinstance(item, dict) for item in x)
    ]
    if len(inner) != 1:
        return InputError(f"{text.name}: JSON, but not of a table; {SHAPE}")
    cure = text.cure(f"jq {shlex.quote(f'.[{json.dumps(inner[0])}]')}", "records.json")
    return InputError(f"{text.name}: the records are under {inner[0]!r}; take them out: {cure}")


def of_records(records: Sequence[Any], name: str) -> pa.Table:
    """A table of objects, one a row; what one lacks is missing."""
    for row, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise InputError(f"{name}: value {row} is {json.dumps(record)[:40]}, not a record; {SHAPE}")
    records = [flat(record) for record in records]
    columns = dict.fromkeys(key for record in records for key in record)
    return of_columns({key: [record.get(key) for record in records] for key in columns}, name)


def flat(record: Mapping[str, Any], depth: int = DEEPEST) -> dict[str, Any]:
    """A record with the fields of the records in it as its own: {"config.lr": 3e-4} of {"config": {"lr": 3e-4}}.

    A record that is empty or too deep, or whose field would have the name of another one, stays as it is.
    """
    result = {}
    for key, value in record.items():
        inner = flat(value, depth - 1) if isinstance(value, dict) and depth else {}
        named = {f"{key}.{name}": x for name, x in inner.items()}
        result |= named if named and not named.keys() & record.keys() else {key: value}
    return result


def of_columns(columns: Mapping[str, list], name: str) -> pa.Table:
    """A table of lists of equal length."""
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        told = ", ".join(f"{key} {len(values)}" for key, values in list(columns.items())[:5])
        raise InputError(f"{name}: columns of unequal length ({told}); {SHAPE}")
    names = [clean(key) for key in columns]
    return pa.Table.from_arrays([array(values) for values in columns.values()], names=names)


def array(values: Sequence[Any]) -> pa.Array:
    """A column: truth values, whole numbers, numbers or text, whichever holds all; else all of them as text."""
    kinds = {type(x) for x in values if x is not None}
    if kinds == {int} and all(-(2**63) <= x < 2**63 for x in values if x is not None):
        return pa.array(values, pa.int64())
    if kinds and kinds <= {int, float}:
        return pa.array([None if x is None else real(x) for x in values], pa.float64())
    if kinds in ({bool}, set()):
        return pa.array(values, pa.bool_() if kinds else pa.null())
    return pa.array([written(x) for x in values], pa.string())


def real(number: int | float) -> float:
    """A float; infinite where a whole number is too large for one."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def written(value: Any) -> str | None:
    """A value as text: text as it is, anything else as JSON."""
    return None if value is None else clean(value if isinstance(value, str) else json.dumps(value))


def clean(text: str) -> str:
    """Text without the half characters that JSON can write and UTF-8 cannot."""
    return text.encode(errors="replace").decode()
