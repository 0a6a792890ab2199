"""Settings are told from seeds, results, marks and identities by their names and by how they vary."""

import numpy as np
import pyarrow as pa
import pytest

from sweep.tables.varied import hyper, varied

CELL = np.repeat(np.arange(6), 4)
RATES = np.tile([1e-3, 2e-3, 4e-3, 8e-3], 6)
LOSS = 3.0 - 0.1 * CELL + 0.01 * np.tile([1.0, 0.0, 1.0, 4.0], 6)


def found(columns=None, /, own=False, skip=(), cell=CELL, **named):
    columns = {**(columns or {}), **named}
    return varied(pa.table(columns), np.arange(len(cell)), cell, own=own, skip=skip)


@pytest.mark.parametrize(
    "name", ["lr", "peak_lr", "learning_rate", "learningRate", "batch", "batch_size", "weight_decay", "wd", "beta2",
             "warmup_steps", "LR schedule", "optimizer", "lr (peak)"],
)  # fmt: skip
def test_hyper_parameters_are_known_by_name(name):
    assert hyper(name)
    assert found({name: RATES}) == [name]


@pytest.mark.parametrize("name", ["best_lr", "batch_loss", "final_lr", "flops", "params", "blurry", "sbatch_id"])
def test_other_names_are_not(name):
    assert not hyper(name)


def test_one_column_of_a_user_is_a_setting_too():
    assert found(heads=np.tile([4, 8, 16, 16], 6)) == ["heads"]
    assert found(activation=np.tile(["gelu", "relu", "silu", "silu"], 6)) == ["activation"]


@pytest.mark.parametrize(
    "columns",
    [
        {"seed": np.tile([0, 1, 2, 3], 6)},
        {"run_name": np.arange(24).astype(str)},
        {"val_loss_2": LOSS},
        {"spread": LOSS + np.arange(24) / 1e4},  # new in every row: a result
        {"epochs": np.tile([1, 2, 4, 8], 6)},
        {"dataset": np.tile(["c4", "rw", "c4", "rw"], 6)},
        {"kind": np.where(np.arange(24) == 3, "odd", "usual")},  # in one configuration of six, and no known name
        {"lr": np.repeat(RATES[:6], 4)},  # one rate a configuration
        {"lr": RATES * (1 + 1e-5 * np.arange(24)), "tokens": CELL},
    ],
)
def test_what_is_no_setting(columns):
    skip = ["lr"] if "tokens" in columns else []
    assert found(columns, skip=skip) == []


def test_a_rate_written_with_fewer_digits_is_one_setting():
    assert found(lr=np.tile([1e-3, 1.0000001e-3, 1e-3, 1e-3], 6)) == []


def test_what_follows_from_a_setting_is_not_named_beside_it():
    rank = np.tile([1, 0, 1, 4], 6)
    assert found(lr=RATES, width=np.tile([1, 2, 3, 4], 6), rank=rank) == ["lr"]
    assert found(lr=np.tile([1e-3, 1e-3, 2e-3, 2e-3], 6), heads=np.tile([8, 16, 8, 16], 6)) == ["lr", "heads"]


def test_missing_and_odd_values_are_levels():
    text = pa.array(["0.001", "auto", None, "0.002"] * 6)
    assert found(lr=text) == ["lr"]
    assert found(lr=pa.array([[1], [2], [1], [2]] * 6)) == ["lr"]


def test_of_a_sweeps_own_table_only_its_settings_count():
    columns = {"lr": RATES, "mesh": np.tile(["1x8", "2x4"], 12), "heads": np.tile([4, 8, 16, 16], 6)}
    assert found(columns, own=True) == ["lr"]


def test_without_repeats_there_are_none():
    assert found(cell=np.arange(24), lr=RATES) == []
