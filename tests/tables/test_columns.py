"""Inputs by name or expression, and the hint where one is missing."""

import numpy as np
import pyarrow as pa
import pytest

from sweep.errors import InputError
from sweep.tables.load import load
from sweep.tables.missing import pair

BASE = {"N": [1e6, 2e6, 4e6], "C": [6e14, 2.4e15, 9.6e15], "val_loss": [4.0, 3.5, 3.1]}


def test_tokens_from_flops():
    runs = load(BASE, {"params": "N", "loss": "val_loss", "flops": "C", "tokens": "C/(6*N)"})
    np.testing.assert_allclose(runs.tokens, [1e8, 2e8, 4e8])
    np.testing.assert_allclose(runs.flops, BASE["C"])
    assert runs.convention == {"params": "column N", "flops": "column C"}


def test_names_with_blanks_and_brackets():
    """As headers of published tables: the whole name, or quoted within an expression."""
    table = {"N (M)": [1.0, 2.0, 4.0], "tok-ens": [1e8, 2e8, 4e8], "val loss": ["4.0", "3.5", "3.1"]}
    runs = load(table, {"params": "'N (M)'*1e6", "tokens": "tok-ens", "loss": "val loss"}, where="'N (M)' > 1")
    assert (runs.params.tolist(), runs.loss.tolist()) == ([2e6, 4e6], [3.5, 3.1])
    assert load(table, {"params": "`N (M)`*1e6", "tokens": "tok-ens", "loss": "'val loss'"}).loss.tolist() == [
        4,
        3.5,
        3.1,
    ]
    for params, message in (
        ("N (m)", r"no column 'N \(m\)'; did you mean 'N \(M\)'"),
        ("'N'*1e6", "'N'.* is not a number"),
    ):
        with pytest.raises(InputError, match=message):
            load(table, {"params": params, "tokens": "tok-ens", "loss": "val loss"})


def test_hints_spell_names_so_that_they_can_be_typed():
    """The expression that the message prints is read as it stands."""
    table = {"my params": [1e8, 2e8], "lambda": [6e18, 2.4e19], "loss": [3.5, 3.1]}
    named = {"params": "my params", "flops": "lambda"}
    with pytest.raises(InputError, match=r"--columns \"tokens='lambda'/\(6\*'my params'\)\"") as caught:
        load(table, named)
    tokens = str(caught.value).partition('"tokens=')[2].partition('"')[0]
    assert load(table, {**named, "tokens": tokens}).tokens.tolist() == [1e10, 2e10]
    with pytest.raises(InputError, match=r"as in --columns \"loss=Loss \"\)"):
        load({"params": [1e8], "tokens": [1e9], "Loss ": [3.0]}, {"loss": "perte"})


def test_all_missing_columns_are_named_at_once():
    with pytest.raises(
        InputError, match=r"no columns 'params', 'tokens', 'loss'; columns: x, y \(name them: --columns params=… tokens"
    ):
        load({"x": [1.0], "y": [1e15]})
    exercise = {"parameters": [1e8], "final_loss": [3.0], "compute_budget": [1e18]}
    with pytest.raises(InputError, match=r"--columns \"tokens=compute_budget/\(6\*parameters\)\" loss=final_loss\)"):
        load(exercise)
    with pytest.raises(InputError, match=r"no columns 'N', 'L'; .*--columns params=… loss=val_loss\)"):
        load({"x": [1.0], "D": [1e9], "val_loss": [3.0]}, {"params": "N", "tokens": "D", "loss": "L"})


@pytest.mark.parametrize("odd", ["Total", None, -5.0])
def test_the_filter_that_is_printed_leaves_out_rows_that_are_no_runs(odd):
    table = {
        "my N": pa.array([str(odd) if odd else None, "1e8", "3e8"]),
        "tokens": [1e8, 2e8, 3e8],
        "loss": [3, 2.9, 2.8],
    }
    with pytest.raises(
        InputError, match=r"row 1, column my N: .*; --where \"'my N' > 0\" leaves such rows out$"
    ) as caught:
        load(pa.table(table), {"params": "my N"})
    where = str(caught.value).split('where "')[1].split('"')[0]
    assert load(pa.table(table), {"params": "my N"}, where).params.tolist() == [1e8, 3e8]
    with pytest.raises(InputError, match=r"row 1, column my N: '7,5' is not a number; with a decimal point it is 7.5$"):
        load(pa.table({**table, "my N": ["7,5", "1e8", "3e8"]}), {"params": "my N"})  # a slip is no empty row


@pytest.mark.parametrize(
    ("n", "d"),
    [
        ("params_M", "tokens_B"), ("Params (M)", "Training tokens (B)"), ("log10_params", "log10_tokens"),
        ("logN", "logD"), ("MParams", "BTokens"), ("model_size_m", "train_tokens_b"), ("#params [10^6]", "Tokens in B"),
        ("total_params", "tokens_seen"), ("Parameters (millions)", "Tokens (billions)"),
        ("config.n_params", "log/tokens_seen"),
    ],
)  # fmt: skip
def test_names_with_units_are_printed_as_they_are_typed(n, d):
    with pytest.raises(InputError, match="no columns 'params', 'tokens'") as caught:
        load({n: [20.0, 70.0, 300.0], "x": [1, 2, 3], d: [1.0, 4.0, 9.0], "loss": [4.0, 3.5, 3.1]})
    assert str(caught.value).endswith(f"(name them: --columns {pair('params', n)} {pair('tokens', d)})")


def test_tokens_of_steps():
    with pytest.raises(InputError, match=r'--columns params=… "tokens=global_step\*…"'):
        load({"global_step": [1, 2], "loss": [4.0, 3.5]})
    with pytest.raises(InputError, match=r'with the tokens of one step: --columns "tokens=step\*…"'):
        load({"step": [1, 2], "params": [1e8, 1e8], "loss": [4.0, 3.5]})


def test_several_columns_that_could_be_one_input_are_named():
    with pytest.raises(
        InputError, match=r"no column 'params', and 2 that could be it; say which: --columns params=N or"
    ):
        load({"N": [1e8], "n_params": [2e8], "D": [1e9], "loss": [3.0]})


def test_the_curve_of_one_run():
    with pytest.raises(InputError, match="one run's curve as TensorBoard exports it: make a table with a row for each"):
        load({"Wall time": [1.7e9], "Step": [100], "Value": [3.2]})


def test_many_errors_are_counted():
    table = {"params": ["a", "b", "3e6"], "tokens": [1e8, None, 3e8], "loss": [3.0, 2.9, 2.8]}
    with pytest.raises(
        InputError, match=r"row 1, column params: 'a' is not a number; --where .* \(and 2 more: sweep check lists"
    ):
        load(table)


def test_scaled_and_written_inputs():
    table = {"N": ["1M", "2M", "4M"], "D": [0.1, 0.2, 0.4], "loss": [4.0, 3.5, 3.1]}
    runs = load(table, {"params": "N", "tokens": "D*1e9"})
    np.testing.assert_allclose(runs.params, [1e6, 2e6, 4e6])
    np.testing.assert_allclose(runs.tokens, [1e8, 2e8, 4e8])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"params": "N", "loss": "val_loss", "flops": "C"}, r"no column 'tokens'.*--columns \"tokens=C/\(6\*N\)\""),
        ({}, r"no column 'tokens'.*--columns \"tokens=C/\(6\*N\)\""),
        ({"params": "N", "tokens": "C/(6*M)", "loss": "val_loss"}, "no column 'M'"),
        ({"params": "N", "tokens": "C/0", "loss": "val_loss"}, "row 1, column C/0: inf; it must be"),
        ({"params": "N", "tokens": "C", "loss": "val_loss", "trunk": "seed"}, "no column 'seed'"),
        ({"params": "N", "tokens": "C", "loss": "val_loss", "budget": "B"}, "no column 'B'"),
    ],
)
def test_missing_columns(columns, message):
    with pytest.raises(InputError, match=message):
        load(BASE, columns)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"loss": "l"}, r"no columns 'params', 'tokens'; columns: size, data, l .*--columns params=size tokens=data"),
        ({"loss": "l", "tokens": "data"}, r"no column 'params'; did you mean 'size'\? .*--columns params=size"),
        ({"params": "size", "tokens": "data"}, "no column 'loss'; did you mean 'l'"),
    ],
)
def test_what_names_are_not_sure_enough_to_be_taken(columns, message):
    with pytest.raises(InputError, match=message):
        load({"size": [1e6, 2e6], "data": [1e8, 2e8], "l": [4.0, 3.5]}, columns)


def test_a_name_with_a_unit_is_offered():
    with pytest.raises(InputError, match=r"params=params_M\*1e6\" \"tokens='D \(B\)'\*1e9"):
        load({"params_M": [1.0, 2.0], "D (B)": [1.0, 2.0], "loss": [4.0, 3.5]})


def test_a_filter_must_be_one_of_rows():
    with pytest.raises(InputError, match="not a condition on a column"):
        load({"params": [1e6] * 3, "tokens": [1e8] * 3, "loss": [3.0] * 3}, where="1 == 1")


def test_a_foreign_status_column_is_no_filter_and_ours_is():
    table = {"params": [1e6] * 3, "tokens": [1e8] * 3, "loss": [3.0, 3.1, 3.2], "status": ["ok", "ok", "bad"]}
    assert len(load(table)) == 3
    runs = load({**table, "status": ["done", "done", "diverged"]})
    assert (len(runs), runs.excluded) == (2, [("diverged", 1)])
