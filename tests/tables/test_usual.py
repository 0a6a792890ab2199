"""Columns are taken by the names that people give them, and it is said; what is ambiguous or odd is left alone."""

import numpy as np
import pandas as pd
import pytest

from sweep.errors import InputError
from sweep.fit.look import look
from sweep.fit.rolling import default_laws
from sweep.tables.load import examine, load
from sweep.tables.usual import usual

PARAMS, TOKENS = (x.ravel() for x in np.meshgrid([1e7, 3e7, 1e8], [1e9, 3e9, 1e10]))
LOSS = 1.8 + 480 * PARAMS**-0.35 + 2100 * TOKENS**-0.37


@pytest.mark.parametrize(
    ("n", "d", "loss"),
    [
        ("N", "D", "val_loss"),
        ("n_params", "n_tokens", "eval_loss"),
        ("num_params", "train_tokens", "valid_loss"),
        ("model_size", "tokens", "Loss"),
        (" Params", "Tokens ", " loss"),
        ("Num Params", "train-tokens", "eval/loss"),
    ],
)
def test_usual_names_are_taken_and_said(n, d, loss):
    table = pd.DataFrame({n: PARAMS, d: TOKENS, loss: LOSS, "C": 6 * PARAMS * TOKENS * 1.1})
    runs = load(table)
    np.testing.assert_array_equal(runs.params, PARAMS)
    np.testing.assert_array_equal(runs.tokens, TOKENS)
    np.testing.assert_array_equal(runs.loss, LOSS)
    np.testing.assert_allclose(runs.flops, 6.6 * PARAMS * TOKENS)
    (said,) = [p.message for p in runs.remarks if p.code == "usual_names"]
    for column in (n, loss, "C"):
        assert repr(column.strip()) in said
    assert runs.convention["flops"] == "column C"


def test_plain_and_stated_names_come_first():
    table = {"params": PARAMS, "N": PARAMS * 2, "tokens": TOKENS, "loss": LOSS, "val_loss": LOSS + 1}
    assert load(table).remarks == ()
    np.testing.assert_array_equal(load(table, {"params": "N"}).params, PARAMS * 2)
    assert usual(["N", "D", "loss"], {"params": "D"}) == {}  # D is spoken for, and params is named
    assert usual(["N", "D", "loss"], {"params": "N*1e6"}) == {"tokens": "D"}


@pytest.mark.parametrize("columns", [("val_loss", "eval_loss"), ("train_loss",), ("l",)])
def test_what_is_ambiguous_is_asked_for(columns):
    table = {"N": PARAMS, "D": TOKENS, **dict.fromkeys(columns, LOSS)}
    with pytest.raises(InputError, match="no column 'loss'"):
        load(table)


def test_a_column_c_that_is_something_else_stops_nobody():
    for other in (np.arange(9.0), np.arange(9.0) + 1, PARAMS * TOKENS * 6 / 8.64e19, np.array(["a"] * 9, dtype=object)):
        table = pd.DataFrame({"N": PARAMS, "D": TOKENS, "loss": LOSS, "C": other})
        runs = load(table)
        np.testing.assert_allclose(runs.flops, 6 * PARAMS * TOKENS)
        (said,) = [p.message for p in runs.remarks if p.code == "flops_unread"]
        assert "until then C = 6 N D" in said
    days = {"N": PARAMS, "D": TOKENS, "loss": LOSS, "C": PARAMS * TOKENS * 6 / 8.64e19}
    assert 'PF-days: pass --columns "flops=C*8.64e+19"' in next(p.message for p in examine(days).problems)


def test_check_and_compare_see_them():
    table = {"N": PARAMS, "D": TOKENS, "val_loss": LOSS}
    assert look(table)["identifiable"]["additive"]
    assert "additive" in default_laws(table, None, None)
