"""The whole fit: published optima, simulated truth, the JSON contract, refusals."""

import json
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pyarrow.parquet as pq
import pytest

from sweep.config import Sweep, to_dict
from sweep.errors import InputError, Refusal
from sweep.fit import fit
from sweep.fit.diagnostics import diagnosis
from sweep.laws import additive
from sweep.tables.schema import table_of

CONTRACT = """law objective params status n se interval allocation approach1 approach2 approach3 warnings timing level
convention excluded source points target"""
BUDGETS = np.geomspace(1e18, 1e21, 5)


@pytest.fixture(scope="module")
def chinchilla(datasets):
    return fit(datasets / "epoch_chinchilla_svg.csv", where="outlier == 0", independent=True)


def test_besiroglu_optimum(chinchilla):
    record = chinchilla.to_json()
    assert record["objective"]["value"] == pytest.approx(1.018274017801e-3, rel=1e-9)
    assert record["objective"]["value"] == pytest.approx(1.018274018e-3, rel=1e-6)
    expected = {"E": 1.8172181, "A": 477.82587, "B": 2143.4174, "alpha": 0.34731050, "beta": 0.36717243}
    assert chinchilla.params == pytest.approx(expected, rel=1e-6)
    assert record["status"] == "converged"
    assert record["n"] == 240
    assert record["approach3"]["starts"]["agree"] >= 8


def test_besiroglu_standard_errors(chinchilla):
    """Published: bootstrap of 4,000; the interval of a is .51 +- .02."""
    record = chinchilla.to_json()
    assert record["se"]["alpha"] == pytest.approx(0.0154, rel=0.15)
    assert record["se"]["beta"] == pytest.approx(0.0206, rel=0.15)
    assert record["se"]["E"] == pytest.approx(0.0257, rel=0.15)
    assert record["allocation"]["a"] == pytest.approx(0.5139, abs=1e-4)
    for k in (1, 2, 3):
        assert record[f"approach{k}"]["a"] == pytest.approx(0.51, abs=0.03)


@pytest.mark.slow
def test_besiroglu_standard_errors_of_4000_resamples(datasets):
    """Published, of 4,000 resamples: alpha .01540, beta .02060, E .02566; twice the bound on resampling noise."""
    record = fit(
        datasets / "epoch_chinchilla_svg.csv", where="outlier == 0", bootstrap=4000, independent=True
    ).to_json()
    for name, published in {"alpha": 0.0154, "beta": 0.0206, "E": 0.0257}.items():
        assert record["se"][name] == pytest.approx(published, rel=0.10)


REFERENCES = [
    ("epoch_chinchilla_svg", None, "all 245"),
    ("oa_epochai_chinchilla", "outlier == 0", "outlier==0"),
    ("oa_misfitting_fineweb_c4", None, "all"),
    ("gemstone_slim_chinchilla", None, "all"),
    ("steplaw_dense_best", None, "all 17"),
    ("porian_rw_base_long_kaplan_attention_train", None, "all"),  # its mse optimum has E at zero
]


@pytest.mark.parametrize("kind", ["huber", "mse"])
@pytest.mark.parametrize(("table", "where", "subset"), REFERENCES)
def test_reference_objectives(datasets, table, where, subset, kind):
    reference = json.loads((datasets / "reference_fits.json").read_text())["fits"][f"{table} | {subset}"]
    found = fit(datasets / f"{table}.csv", where=where, objective=kind, bootstrap=0, diagnostics=False).to_json()
    assert found["n"] == reference["rows"]
    assert found["objective"]["value"] <= reference[kind]["objective"] * (1 + 1e-6)
    assert found["objective"]["value"] == pytest.approx(reference[kind]["objective"], rel=1e-6)
    assert (found["status"] == "at_bound") == bool(reference[kind]["flags"])
    if not reference[kind]["flags"]:
        expected = {name: reference[kind][name] for name in found["params"]}
        assert found["params"] == pytest.approx(expected, rel=1e-3)


def test_published_least_absolute_deviations(datasets):
    found = fit(datasets / "epoch_chinchilla_svg.csv", where="outlier == 0", objective="lad", bootstrap=0)
    assert found.record["objective"]["value"] == pytest.approx(1.129494653622, rel=1e-7)
    expected = {"E": 1.8168641, "A": 482.006055, "B": 2085.43625, "alpha": 0.34781307, "beta": 0.36585416}
    assert found.params == pytest.approx(expected, rel=1e-4)


@pytest.fixture(scope="module")
def noisy(simulate, law):
    return law, fit(simulate(BUDGETS, sizes=9, noise=0.004, seed=3), target_compute=1e22)


def test_the_truth_lies_within_the_intervals(noisy):
    law, found = noisy
    for name, value in zip(law._fields, law, strict=True):
        low, high = found.interval(name, 0.99)
        assert low < value < high
    best = found.optimum(1e22)
    truth = additive.optimum(law, 1e22)
    assert best.params_interval[0] < best.params < best.params_interval[1]
    assert best.params == pytest.approx(truth[0], rel=0.3)
    assert best.loss == pytest.approx(additive.frontier(law, 1e22), rel=0.01)
    assert found.to_json()["residual_sd"] == pytest.approx(0.004, rel=0.3)


def test_json_keeps_the_contract(noisy):
    record = noisy[1].to_json()
    assert set(CONTRACT.split()) <= set(record)
    text = json.dumps(record, allow_nan=False)  # raises where a NaN slipped in
    assert json.loads(text) == record
    assert set(record["objective"]) == {"kind", "delta", "value"}
    assert set(record["interval"]) == set(record["se"]) == {"E", "A", "B", "alpha", "beta"}
    assert set(record["target"]) == {"flops", "approach1", "approach2", "approach3"}
    for k in (1, 2, 3):
        assert {"status", "a", "b", "a_interval", "b_interval", "n"} <= set(record[f"approach{k}"])
    for family in record["approach2"]["families"]:
        c0, c1, c2 = family["coefficients"]
        vertex = -c1 / (2 * c2)
        assert np.exp(vertex) == pytest.approx(family["params"], rel=1e-6)
        assert c0 - c1**2 / (4 * c2) == pytest.approx(family["loss"], rel=1e-9)
        assert 2 * c2 == family["curvature"]
    point = record["points"][0]
    assert point["residual"] == pytest.approx(np.log(point["loss"] / point["predicted"]))


def test_every_resample_has_a_verdict(noisy):
    found = noisy[1]
    assert len(found.verdict) == 1000
    assert sum(found.record["approach3"]["lanes"].values()) == 1000


def test_points_without_budgets_and_without_resamples():
    rng = np.random.default_rng(0)
    params, tokens = 10 ** rng.uniform(7, 10, 20), 10 ** rng.uniform(9, 12, 20)
    table = {"params": params, "tokens": tokens, "loss": 1.8 + 480 * params**-0.35 + 2100 * tokens**-0.37}
    record = fit(table, bootstrap=0).to_json()
    assert record["approach2"]["status"] == "refused"
    assert "no isoFLOP family" in record["approach2"]["reason"]
    assert record["target"]["approach2"] is None
    assert record["points"][0]["budget"] is None
    assert record["se"]["alpha"] is None
    assert record["interval"]["alpha"] == [None, None]
    assert record["target"]["flops"] == pytest.approx(10 * (6 * params * tokens).max())


def test_small_noisy_tables_are_fitted_and_warned_about(simulate):
    table = simulate([1e18, 1e19, 1e20], sizes=5, noise=0.02, seed=1)
    table["trunk"] = np.array([f"trunk {i % 5}" for i in range(15)])
    found = fit(table, bootstrap=200)
    codes = {w["code"] for w in found.to_json()["warnings"]}
    assert "few_groups" in codes
    assert {"wide", "lanes_at_bound", "lanes_dropped"} & codes
    prediction = found.predict(1e9, 2e10)
    low, high = prediction.interval
    assert low is not None
    assert high is not None
    assert low < prediction.loss < high


def test_a_sweep_directory_brings_its_target(tmp_path, simulate):
    table = simulate([1e10, 1e11, 1e12], sizes=5)
    names = ("params_with_head", "tokens", "flops_exact", "loss", "budget")
    values = (np.round(table["params"]).astype(int), np.round(table["tokens"]).astype(int))
    columns = [v.tolist() for v in (*values, table["flops"], table["loss"], table["budget"])]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    rows = [{"trial": f"t{i}", "status": "done", **row} for i, row in enumerate(rows)]
    rows.append({"trial": "bad", "status": "diverged", "reason": "loss is not finite"})
    pq.write_table(table_of(rows), tmp_path / "losses.parquet")
    sweep = Sweep(name="demo", budgets=(1e10, 1e12), target_compute=5e13)
    (tmp_path / "sweep.json").write_text(json.dumps({"config": to_dict(sweep)}))
    record = fit(tmp_path, bootstrap=0).to_json()
    assert record["target"]["flops"] == 5e13
    assert record["excluded"] == [{"status": "diverged", "n": 1}]
    assert record["convention"] == {"params": "with_head", "flops": "exact"}
    assert "excluded" in {w["code"] for w in record["warnings"]}
    assert record["points"][0]["trial"] == "t0"


def test_refusals_and_bad_settings():
    with pytest.raises(Refusal, match="4 configurations"):
        fit({"params": [1e6, 2e6, 3e6, 4e6], "tokens": [1e8, 1e9, 1e8, 1e9], "loss": [4.0, 3, 4, 3]})
    with pytest.raises(InputError, match="unknown law"):
        fit({}, law="quadratic")
    with pytest.raises(InputError, match="level 2"):
        fit({}, level=2.0)


def test_float64_does_not_leak(noisy):
    assert (jnp.ones(3) / 3).dtype == jnp.float32


def test_import_is_light():
    code = (
        "import sys, sweep.fit, sweep.laws, sweep.tables.load; "
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'flax', 'orbax', 'altair', 'scipy', 'tyro', 'pandas'}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_an_interrupt_of_the_diagnostics_leaves_them_out(simulate, monkeypatch):
    """The answer stands and says what is missing; nothing half-solved is shown as a diagnostic."""

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(diagnosis, "backtest", stop)
    record = fit(simulate(BUDGETS), bootstrap=0).to_json()
    assert "diagnostics" not in record
    assert "partial" in [w["code"] for w in record["warnings"]]
