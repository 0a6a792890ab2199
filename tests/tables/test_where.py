"""Filters against Python's own evaluation, and everything that is not a filter."""

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.tables.where import select

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
        ("epochs + 1 == 2", "not understood"),
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
