"""`plan.parquet` holds the trials as they are, whole or not at all."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.config import load
from sweep.design import families, table
from sweep.errors import InputError


@pytest.fixture(scope="module")
def trials():
    return families.plan(load("configs/smoke.py"), vocab=256, data="d", unique_tokens=10**9, platform="cpu").trials


def test_what_is_written_is_read_and_equals_the_trials(tmp_path, trials):
    table.write(trials, tmp_path / "plan.parquet")
    rows = table.read(tmp_path / "plan.parquet").to_pylist()
    assert [r["trial"] for r in rows] == [t.id for t in trials]
    for row, trial in zip(rows, trials, strict=True):
        assert row["params_with_head"] == trial.params.with_head
        assert row["flops_exact"] == trial.flops_exact
        assert row["tokens_per_param"] == trial.tokens / trial.params.with_head
        assert (row["steps"], row["lr"], row["trunk"]) == (trial.steps, trial.lr, trial.trunk)
    assert os.listdir(tmp_path) == ["plan.parquet"]


def test_no_trials_make_an_empty_table_with_the_same_columns(tmp_path):
    table.write([], tmp_path / "plan.parquet")
    assert table.read(tmp_path / "plan.parquet").column_names == list(table.TYPES)


def test_a_plan_that_is_missing_broken_or_another_table(tmp_path):
    path = tmp_path / "plan.parquet"
    with pytest.raises(InputError, match="no plan here"):
        table.read(path)
    path.write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        table.read(path)
    pq.write_table(pa.table({"loss": [1.0]}), path)
    with pytest.raises(InputError, match="no column 'trial'"):
        table.read(path)


def test_a_plan_that_cannot_be_written_leaves_nothing(tmp_path, trials):
    (tmp_path / "plan.parquet").mkdir()
    with pytest.raises(InputError, match=r"plan\.parquet: cannot be written: Is a directory"):
        table.write(trials, tmp_path / "plan.parquet")
    assert os.listdir(tmp_path) == ["plan.parquet"]
