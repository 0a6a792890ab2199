"""Any source gives the same runs; every bad value is named by row and column."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.errors import InputError, Refusal
from sweep.tables.load import load
from sweep.tables.schema import CURVES, table_of

PARAMS, TOKENS = np.meshgrid([1e6, 3e6, 1e7], [1e8, 3e8, 1e9])
ARRAYS = {"params": PARAMS.ravel(), "tokens": TOKENS.ravel(), "loss": np.linspace(4, 3, 9)}


def test_sources_agree(tmp_path):
    table = pa.table(ARRAYS)
    pd.DataFrame(ARRAYS).to_csv(tmp_path / "t.csv", index=False)
    pq.write_table(table, tmp_path / "t.parquet")
    for source in (ARRAYS, table, pd.DataFrame(ARRAYS), tmp_path / "t.csv", str(tmp_path / "t.parquet")):
        runs = load(source)
        np.testing.assert_array_equal(runs.loss, ARRAYS["loss"])
        np.testing.assert_allclose(runs.flops, 6 * runs.params * runs.tokens)
        assert np.isnan(runs.budget).all()
        assert runs.group.tolist() == list(range(9))
        assert runs.convention["flops"] == "6nd"


def test_columns_groups_and_filter(tmp_path):
    frame = pd.DataFrame(
        {"N": ARRAYS["params"], "D": ARRAYS["tokens"], "val": ARRAYS["loss"], "C": 1e15, "run": [0] * 9}
    )
    frame["trunk"] = ["a", "a", "b", "b", None, None, "c", "c", "c"]
    names = {"params": "N", "tokens": "D", "loss": "val", "flops": "C"}
    runs = load(frame, names, "N > 2e6")
    assert runs.row.tolist() == [2, 3, 5, 6, 8, 9]
    assert np.all(runs.flops == 1e15)
    labels = runs.group.tolist()
    assert labels[4] == labels[5]  # both of trunk c
    assert len(set(labels)) == 5


def csv(tmp_path, row, column, value):
    frame = pd.DataFrame({k: [str(x) for x in v] for k, v in ARRAYS.items()})
    frame.loc[row - 1, column] = value
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


@pytest.mark.parametrize("column", ["params", "tokens", "loss"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("lots", "'lots' is not a number"),
        ("", "missing"),
        ("nan", "missing"),
        ("inf", "inf"),
        ("0", "0; it must be a positive"),
        ("-2", "-2; it must be"),
    ],
)
def test_bad_values_are_named(tmp_path, column, value, message):
    refused = column == "loss" and value in ("0", "-2")
    with pytest.raises(Refusal if refused else InputError, match=f"row 4, column {column}: .*{message}"):
        load(csv(tmp_path, 4, column, value))


def test_bad_sources():
    with pytest.raises(InputError, match=r"no column 'loss'; did you mean 'losss'.*--columns"):
        load({"params": [1.0], "tokens": [1.0], "losss": [1.0]})
    with pytest.raises(InputError, match=r"no column 'loss'; columns: params, tokens"):
        load({"params": [1.0], "tokens": [1.0]})
    with pytest.raises(InputError, match="no such input; did you mean 'params'"):
        load(ARRAYS, {"param": "N"})
    with pytest.raises(InputError, match="no row satisfies"):
        load(ARRAYS, where="loss > 100")
    with pytest.raises(InputError, match="equal length"):
        load({"params": [1.0, 2.0], "tokens": [1.0]})
    with pytest.raises(InputError, match="cannot read a table from int"):
        load(3)


def sweep_rows():
    base = {"params_with_head": 1000, "tokens": 10**6, "flops_exact": 7e9, "loss": 3.0, "budget": 1e10, "trunk": "t"}
    rows = [{**base, "trial": f"t{i}", "status": "done", "tokens": 10**6 * (i + 1)} for i in range(3)]
    return [*rows, {**base, "trial": "bad", "status": "diverged", "loss": None}, {"trial": "x", "status": "pending"}]


def test_run_directory(tmp_path):
    cohort = tmp_path / "cohorts" / "aa"
    cohort.mkdir(parents=True)
    pq.write_table(table_of(sweep_rows()), cohort / "rows-0.parquet")
    points = [
        {"trial": t, "step": s, "tokens": s * 10, "flops_exact": s * 70.0, "loss": 5.0 - s}
        for t in ("t2", "bad")
        for s in (1, 2)
    ]
    pq.write_table(table_of(points, CURVES), cohort / "curves-0.parquet")
    runs = load(tmp_path)
    assert len(runs) == 3
    assert runs.convention == {"params": "with_head", "flops": "exact"}
    assert runs.excluded == [("diverged", 1), ("pending", 1)]
    assert runs.trial == ["t0", "t1", "t2"]
    assert set(runs.group) == {0}
    assert runs.flops.tolist() == [7e9] * 3
    assert runs.curves is not None
    assert runs.curves.run.tolist() == [2, 2]  # the curve of a diverged trial is no curve of a finished run
    losses = load(tmp_path / "losses.parquet")
    assert losses.convention == runs.convention
    with pytest.raises(InputError, match="no loss table here yet"):
        load(tmp_path / "cohorts")
