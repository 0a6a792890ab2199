"""Columns as numbers: every value checked, every bad one named by row and column; a million rows take a second."""

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from sweep.quantity import SUFFIX
from sweep.tables import written
from sweep.tables.problem import Problem

LISTED = 20  # problems of one kind in one column that are named one by one
SUFFIXES = {f"[{x}{x.upper()}]": f"e{power}" for x, power in SUFFIX.items() if len(x) == 1}  # of counts in cells
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(inf|infinity)$"
MISSING = r"^(nan|na|n/a|null|none|-)?$"
UNFINISHED = "; --drop-unfinished leaves such rows out, and counts them"
RANGE = {  # what no run has: a slip of a unit, or a value that lost its meaning on the way
    "params": (1e-9, 1e30),
    "tokens": (1e-9, 1e30),
    "flops": (1e-9, 1e40),
    "loss": (1e-9, 1e9),
}


def plain(column: pa.ChunkedArray) -> np.ndarray:
    """Floats with NaN where a number is missing; anything else as objects with None: text as it is, the rest as text.

    Raises nothing, whatever the column holds: a date that Python lacks, bytes that are no text.
    """
    column = decoded(column)
    if is_number(column.type) or pa.types.is_decimal(column.type) or pa.types.is_null(column.type):
        return floats(column)
    return np.array([*texts(column), None], dtype=object)[:-1]


def decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column whose values stand in it, not in a dictionary or a buffer beside it; text that is not UTF-8 as bytes."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return decoded(column.cast(kind.value_type))
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return decoded(column.cast(pa.string() if pa.types.is_string_view(kind) else pa.binary()))
    if is_text(kind):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            return column.cast(pa.binary())
    return column


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is of text."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def is_bytes(kind: pa.DataType) -> bool:
    """Whether a type is of bytes: text of a file that is not all UTF-8, for one."""
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def texts(column: pa.ChunkedArray) -> list[str | None]:
    """Every value as text, None where it is missing; dates as ISO 8601, bytes that are no text with escapes."""
    kind = column.type
    if is_bytes(kind):
        return [None if x is None else x.decode(errors="backslashreplace") for x in column.to_pylist()]
    if is_text(kind):
        return column.to_pylist()
    try:
        if pa.types.is_nested(kind):
            return [None if x is None else repr(x) for x in column.to_pylist()]
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            column = column.cast(pa.timestamp(kind.unit))  # in UTC: the zone may be one that nobody knows here
        return column.cast(pa.string()).to_pylist()
    except (pa.ArrowException, ValueError, OverflowError):  # what neither Arrow nor Python can write
        return [f"<{kind}>" if x.is_valid else None for x in column]


def parse(column: pa.ChunkedArray, *, counts: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """(floats [n] with NaN where missing or not a number, mask [n] of what is not a number).

    Text counts as a number when it is written as one; with `counts` also as `1.2B`, `350M`, `20,833,000`, `3x10^21`
    and in the other ways of sweep.tables.written.
    """
    column = decoded(column)
    kind = column.type
    if is_bytes(kind):
        column, kind = pa.chunked_array([pa.array(texts(column), pa.string())]), pa.string()
    if is_text(kind):
        return parse_text(column, counts)
    if is_number(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return floats(column), np.zeros(len(column), bool)
    return np.full(len(column), np.nan), column.is_valid().to_numpy()


def is_number(kind: pa.DataType) -> bool:
    """Whether a type is of integers, floats or truth values."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def is_written(cell: str) -> bool:
    """Whether a cell of text is written as a number."""
    return re.match(NUMBER, cell.strip().lower()) is not None


def floats(column: pa.ChunkedArray) -> np.ndarray:
    """A column of numbers as float64 [n], NaN where missing.

    From Arrow's buffers where it can be: `to_numpy` and `cast` import pandas and compute kernels, a third of a second.
    """
    kind = column.type
    if pa.types.is_null(kind) or not len(column):
        return np.full(len(column), np.nan)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return column.cast(pa.float64(), safe=False).to_numpy()
    array = column.combine_chunks()
    letter = "f" if pa.types.is_floating(kind) else "i" if pa.types.is_signed_integer(kind) else "u"
    here = slice(array.offset, array.offset + len(array))
    valid, data = array.buffers()
    values = np.frombuffer(data, f"{letter}{kind.bit_width // 8}")[here].astype(float)
    if array.null_count:
        values[np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[here] == 0] = np.nan
    return values


def parse_text(column: pa.ChunkedArray, counts: bool) -> tuple[np.ndarray, np.ndarray]:
    """`parse` of a column of text."""
    import pyarrow.compute as pc

    text = pc.utf8_trim_whitespace(column)  # pyright: ignore[reportAttributeAccessIssue]
    for letters, exponent in SUFFIXES.items() if counts else ():
        pattern = rf"^([+-]?(?:\d+\.?\d*|\.\d+))\s*{letters}$"
        text = pc.replace_substring_regex(text, pattern, rf"\1{exponent}")  # pyright: ignore[reportAttributeAccessIssue]
    lower = pc.utf8_lower(text)  # pyright: ignore[reportAttributeAccessIssue]
    missing = pc.fill_null(pc.match_substring_regex(lower, MISSING), True)  # pyright: ignore[reportAttributeAccessIssue]
    good = pc.fill_null(pc.match_substring_regex(lower, NUMBER), False)  # pyright: ignore[reportAttributeAccessIssue]
    known = good.to_numpy()
    bad = ~known & ~missing.to_numpy()
    values = np.full(len(column), np.nan)
    if known.any():
        values[known] = lower.filter(good).to_numpy().astype(str).astype(float)
    if counts and bad.any():
        values[bad] = written.counts(lower.filter(pa.array(bad)).to_numpy())
        bad &= np.isnan(values)
    return values, bad


def problems_of(
    values: np.ndarray,
    bad: np.ndarray,
    column_of: pa.ChunkedArray | None,
    rows: np.ndarray,
    key: str,
    column: str,
    name: str,
    signed: bool = False,
    leave: str = "",
) -> Iterator[Problem]:
    """What is wrong with the values [m] of one input; at most LISTED of a kind one by one, then how many more.

    Args:
        values, bad: of `parse`, at the chosen rows.
        column_of: the column as the table has it [n], to quote what is not a number.
        rows: index of the chosen rows in the table [m].
        key: the input: params, tokens, flops, loss, or budget, which may be missing and have any sign.
        signed: the input may be zero or negative.
        leave: how to leave out rows that have no number, for the message.
    """
    signed = signed or key == "budget"
    leave = UNFINISHED if key == "loss" else leave
    wanted = "a finite number" if signed else "a positive finite number"
    low, high = RANGE.get(key, (0.0, np.inf))
    gap = np.isnan(values) & ~bad
    sized = np.isfinite(values) & (values > 0)
    kinds = {
        "not_a_number": bad,
        "missing": gap & (key != "budget"),
        "not_finite": np.isinf(values),
        "loss_not_positive" if key == "loss" else "not_positive": (values <= 0) & (not signed),
        "out_of_range": sized & ((values < low) | (values > high)) & (not signed),
    }
    for code, mask in kinds.items():
        where = np.flatnonzero(mask)
        level = "refusal" if code == "loss_not_positive" else "error"
        for i in where[:LISTED].tolist():
            shown = f"{values[i]:g}" if column_of is None else quote(column_of, int(rows[i]))
            told = {
                "not_a_number": f"{shown} is not a number{hint(shown, key, leave)}",
                "missing": f"missing; it must be {wanted}{leave}",
                "not_finite": f"{values[i]:g}; it must be {wanted}{leave * (key == 'loss')}",
                "not_positive": f"{values[i]:g}; it must be {wanted}{leave}",
                "loss_not_positive": f"{values[i]:g}; it must be a positive finite number in any of --units "
                'nats|bits|bpb: leave the row out (--where "loss > 0"), or undo what shifted it or took its logarithm',
                "out_of_range": f"{values[i]:g}; no run has that, it must lie in {low:g} to {high:g}: check its unit",
            }[code]
            yield Problem(code, f"{name}: row {rows[i] + 1}, column {column}: {told}", int(rows[i]) + 1, column, level)
        if len(where) > LISTED:
            more = len(where) - LISTED
            message = f"{name}: column {column}: {more:,} more rows with the same problem ({code.replace('_', ' ')})"
            yield Problem(code, message, None, column, level)


def quote(column: pa.ChunkedArray, at: int) -> str:
    """A value as it stands in the table, cut to a length that fits a line."""
    value = decoded(column.slice(at, 1))
    written = str(value[0].as_py()) if is_number(value.type) else str(texts(value)[0])
    text = repr(written) if is_text(value.type) or is_bytes(value.type) else written
    return text if len(text) <= 40 else text[:37] + "…"


def hint(text: str, key: str, leave: str) -> str:
    """What to write instead of a number that is written otherwise."""
    bare = text.strip("'\" ")
    if re.fullmatch(r"[+-]?\d+,\d+", bare):
        point, plain = bare.replace(",", "."), bare.replace(",", "")
        if key == "loss" or not re.fullmatch(r"[+-]?\d{1,3},\d{3}", bare):
            return f"; with a decimal point it is {point}"
        return f"; write {plain}, or {point} if the comma is decimal"
    if re.fullmatch(r"[+-]?\d{1,3}([,_ ']\d{3})+(\.\d+)?", bare):
        return f"; without separators it is {re.sub(r'[,_ ]', '', bare)}"
    if not any(letter.isdigit() for letter in bare):
        return leave
    if re.match(r"[{[]|\((?!\w*\))", bare):
        return "; it is a nested value: flatten it to one column a number"
    alone = re.fullmatch(r"[~≈<>±$]?\s*[+-]?\d[\d.]*\s*(?:[^\d\s:.-].*)?", bare)
    return "; write the number alone" if alone else ""
