"""What separates the cells of a text, and what its numbers use commas and points for; a command writes it as a CSV."""

import csv
import re
from collections.abc import Sequence
from itertools import pairwise

from sweep.errors import InputError
from sweep.tables.numbers import is_written
from sweep.tables.text import Text

OTHERS = {";": "';'", "\t": "'\\t'", "&": "'&', as LaTeX does"}  # separator -> as messages write it
SEEN = 1 << 16  # bytes that show how a file is written
LINES = 20
GROUP = r"\d{1,3}(?:[,.]\d{3})+"  # a number in groups of three digits


def fields(line: str, separator: str) -> list[str]:
    """The cells of one line; the line alone where it is longer than a cell may be."""
    try:
        return [cell.strip() for cell in next(csv.reader([line.strip("\r\n")], delimiter=separator), [])]
    except csv.Error:
        return [line]


def first_lines(data: bytes) -> list[str]:
    """The first lines of a file, without empty ones."""
    return [line for line in data[:SEEN].decode(errors="replace").splitlines() if line.strip()][: LINES + 1]


def judge_separator(header: str, data: bytes, text: Text, separator: str) -> None:
    """Raise InputError where the header is separated by something else, with the command that writes commas."""
    if separator in header:
        return
    lines = first_lines(data)
    seen = max(OTHERS, key=header.count)
    if not header.count(seen):
        if by_blanks(lines):
            cure = text.cure(r"sed 's/^[[:blank:]]*//; s/[[:blank:]]*$//' | tr -s '[:blank:]' ','", "commas.csv")
            raise InputError(f"{text.name}: the columns are separated by blanks; write it with commas: {cure}")
        return
    cells = [cell for line in lines[1:] for cell in fields(line, seen)]
    decimal, thousands = signs(cells)
    message = f"{text.name}: the columns are separated by {OTHERS[seen]}, not by {separator!r}"
    if not decimal:
        raise InputError(
            f"{message}, and nobody can tell whether its commas or its points are decimal; write it with commas "
            "between columns, decimal points, and no signs for thousands"
        )
    message += ", and numbers have a decimal comma" * (decimal == ",")
    message += f", and {'commas' if thousands == ',' else 'points'} for thousands" * bool(thousands)
    result = "points.csv" if decimal == "," else "commas.csv"
    cure = text.cure(command(seen, decimal, thousands), result)
    named = ", or name the file .tsv" if seen == "\t" and decimal == "." and not thousands else ""
    raise InputError(f"{message}; write it with commas and decimal points: {cure}{named}")


def command(seen: str, decimal: str, thousands: str) -> str:
    """The shell command that writes commas between cells, and decimal points."""
    latex = r"""grep '&' | sed 's/\\\\.*//' | """ * (seen == "&")
    grouped = f"tr -d '{thousands}' | " * bool(thousands)
    sign = {"\t": "\\t"}.get(seen, seen)
    return f"{latex}{grouped}tr ',{sign}' '.,'" if decimal == "," else f"{latex}{grouped}tr '{sign}' ','"


def signs(cells: Sequence[str]) -> tuple[str, str]:
    """(the decimal sign of numbers, the sign between their thousands or nothing); two empty texts where unclear.

    A sign that stands twice in a number, or before another one, is one of thousands. Of a number such as 20.833 alone
    nobody can tell; beside 3,6882 its point is of thousands.
    """
    seen = [cell for cell in cells if re.fullmatch(r"[+-]?\d[\d,.]*", cell)]
    for cell in seen:
        if "," in cell and "." in cell:
            return (".", ",") if cell.rfind(".") > cell.rfind(",") else (",", ".")
    for sign, other in ((",", "."), (".", ",")):
        if any(cell.count(sign) > 1 for cell in seen):
            return other, sign
    commas, points = ([cell for cell in seen if sign in cell] for sign in ",.")
    if not (commas and points):
        return ("," if commas else "."), ""
    grouped = [all(re.fullmatch(GROUP, cell) for cell in some) for some in (commas, points)]
    if grouped[0] == grouped[1]:
        return "", ""
    return (".", ",") if grouped[0] else (",", ".")


def by_blanks(lines: Sequence[str]) -> bool:
    """Whether a header and the rows below it have the same number of words, numbers among them."""
    words = [line.split() for line in lines]
    return (
        len(words) > 1
        and len(words[0]) > 1
        and {len(row) for row in words} == {len(words[0])}
        and not any(map(is_written, words[0]))
        and all(any(map(is_written, row)) for row in words[1:])
    )


def judge_title(text: Text, separator: str) -> None:
    """Raise InputError where the names of the columns stand below a title, with the command that leaves it out."""
    lines = text.data[:SEEN].decode(errors="replace").splitlines()[: LINES + 1]
    rows = [fields(line, separator) for line in lines]
    top = next((row for row in rows if any(row) and not row[0].startswith("#")), [])
    for at, (row, below) in enumerate(pairwise(rows)):
        if (
            sum(map(bool, top)) < len(row) == len(below)
            and all(row)
            and not row[0].startswith("#")
            and not any(map(is_written, row))
            and any(map(is_written, below))
        ):
            cure = text.cure(f"tail -n +{at + 1}", "table.csv")
            raise InputError(
                f"{text.name}: the names of the columns seem to stand in line {at + 1}, below a title; leave out "
                f"what is above: {cure}"
            )


def ragged(header: str, data: bytes, text: Text, separator: str) -> InputError | None:
    """The error of the first row that has more or fewer cells than the header; None where no row has."""
    width = len(fields(header, separator))
    lines = data.decode(errors="replace").splitlines(keepends=True)
    try:
        rows = (row for row in csv.reader(lines, delimiter=separator) if row)
        next(rows, None)
        at, row = next((at, row) for at, row in enumerate(rows, 1) if len(row) != width)
    except (StopIteration, csv.Error):
        return None
    shown = separator.join(row)
    cure = (
        "every row needs a cell for each column, if an empty one"
        if len(row) < width
        else "write numbers with decimal points and without commas, and texts with commas in quotes"
        if separator == ","
        else "each column needs a name"
    )
    return InputError(
        f"{text.name}: row {at} has {len(row)} cells, the header has {width}: {shown[:60]}{'…' * (len(shown) > 60)}; "
        f"{cure}"
    )
