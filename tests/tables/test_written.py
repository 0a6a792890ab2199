"""Counts as people write them in cells, against what they mean; what could be two numbers is none."""

import numpy as np
import pyarrow as pa
import pytest

from sweep.errors import InputError
from sweep.tables.load import load
from sweep.tables.numbers import parse
from sweep.tables.written import SEVERAL


def values(*cells):
    """The cells as a column of counts is read."""
    return parse(pa.chunked_array([list(cells)]))[0].tolist()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("20,833,000", 20_833_000),
        ("1,234.5", 1234.5),
        ("1_000_000", 1e6),
        ("1_000", 1e3),
        ("8 000 000", 8e6),
        ("8\u00a0000\u00a0000", 8e6),
        ("8\u202f000", 8e3),
        ("8'000'000", 8e6),
        ("3x10^21", 3e21),
        ("3.5 × 10^9", 3.5e9),
        ("10^21", 1e21),
        ("8 billion", 8e9),
        ("350 million", 3.5e8),
        ("1.5 PF-days", 1.5 * 8.64e19),
        ("1e21 FLOPs", 1e21),
    ],
)
def test_what_is_read(cell, expected):
    assert values(cell) == pytest.approx([expected], rel=1e-14)


@pytest.mark.parametrize("cell", ["70,000", "1,5", "1,23,456", "3.688(4)", "36.88%", "12 34", "$5,000,000", "8 apples"])
def test_what_is_none_or_could_be_two(cell):
    assert np.isnan(values(cell, "1")[0])


def test_a_comma_is_what_its_column_says():
    assert values("833,000", "20,833,000", "7") == [833e3, 20_833_000, 7]
    assert np.isnan(values("833,000", "20,833", "7")[:2]).all()
    assert np.isnan(values("20,833,000", "1,5")).all()  # the column does not agree with itself


def test_a_table_of_them(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text('params,tokens,loss\n"20,833,000",8 billion,3.7\n"833,000",2x10^9,4.1\n')
    runs = load(file, where="params > 1e5")
    assert (runs.params.tolist(), runs.tokens.tolist()) == ([20_833_000, 833_000], [8e9, 2e9])
    file.write_text('params,tokens,loss\n"20,833,000",8 billion,"3,700"\n"833,000",2x10^9,"4,100"\n')
    with pytest.raises(InputError, match=r"row 1, column loss: '3,700' is not a number; with a decimal point"):
        load(file)  # a loss is no count


def test_a_column_of_notes_is_not_looked_at_cell_by_cell():
    notes = [f"{i} steps of {i}" for i in range(2 * SEVERAL)]
    assert np.isnan(values(*notes)).all()
