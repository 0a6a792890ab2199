"""Columns as numbers, against Python's own reading of each value."""

import decimal
import time

import numpy as np
import pyarrow as pa
import pytest

from sweep.errors import InputError, Refusal
from sweep.tables.load import load
from sweep.tables.numbers import LISTED, parse, plain, problems_of

WRITTEN = ["7e9", "1.5", " 12 ", "+3", ".5", "4.", "-2E-3", "inf", "-Infinity"]
COUNTS = {"1.2B": 1.2e9, "70M": 7e7, "350k": 3.5e5, "15 T": 1.5e13, "2G": 2e9, "-1b": -1e9}


def test_text_reads_as_python_does():
    values, bad = parse(pa.chunked_array([WRITTEN]))
    assert values.tolist() == [float(text) for text in WRITTEN]
    assert not bad.any()


def test_counts_may_have_a_suffix_and_losses_may_not():
    values, bad = parse(pa.chunked_array([list(COUNTS)]))
    assert values.tolist() == pytest.approx(list(COUNTS.values()), rel=1e-15)
    assert not bad.any()
    assert parse(pa.chunked_array([["3.1k"]]), counts=False)[1].tolist() == [True]


@pytest.mark.parametrize("text", ["lots", "1,5", "1.2.3", "e9", "1e", "B", "0x10", "12 MB", "--", "1,500B", "$5"])
def test_what_is_not_a_number(text):
    values, bad = parse(pa.chunked_array([[text, "1"]]))
    assert bad.tolist() == [True, False]
    assert np.isnan(values[0])


@pytest.mark.parametrize("text", ["", "NaN", "nan", "NA", "null", " ", None])
def test_what_is_missing(text):
    values, bad = parse(pa.chunked_array([[text, "1"]]))
    assert np.isnan(values[0])
    assert not bad.any()


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1, None, 3], pa.int8()),
        pa.array([1, None, 3], pa.uint64()),
        pa.array([1.0, None, 3.0], pa.float32()),
        pa.array([1.0, None, 3.0], pa.float16()),
        pa.array([decimal.Decimal(1), None, decimal.Decimal(3)]),
        pa.array(["1", None, "3"]).dictionary_encode(),
        pa.array(["1", None, "3"], pa.large_string()),
        pa.array([9, 1, None, 3, 9])[1:4],  # a slice: the buffers are longer than the column
        pa.array([9.0, 1.0, None, 3.0])[1:],
    ],
)
def test_kinds_of_columns(array):
    for column in (pa.chunked_array([array]), pa.chunked_array([array[:1], array[1:]])):
        np.testing.assert_array_equal(parse(column)[0], [1.0, np.nan, 3.0])


def test_plain_keeps_text_and_counts_truth():
    assert plain(pa.chunked_array([["a", None]])).tolist() == ["a", None]
    assert plain(pa.chunked_array([[True, False]])).tolist() == [1.0, 0.0]
    assert np.isnan(plain(pa.chunked_array([pa.nulls(2)]))).all()


def table(column, value):
    columns = {
        k: [str(x) for x in v] for k, v in {"params": [1e6, 2e6], "tokens": [1e8, 2e8], "loss": [3.5, 3]}.items()
    }
    columns[column][1] = value
    return pa.table(columns)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("loss", "3,14", "'3,14' is not a number; with a decimal point it is 3.14"),
        ("loss", "3,141", "'3,141' is not a number; with a decimal point it is 3.141"),
        ("params", "1,200", "'1,200' is not a number; write 1200, or 1.200 if the comma is decimal"),
        ("loss", "3.1 ± 0.1", "'3.1 ± 0.1' is not a number; write the number alone"),
        ("params", "(M)", r"'\(M\)' is not a number; --where \"params > 0\" leaves"),
        ("params", "5e-324", "4.94066e-324; no run has that, it must lie in 1e-09 to 1e[+]30: check its unit"),
        ("tokens", "1e300", "1e[+]300; no run has that"),
        ("loss", "1e300", "1e[+]300; no run has that"),
        ("loss", "2.2e-310", "2.2e-310; no run has that"),
        ("tokens", "inf", "inf; it must be a positive finite number"),
        ("tokens", "-inf", "-inf; it must be"),
        ("params", "x" * 99, r"'x{36}… is not a number"),
    ],
)
def test_each_is_named_by_row_and_column(column, value, message):
    with pytest.raises(InputError, match=f"table: row 2, column {column}: {message}"):
        load(table(column, value))


def test_losses_that_are_not_positive_are_refused_with_the_units_to_state():
    with pytest.raises(Refusal, match=r"row 2, column loss: -1; .*--units nats\|bits\|bpb.*--despite") as caught:
        load(table("loss", "-1"))
    assert caught.value.code == "loss_not_positive"
    kept = load(table("loss", "-1"), despite=("loss_not_positive",))
    assert kept.row.tolist() == [1]
    assert kept.excluded == [("loss_not_positive", 1)]
    with pytest.raises(InputError, match="no loss is positive"):
        load({"params": [1e6], "tokens": [1e8], "loss": [0.0]}, despite=("loss_not_positive",))


def test_only_the_first_of_many_are_listed():
    values = np.full(100, np.nan)
    found = list(problems_of(values, np.zeros(100, bool), None, np.arange(100), "loss", "loss", "t"))
    assert [p.row for p in found] == [*range(1, LISTED + 1), None]
    assert "80 more rows" in found[-1].message


def test_a_million_rows_take_seconds():
    n = 10**6
    rng = np.random.default_rng(0)
    params, tokens = 10 ** rng.uniform(7, 10, n), 10 ** rng.uniform(10, 12, n)
    columns = {"params": params, "tokens": tokens, "loss": 1.8 + 480 * params**-0.35 + 2100 * tokens**-0.37}
    began = time.process_time()
    assert len(load(columns)) == n
    assert time.process_time() - began < 5
    texts = pa.chunked_array([[f"{x}" for x in params[: n // 10]]])
    assert parse(texts)[0].tolist() == params[: n // 10].tolist()
