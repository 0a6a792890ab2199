"""Tables drawn with `|`: of Markdown, with or without pipes at the ends of a line, and of database shells."""

import csv
import io
import re
from itertools import pairwise

import pyarrow as pa

from sweep.errors import InputError
from sweep.tables.delimited import read_csv
from sweep.tables.text import Text

EMPHASIS = re.compile(r"^(\*\*|__|\*|`)(.+)\1$")


def is_drawn(text: str) -> bool:
    """Whether a text holds a table drawn with pipes: a header with a rule below it, or pipes and no commas."""
    header, lines = text.lstrip().partition("\n")[0], text.splitlines()
    ruled = any("|" in above and is_rule(line) for above, line in pairwise(lines))
    return ruled or ("|" in header and not re.search("[,;\t]", header))


def is_rule(line: str, dashes: int = 1) -> bool:
    """Whether a line is the one below a header, or a border: in every cell so many dashes or more."""
    parts = re.split("[|+]", line.strip().strip("|+"))
    return all(re.fullmatch(rf"\s*:?-{{{dashes},}}:?\s*", part) for part in parts)


def read_pipes(text: Text) -> pa.Table:
    """The table of a text that holds one, numbers told from text as in a CSV.

    Raises:
        InputError: not UTF-8, no table or several, or a row with more or fewer cells than the header.
    """
    blocks = blocks_of(text.decoded())
    if not blocks:
        raise InputError(f"{text.name}: no table in it: a Markdown table is a header, a line of |---|, and rows")
    if len(blocks) > 1:
        lines = ", ".join(str(first) for first, _ in blocks[:5])
        raise InputError(f"{text.name}: holds {len(blocks)} tables (lines {lines}); put one in a file of its own")
    first, lines = blocks[0]
    header, rows = cells(lines[0]), []
    for at, line in enumerate(lines[1:], first + 1):
        if is_rule(line, 1 if at == first + 1 else 2):  # one dash in a cell further down is a missing value
            continue
        row = cells(line)
        if len(row) != len(header):
            raise InputError(f"{text.name}: line {at} has {len(row)} cells, the header has {len(header)}")
        rows.append(row)
    sheet = io.StringIO()
    csv.writer(sheet, lineterminator="\n").writerows([header, *rows])
    return read_csv(Text(sheet.getvalue().encode(), text.name), ",")[0]


def blocks_of(text: str) -> list[tuple[int, list[str]]]:
    """(number of its first line, its lines) of each table: lines with pipes; the ruled ones where there are some."""
    blocks: list[tuple[int, list[str]]] = []
    last = -1
    for at, line in enumerate(text.splitlines(), 1):
        if "|" in line or (last == at - 1 and is_rule(line)):
            if last != at - 1:
                blocks.append((at, []))
            blocks[-1][1].append(line)
            last = at
    ruled = [(at, lines) for at, lines in blocks if len(lines) > 1 and is_rule(lines[1])]
    return ruled or [block for block in blocks if len(block[1]) > 1]


def cells(line: str) -> list[str]:
    """The cells of a line, without the pipes at its ends, and without bold, italics and code."""
    bare = re.sub(r"(?<!\\)\|$", "", line.strip().removeprefix("|"))
    parts = (part.strip().replace(r"\|", "|") for part in re.split(r"(?<!\\)\|", bare))
    return [EMPHASIS.sub(r"\2", part) for part in parts]
