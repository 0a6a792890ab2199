"""The further columns of a law: read by name, by --columns or derived, checked like the others, and named if absent."""

import numpy as np
import pytest

from sweep import laws
from sweep.errors import InputError
from sweep.laws import schedules
from sweep.tables.load import load

RNG = np.random.default_rng(0)
TABLE = {
    "params": np.geomspace(1e7, 1e9, 20),
    "tokens": RNG.permutation(np.geomspace(1e9, 1e11, 20)),
    "loss": np.linspace(4, 3, 20),
}


def test_a_column_by_its_name_or_a_stated_one():
    law = laws.get("data_constrained")
    unique = np.geomspace(1e9, 2e9, 20)
    by_name = load({**TABLE, "unique_tokens": unique}, law=law, where="params > 2e7")
    np.testing.assert_array_equal(by_name.inputs(law)[2], unique[TABLE["params"] > 2e7])
    stated = load({**TABLE, "U": unique / 1e9}, {"unique_tokens": "U*1e9"}, law=law)
    np.testing.assert_allclose(stated.inputs(law)[2], unique)


@pytest.mark.parametrize(
    ("law", "columns", "message"),
    [
        (
            "data_constrained",
            {},
            r"needs the column unique_tokens \(training tokens that.*--columns unique_tokens=",
        ),
        ("power_compute", {"params": None, "tokens": None}, "needs the column flops .*or give params and tokens"),
        ("overtrain", {"params": None, "flops": 1e20}, "tokens_per_param .*or give params and tokens"),
        ("tissue", {"run": 1.0, "step": 1.0}, "needs the column lr_sum .*or give run and step and lr"),
        ("gamma", {"tokens": None}, "no column 'tokens'"),
        ("width_depth", {"width": 64.0, "depth": -2.0}, "row 1, column depth: -2; it must be a positive finite number"),
        ("moe_abnar", {"sparsity": np.inf}, "column sparsity: inf; it must be a finite number"),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_one_line(law, columns, message):
    table = {**TABLE, **{name: None if x is None else np.full(20, x) for name, x in columns.items()}}
    with pytest.raises(InputError, match=message) as raised:
        load({name: x for name, x in table.items() if x is not None}, law=laws.get(law))
    assert "\n" not in str(raised.value)


def test_a_signed_input_may_be_zero_and_no_law_means_no_further_columns():
    law = laws.get("moe_abnar")
    runs = load({**TABLE, "sparsity": np.linspace(0, 0.9, 20)}, law=law)
    assert runs.inputs(law)[2][0] == 0
    assert load({**TABLE, "sparsity": np.full(20, np.nan)}).further == {}
    with pytest.raises(InputError, match="no such input"):
        load({**TABLE, "S": np.zeros(20)}, {"sparsity": "S"})


def test_a_table_without_params_serves_a_law_of_flops():
    runs = load({"flops": np.geomspace(1e18, 1e20, 9), "loss": np.linspace(4, 3, 9)}, law=laws.get("power_compute"))
    np.testing.assert_allclose(runs.inputs(laws.get("power_compute"))[0], np.geomspace(1e18, 1e20, 9))
    assert np.isnan(runs.params).all()


def curves():
    """Rows of two runs, one row each hundred steps, and their rates."""
    rates = {"a": schedules.two_stage(100, 2000, 3e-3, 1200, 9e-4), "b": schedules.cosine(100, 1500, 3e-3, 3e-4)}
    rows = [(name, s, lr[s]) for name, lr in rates.items() for s in range(100, len(lr), 50)]
    run, step, lr = (np.array(x) for x in zip(*rows, strict=True))
    return rates, {"run": run, "step": step.astype(float), "lr": lr, "loss": np.linspace(4, 3, len(run))}


def test_rates_of_whole_runs_are_summed_whatever_rows_are_kept():
    rates, table = curves()
    law = laws.get("tissue")
    runs = load(table, law=law, where="step >= 700")
    assert len(np.unique(runs.group)) == 2
    kept = table["step"] >= 700
    for name, lr in rates.items():
        mine = table["run"][kept] == name
        step = table["step"][kept][mine].astype(int)
        np.testing.assert_allclose(runs.inputs(law)[0][mine], schedules.lr_sum(lr, step), rtol=0.01)
    history = load(table, law=laws.get("multi_power")).inputs(laws.get("multi_power"))[0]
    assert history.shape == (1 + 6 * schedules.GROUPS, len(table["run"]))


def test_a_negative_rate_is_named():
    _, table = curves()
    table["lr"][3] = -1e-3
    with pytest.raises(InputError, match=r"row 4, column lr: -0\.001; it must not be negative"):
        load(table, law=laws.get("tissue"))
