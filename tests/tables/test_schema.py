"""The columns that other programs rely on."""

import pytest

from sweep.tables.schema import COLUMNS, CURVES, SCHEMA, table_of

CONTRACT = """
trial sweep status reason budget params_total params_non_embedding params_with_head tokens flops_exact
flops_6nd loss loss_se bits_per_byte train_loss width depth heads seq_len vocab batch_tokens steps lr weight_decay
schedule warmup seed data_seed data unique_tokens epochs trunk mode
attention attention_reason remat micro_batches device mesh mfu tokens_per_s wall_s attempts
code schema
"""


def test_columns_are_those_of_the_contract():
    assert list(COLUMNS) == CONTRACT.split()
    assert SCHEMA.metadata == {b"sweep_schema": b"1"}
    assert CURVES.names == ["trial", "step", "tokens", "flops_exact", "train_loss", "loss"]


def test_missing_values_are_null_and_the_version_is_written():
    (row,) = table_of([{"trial": "a", "status": "done", "loss": 2.5}]).to_pylist()
    assert row["loss"] == 2.5
    assert row["params_total"] is None
    assert row["schema"] == 1


def test_unknown_column_and_status_are_refused():
    with pytest.raises(ValueError, match="losss"):
        table_of([{"losss": 1.0}])
    with pytest.raises(ValueError, match="finished"):
        table_of([{"status": "finished"}])
