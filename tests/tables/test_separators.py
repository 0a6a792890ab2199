"""Texts with other separators, titles, signs for thousands: the printed command makes the table that was meant."""

import os
import re

import pytest

from sweep.errors import InputError
from sweep.tables.load import load
from sweep.tables.separators import signs

PARAMS, TOKENS, LOSS = [20_833_000, 41_667_000, 833_000_000], [8e9, 4e9, 2.5e10], [3.6882, 3.5358, 2.9]
COMMAS = str.maketrans(",.", ".,")


def put(tmp_path, text, name="of mine.csv"):
    file = tmp_path / name
    file.write_text(text)
    return file


def rows(separator="\t", number="{:.0f}", end="", swapped=False):
    """The table; the loss has four decimals."""
    for n, d, x in zip(PARAMS, TOKENS, LOSS, strict=True):
        line = separator.join([number.format(n), number.format(d), f"{x:.4f}"])
        yield (line.translate(COMMAS) if swapped else line) + end


def lines(header, rows):
    return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (lines("params;tokens;loss", rows(";")), "separated by ';'"),
        (lines("params;tokens;loss", rows(";", swapped=True)), "decimal comma"),
        (lines("params;tokens;loss", rows(";", "{:,.0f}")), "commas for thousands"),
        (lines("params;tokens;loss", rows(";", "{:,.0f}", swapped=True)), "points for thousands"),
        (lines('"params";"tokens";"loss"', rows(";")), "separated by ';'"),
        (lines("params\ttokens\tloss", rows("\t", "{:,.0f}")), r"separated by '\\t'.*commas for thousands"),
        (lines("params tokens  loss", rows("   ")), "separated by blanks"),
        (lines(" params tokens  loss", rows(" \t ", end=" ")), "separated by blanks"),
        (lines(r"params & tokens & loss \\ \hline", rows(" & ", end=r" \\")) + "\\hline\n", "as LaTeX does"),
        (lines("Runs of May\nparams,tokens,loss", rows(",")), "line 2, below a title"),
        (lines("Runs of May,,\n,,\nparams,tokens,loss", rows(",")), "line 3, below a title"),
    ],
)
def test_the_printed_command_makes_the_table(tmp_path, text, said):
    file = put(tmp_path, text)
    with pytest.raises(InputError, match=said) as caught:
        load(file)
    command = re.search(r": ([^:]*(?::blank:|[^:])* > (\w+\.csv))", str(caught.value).replace(str(file), file.name))
    assert command is not None
    assert os.system(f"cd {tmp_path} && {command[1].split(': ')[-1]}") == 0
    runs = load(tmp_path / command[2])
    assert (runs.params.tolist(), runs.tokens.tolist(), runs.loss.tolist()) == (PARAMS, TOKENS, LOSS)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["20833", "3"], (".", "")),
        (["3,6882", "2,9"], (",", "")),
        (["3,688"], (",", "")),
        (["1.234,5"], (",", ".")),
        (["1,234.5"], (".", ",")),
        (["1.234.567", "3"], (",", ".")),
        (["833,000", "3.6882"], (".", ",")),  # not a decimal comma, although each alone could be one
        (["833.000", "3,6882"], (",", ".")),
        (["833.000", "3,688"], ("", "")),
        (["1.5", "3,6882"], ("", "")),
    ],
)
def test_the_signs_of_numbers(cells, expected):
    assert signs(cells) == expected


def test_where_nobody_can_tell_no_command_is_printed(tmp_path):
    with pytest.raises(InputError, match="nobody can tell whether its commas or its points are decimal") as caught:
        load(put(tmp_path, "params;tokens;loss\n833.000;900.000;3,688\n"))
    assert ">" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("params,tokens,loss\n1e6,2e7,4.0\n2e6,4e7,3,5\n", "row 2 has 4 cells, the header has 3: 2e6,4e7,3,5; write"),
        ("params,tokens,loss\n1e6,2e7\n", "row 1 has 2 cells, the header has 3: 1e6,2e7; every row needs a cell"),
    ],
)  # fmt: skip
def test_rows_of_another_length_are_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        load(put(tmp_path, text))


def test_a_first_row_of_words_is_no_title(tmp_path):
    with pytest.raises(InputError, match="row 1, column params: 'millions' is not a number"):
        load(put(tmp_path, "params,tokens,loss\nmillions,billions,nats\n" + "\n".join(rows(","))))
    indexed = "\n".join([",params,tokens,loss", *(f"{i},{line}" for i, line in enumerate(rows(",")))])
    assert load(put(tmp_path, indexed)).loss.tolist() == LOSS
    long = lines("params,tokens,loss,note", (line + ",#" + "x" * 200_000 for line in rows(",")))
    assert load(put(tmp_path, "#" + "y" * 200_000 + "\n" + long)).loss.tolist() == LOSS
