"""Planted slips are named by row; published tables, which have none, pass."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sweep.errors import InputError
from sweep.tables.load import examine, load
from sweep.tables.slips import codes, slips

RNG = np.random.default_rng(0)


def sweep(n=40):
    rng = np.random.default_rng(1)
    params, tokens = 10 ** rng.uniform(7, 9, n), 10 ** rng.uniform(9.5, 11, n)
    loss = 1.8 + 480 * params**-0.35 + 2100 * tokens**-0.37
    return pd.DataFrame({"params": params, "tokens": tokens, "loss": loss})


def only(frame, columns=None, where=None):
    """The problems of a table, none of them a remark."""
    return [p for p in examine(frame, columns, where).problems if p.level == "error"]


@pytest.mark.parametrize("row", [1, 17, 40])
@pytest.mark.parametrize(("column", "factor"), [("params", 1e-6), ("params", 1e6), ("tokens", 1e-9), ("tokens", 1e9)])
def test_a_slip_of_a_unit_is_named(row, column, factor):
    frame = sweep()
    meant = frame.loc[row - 1, column]
    frame.loc[row - 1, column] *= factor
    (found,) = only(frame)
    assert (found.code, found.row, found.column) == ("unit_slip", row, column)
    assert f"did you mean {meant:.6g}?" in found.message
    with pytest.raises(InputError, match=f"row {row}: {column}="):
        load(frame)
    assert len(load(frame, where=f"{column} != {float(frame.loc[row - 1, column])!r}")) == 39


def test_the_example_of_the_needs():
    frame = sweep()
    frame.loc[16, "params"] = 350
    (found,) = only(frame)
    assert "row 17: params=350, others" in found.message
    assert "did you mean 3.5e+08?" in found.message


def test_several_slips_and_flops():
    frame = sweep()
    frame.loc[[3, 9], "params"] /= 1e6
    assert [p.row for p in only(frame)] == [4, 10]
    frame = sweep()
    frame["flops"] = 6 * frame.params * frame.tokens
    frame.loc[6, "flops"] *= 1e3
    (found,) = only(frame)
    assert (found.row, found.column) == (7, "flops")


def test_wide_and_small_tables_are_no_slips():
    rows = np.arange(1, 9)
    assert not list(slips(np.geomspace(1e3, 1e11, 8), rows, "params", "t"))
    assert not list(slips(np.array([1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9, 1e10]), rows, "params", "t"))
    assert not list(slips(np.array([1.0, 1e9]), rows[:2], "params", "t"))


def test_published_tables_pass(datasets):
    for file in sorted(datasets.glob("*.csv")):
        if file.stem not in ("evo_optima", "mpl_curves", "porian_optima") and "curves" not in file.stem:
            assert only(file) == [], file.stem


def test_mixed_tokenizers_are_asked_for():
    frame = sweep()
    frame["tokenizer"] = ["gpt2"] * 30 + ["llama"] * 10
    with pytest.raises(InputError, match=r"tokenizer has 2 values: gpt2 \(30\), llama \(10\).*--where"):
        load(frame)
    assert len(load(frame, where="tokenizer == 'gpt2'")) == 30
    assert len(load(frame, where="tokenizer in ['gpt2', 'llama']")) == 40
    frame["tokenizer"] = ["gpt2"] * 20 + [None] * 20  # what is not known is no second one
    assert len(load(frame)) == 40
    frame["vocab"] = [32000] * 20 + [50257] * 20
    with pytest.raises(InputError, match=r"--where \"vocab == 32000\""):
        load(frame)


def curves(points, runs=6):
    tokens = np.tile(np.arange(1, points + 1) * 1e9, runs)
    params = np.repeat(np.geomspace(1e7, 1e8, runs), points)
    loss = 1.8 + 480 * params**-0.35 + 2100 * tokens**-0.37
    return pd.DataFrame({"params": params, "tokens": tokens, "loss": loss, "run": np.repeat(np.arange(runs), points)})


def test_curves_given_as_finals_are_asked_for():
    frame = curves(20)
    with pytest.raises(InputError, match=r"6 runs \(column run\) with 20 rows each.*--columns run=run"):
        load(frame)
    runs = load(frame, {"trunk": "run"})
    assert len(np.unique(runs.group)) == 6
    with pytest.raises(InputError, match=r"evenly spaced in tokens at falling loss.*--columns run=COLUMN"):
        load(frame.drop(columns="run"))


def test_a_few_checkpoints_of_a_run_are_clustered_and_said():
    runs = load(curves(10))
    assert runs.group.tolist() == np.repeat(np.arange(6), 10).tolist()
    (remark,) = runs.remarks
    assert remark.code == "clustered"
    assert "60 rows share a run (column run) with others: resampled together, 6 groups" in remark.message
    assert load(curves(10).assign(run=np.arange(60))).remarks == ()


def test_published_curves_are_detected(datasets):
    for name in ("misfitting_curves", "gemstone_curves_hot477", "xlstm_llama_ctx2048_curves"):
        with pytest.raises(InputError, match="--columns run=run"):
            load(datasets / f"{name}.csv")


def test_codes():
    column = pa.chunked_array([["b", "a"], ["b", None, "", None]])
    found = codes(column, np.arange(6))
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 5
    assert codes(column, np.array([1, 2])).tolist() in ([0, 1], [1, 0])
    assert codes(pa.chunked_array([[[1], [1], [2]]]), np.arange(3)).tolist() == [0, 0, 1]


@pytest.mark.parametrize("factor", [1e3, 1e-3, 1e6, 1e-6])
@pytest.mark.parametrize("column", ["params", "tokens", "loss"])
def test_a_slip_in_the_largest_run_of_a_grid_by_doubling(factor, column):
    """Where the value that was meant lies a step beyond all others."""
    n, d = (x.ravel() for x in np.meshgrid(2e7 * 2.0 ** np.arange(6), 1e9 * 2.0 ** np.arange(3)))
    table = {"params": n, "tokens": d, "loss": 1.8 + 480 * n**-0.35 + 2100 * d**-0.37}
    meant = table[column][-1]
    table[column] = np.r_[table[column][:-1], meant * factor]
    with pytest.raises(InputError, match=rf"row 18: {column}=.*did you mean {re.escape(f'{meant:.6g}')}\?") as caught:
        load(table, units="nats")
    assert "pass --columns" not in str(caught.value)


def test_numbers_that_no_unit_mends_are_not_converted():
    n = np.r_[3.3e15, 2e7 * 2.0 ** np.arange(5), 4e15]
    with pytest.raises(InputError, match="no one unit makes counts of all of them: correct it, or leave rows out"):
        load({"params": n, "tokens": np.full(7, 1e9), "loss": np.linspace(4, 3, 7)})
