"""A fit as a thing to ask: saved and loaded, inside and outside its range."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.errors import InputError
from sweep.fit import Fit, fit
from sweep.fit.result import plain
from sweep.laws import additive

BUDGETS = np.geomspace(1e18, 1e21, 5)


@pytest.fixture(scope="module")
def found(simulate):
    return fit(simulate(BUDGETS, noise=0.01), bootstrap=300, seed=5, diagnostics=False)


def test_saved_and_loaded_it_answers_alike(found, tmp_path):
    found.save(tmp_path / "fit")
    assert sorted(p.name for p in (tmp_path / "fit").iterdir()) == ["fit.json", "lanes.parquet"]
    again = Fit.load(tmp_path / "fit")
    assert again.to_json() == found.to_json()
    assert again.predict(1e9, 2e10) == found.predict(1e9, 2e10)
    assert again.optimum(1e21) == found.optimum(1e21)
    assert again.interval("alpha") == found.interval("alpha") == found.record["interval"]["alpha"]
    assert Fit.load(tmp_path).to_json() == found.to_json()  # of a sweep's directory, its fit/
    assert Fit.load(tmp_path / "fit" / "fit.json").to_json() == found.to_json()
    with pytest.raises(InputError, match="sweep fit TABLE"):
        Fit.load(tmp_path / "elsewhere")


def test_prediction_intervals_hold_new_runs(found, law):
    """Nine in ten fresh noisy runs inside the fitted range lie within the nominal 90 percent interval, about."""
    rng = np.random.default_rng(11)
    inside = []
    for _ in range(200):
        params = 10 ** rng.uniform(8.5, 9.5)
        tokens = params * 10 ** rng.uniform(0.8, 1.8)
        low, high = found.predict(params, tokens).interval
        inside.append(low < additive.loss(law, params, tokens) * np.exp(0.01 * rng.standard_normal()) < high)
    assert 0.8 <= np.mean(inside) <= 0.98


def test_a_wider_level_is_a_wider_interval(found):
    (l9, h9), (l5, h5) = found.interval("beta", 0.9), found.interval("beta", 0.5)
    assert l9 < l5 < found.params["beta"] < h5 < h9
    with pytest.raises(InputError, match="no parameter 'gamma'"):
        found.interval("gamma")


def test_extrapolation_is_measured_and_said(found):
    n, d = additive.optimum(additive.PUBLISHED["besiroglu"].coefficients, 1e21)
    near = found.predict(n, d)
    assert near.warnings == []
    assert near.extrapolation == pytest.approx({"compute": 1.0, "tokens_per_param": 1.0})
    far = found.predict(int(100 * n), 10 * d)
    assert far.extrapolation["compute"] == pytest.approx(1000, rel=1e-6)
    assert [w["code"] for w in far.warnings] == ["extrapolation"]
    odd = found.predict(n / 100, d * 100)
    low, high = found.record["range"]["tokens_per_param"]
    assert odd.extrapolation["tokens_per_param"] == pytest.approx(d / n * 1e4 / high)
    assert [w["code"] for w in odd.warnings] == ["tokens_per_param"]
    assert low < d / n < high


@pytest.mark.parametrize("bad", [0.0, -1.0, float("inf"), float("nan")])
def test_questions_without_meaning(found, bad):
    with pytest.raises(InputError, match="number"):
        found.predict(bad, 1e9)
    with pytest.raises(InputError, match="number"):
        found.optimum(bad)


def test_plain_has_no_nan():
    value = {
        "a": np.float64("nan"),
        "b": [np.int64(3), float("inf")],
        "c": np.array([1.5, np.nan]),
        4: (True, None, "x"),
    }
    assert plain(value) == {"a": None, "b": [3, None], "c": [1.5, None], "4": [True, None, "x"]}


def test_an_exponent_that_is_not_positive_has_no_optimum(simulate):
    """Loss that rises with size: once a complex number, now no number."""
    table = simulate(np.geomspace(1e18, 1e21, 5))
    table["loss"] = 2.0 + table["params"] ** 0.1 / 10 + 2100 * table["tokens"] ** -0.37
    record = fit(table, bootstrap=30).to_json()
    assert record["status"] == "at_bound"
    assert record["params"]["alpha"] < 0
    assert record["target"]["approach3"]["params"] is None
    assert "alpha is not positive" in record["approach3"]["reason"]


def test_the_lines_of_the_manual(simulate, tmp_path):
    """The API as a user types it, on a file, a pandas and a pyarrow table and arrays alike."""
    arrays = simulate(BUDGETS, noise=0.01)
    frame = pd.DataFrame({"N": arrays["params"], **{k: arrays[k] for k in ("tokens", "loss")}})
    frame.to_csv(tmp_path / "losses.csv", index=False)
    sources = [str(tmp_path / "losses.csv"), frame, pa.Table.from_pandas(frame), dict(frame.items())]
    answers = []
    for source in sources:
        f = fit(source, columns={"params": "N"}, bootstrap=100, diagnostics=False)
        low, high = np.array(f.interval("alpha", 0.9), float)
        assert low < f.params["alpha"] < high
        answers.append((f.predict(params=7e9, tokens=2e12), f.optimum(1e22), f.table().to_pylist()))
        f.save(tmp_path / "fit")
        assert Fit.load(tmp_path / "fit").table() == f.table()
    assert all(answer == answers[0] for answer in answers[1:])


def test_table(found):
    rows = {row["name"]: row for row in found.table().to_pylist()}
    assert list(rows) == ["E", "A", "B", "alpha", "beta", "a", "b", "params", "tokens", "loss"]
    assert rows["alpha"]["value"] == found.params["alpha"]
    assert rows["alpha"]["se"] == found.record["se"]["alpha"]
    assert [rows["a"]["low"], rows["a"]["high"]] == found.interval("a") == found.record["approach3"]["a_interval"]
    best = found.optimum(found.record["target"]["flops"])
    assert [rows["params"]["low"], rows["params"]["high"]] == best.params_interval
    assert rows["loss"]["value"] == best.loss
    assert {row["verdict"] for row in rows.values()} == {"converged"}


def test_both_kinds_of_interval_are_kept(found):
    record = found.to_json()
    assert record["interval_method"] == "adjusted"
    for name in found.params:
        assert record["interval"][name] == found.interval(name)
        assert record["percentile_interval"][name] == found.interval(name, method="percentile")
        assert record["interval"][name] != record["percentile_interval"][name]
    low, high = found.interval("alpha", method="bca")
    assert low < found.params["alpha"] < high


DAMAGE = {
    "cut": lambda fit, lanes: (fit[: len(fit) // 2], lanes),
    "no JSON of ours": lambda fit, lanes: (b'{"model": "gpt"}', lanes),
    "a list": lambda fit, lanes: (b"[1, 2]", lanes),
    "bytes": lambda fit, lanes: (b"\xff\xfe\x00", lanes),
    "another law": lambda fit, lanes: (fit.replace(b'"additive"', b'"quadratic"'), lanes),
    "a null": lambda fit, lanes: (json.dumps({**json.loads(fit), "n": None}).encode(), lanes),
    "lanes cut": lambda fit, lanes: (fit, lanes[:100]),
    "lanes missing": lambda fit, lanes: (fit, None),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_and_foreign_files_are_one_line(found, tmp_path, damage):
    found.save(tmp_path)
    files = [tmp_path / "fit.json", tmp_path / "lanes.parquet"]
    for file, content in zip(files, DAMAGE[damage](*(f.read_bytes() for f in files)), strict=True):
        file.write_bytes(content) if content is not None else file.unlink()
    with pytest.raises(InputError) as error:
        Fit.load(tmp_path)
    assert "\n" not in str(error.value)
    assert str(tmp_path) in str(error.value) or "unknown law" in str(error.value)


def test_lanes_of_another_table_are_noticed(found, tmp_path):
    found.save(tmp_path)
    columns = {name: np.ones(5) for name in ("E", "A", "alpha", "beta")}
    pq.write_table(pa.table(columns), tmp_path / "lanes.parquet")
    with pytest.raises(InputError, match="'B' is missing"):
        Fit.load(tmp_path)
