"""Filters and computed columns against Python's own evaluation, and everything that is neither."""

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.tables.expression import compute, names_in, select

COLUMNS = {
    "outlier": np.array([0.0, 1.0, 0.0, np.nan]),
    "epochs": np.array([1.0, 0.5, 4.0, 1.0]),
    "dataset": np.array(["c4", "pile", None, "c4"], dtype=object),
}


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("outlier == 0", [0, 2]),
        ("outlier != 0", [1]),  # a missing value satisfies nothing
        ("epochs <= 1 and dataset == 'c4'", [0, 3]),
        ("not epochs <= 1", [2]),
        ("epochs in [1, 4]", [0, 2, 3]),
        ("dataset not in ('c4',)", [1]),
        ("0.7 < epochs < 2 or outlier == 1", [0, 1, 3]),
        ("epochs > -1", [0, 1, 2, 3]),
        ("outlier < epochs", [0, 2]),
        ("dataset in []", []),
        ("epochs + 1 == 2", [0, 3]),
        ("2 * epochs ** 2 / 4 - 0.5 <= -(0 - epochs)", [0, 1, 3]),
        ("log(epochs) < 0", [1]),
        ("epochs * 1e6 > 1M", [2]),  # counts as people write them
        ("epochs*1.5B >= 1.5e9 and dataset != '1M'", [0, 3]),
        ("epochs > .001k", [2]),
    ],
)
def test_rows(expression, rows):
    assert np.flatnonzero(select(expression, COLUMNS)).tolist() == rows


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("outlyer == 0", "no column 'outlyer'; did you mean 'outlier'"),
        ("outlier =! 0", "not an expression"),
        ("outlier", "not a condition"),
        ("__import__('os').system('true') == 0", "not understood"),
        ("epochs + 'c4' == 2", "'c4'\" is not a number"),
        ("dataset * 2 == 2", "'dataset' is not a number"),
        ("exp(epochs) > 1", "not understood"),
        ("(" * 400 + "1", "not an expression"),
        ("epochs == 'c4'", "compares text with a number"),
        ("dataset < 3", "compares text with a number"),
        ("dataset in 'c4'", "needs a column and a list"),
        ("epochs is None", "--where"),
        ("1 == 1 and 2", "not a condition"),
    ],
)
def test_what_is_not_a_filter(expression, message):
    with pytest.raises(InputError, match=message):
        select(expression, COLUMNS)


TEXTS = {
    "loss": np.array(["3.5", "OOM", None, "2.5"], object),
    "size": np.array(["350M", "1.2B", "70k", "big"], object),
    "N (M)": np.array([70.0, 150.0, np.nan, 400.0]),
    "my data": np.array(["c4", "c4", "pile", None], object),
}


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("loss > 0", [0, 3]),  # a cell that is no number satisfies nothing
        ("loss <= 0", []),
        ("not loss > 3", [3]),  # nor does it satisfy a negation
        ("not (loss > 3 and size > 0)", [3]),  # false and unknown is false
        ("loss > 3 or size > 1e8", [0, 1]),
        ("size > 1e8", [0, 1]),
        ("0.06e6 < size < 1e9", [0, 2]),
        ("size == 3.5e8", [0]),
        ("size == '350M'", [0]),  # beside text it is text
        ("loss in [3.5, 2.5]", [0, 3]),
        ("loss not in [3.5]", [3]),
        ("size / 1e6 > loss", [0]),
        ("'N (M)' > 100", [1, 3]),
        ("`N (M)` > 100", [1, 3]),
        ("100 < 'N (M)'", [1, 3]),
        ("'my data' == 'c4'", [0, 1]),
        ("'my data' in ['c4']", [0, 1]),
        ("`my data` != 'c4' and 1 == 1", [2]),
        ("'N (M)' * 1e7 > size", [0, 1]),
    ],
)
def test_text_beside_numbers_and_quoted_names(expression, rows):
    assert np.flatnonzero(select(expression, TEXTS)).tolist() == rows


def test_quoted_names_in_computed_columns():
    np.testing.assert_array_equal(compute("'N (M)'*1e6", TEXTS), [7e7, 1.5e8, np.nan, 4e8])
    np.testing.assert_array_equal(compute("log(`N (M)`)", TEXTS), np.log(TEXTS["N (M)"]))
    np.testing.assert_array_equal(compute("size", TEXTS), [3.5e8, 1.2e9, 7e4, np.nan])
    with pytest.raises(InputError, match=r"'N \(B\)'.* is not a number; did you mean 'N \(M\)'"):
        compute("'N (B)'*1e9", TEXTS)
    assert names_in("'N (M)' > 1 and `my data` == 'c4' or -'a' < log('b')") == {"N (M)", "my data", "a", "b", "log"}


def test_computed_columns():
    np.testing.assert_allclose(compute("6 * epochs * (epochs + 1)", COLUMNS), [12, 4.5, 120, 12])
    np.testing.assert_allclose(compute("log(epochs)", COLUMNS), np.log(COLUMNS["epochs"]))
    assert np.isnan(compute("outlier / 1", COLUMNS)[3])
    assert np.isinf(compute("epochs * 10 ** 400", COLUMNS)).all()  # judged where it is used
    for expression in ("6 * 2", "epochs > 1", "dataset", "epoch*2"):
        with pytest.raises(InputError, match="--columns"):
            compute(expression, COLUMNS)


def test_names():
    assert names_in("tokenizer == 'a' and epochs < 2") == {"tokenizer", "epochs"}
    assert names_in(None) == names_in("a ==") == set()
