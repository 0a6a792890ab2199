"""Laws of something else than the loss: fitted to their own column, in their own words, by the same solver."""

import json

import numpy as np
import pyarrow.csv
import pytest
from scipy.optimize import curve_fit

from sweep import cli
from sweep.errors import InputError, Refusal
from sweep.fit import Fit, fit

LOSS_WORDS = ("nats", "loss", "N*", "floor", "backtest", "approach", "isoFLOP")


def simulated(noise=0.1, runs=40, seed=0):
    """Best learning rates and batches of a made-up Step Law."""
    rng = np.random.default_rng(seed)
    params, tokens = 10 ** rng.uniform(7.5, 9.5, runs), 10 ** rng.uniform(9, 11.5, runs)
    lr = 2.0 * params**-0.7 * tokens**0.3 * np.exp(noise * rng.standard_normal(runs))
    batch = 0.6 * tokens**0.57 * np.exp(noise * rng.standard_normal(runs))
    return {"params": params, "tokens": tokens, "lr": lr, "batch_tokens": batch}


def powers(inputs, output):
    """(scale, powers) by least squares in logarithms."""
    design = np.stack([np.ones(len(output)), *map(np.log, inputs)], axis=1)
    ln_scale, *rest = np.linalg.lstsq(design, np.log(output), rcond=None)[0]
    return [np.exp(ln_scale), *rest]


@pytest.mark.parametrize(
    ("law", "inputs", "target"),
    [("step_law", ("params", "tokens"), "lr"), ("step_law_batch", ("tokens",), "batch_tokens")],
)
def test_least_squares_in_logarithms(law, inputs, target):
    table = simulated()
    found = fit(table, law=law, objective="log_mse", bootstrap=0, diagnostics=False)
    expected = powers([table[name] for name in inputs], table[target])
    assert list(found.params.values()) == pytest.approx(expected, rel=1e-6)


def test_squares_of_the_learning_rate_itself():
    table = simulated()
    found = fit(table, law="step_law", objective="mse", bootstrap=0, diagnostics=False)
    start = powers([table["params"], table["tokens"]], table["lr"])
    x = table["params"] / 1e8, table["tokens"] / 1e10
    model = lambda x, scale, p, q: scale * x[0] ** p * x[1] ** q  # noqa: E731
    scale, p, q = curve_fit(
        model, np.stack(x), table["lr"], [start[0] * 1e8 ** start[1] * 1e10 ** start[2], *start[1:]]
    )[0]
    assert found.params["power1"] == pytest.approx(p, rel=1e-5)
    assert found.params["power2"] == pytest.approx(q, rel=1e-5)
    assert found.params["scale"] == pytest.approx(scale / 1e8**p / 1e10**q, rel=1e-4)


def test_no_noise_gives_the_law_back():
    found = fit(simulated(noise=0.0), law="step_law", bootstrap=0, diagnostics=False)
    assert found.params == pytest.approx({"scale": 2.0, "power1": -0.7, "power2": 0.3}, rel=1e-6)
    assert found.status == "converged"


def test_the_record_speaks_of_the_target():
    table = simulated()
    record = fit(table, law="step_law", bootstrap=200).to_json()
    assert record["output"] == "peak learning rate"
    assert [p["lr"] for p in record["points"]] == table["lr"].tolist()
    assert record["range"]["lr"] == [min(table["lr"]), max(table["lr"])]
    assert record["target"]["flops"] is None
    assert {record[f"approach{i}"]["status"] for i in (1, 2)} == {"refused"}
    assert set(record["diagnostics"]) == {"identifiability", "deltas", "suspects", "influence", "residuals"}
    assert not [w for w in record["warnings"] if any(word in w["message"] for word in LOSS_WORDS)]
    rest = {key: record[key] for key in ("points", "range", "diagnostics", "interval", "se")}
    assert '"loss' not in json.dumps(rest)
    for name, value in {"scale": 2.0, "power1": -0.7, "power2": 0.3}.items():
        low, high = record["interval"][name]
        assert low < value < high


def test_a_prediction_has_the_scatter_of_runs():
    """The 90 % interval of one new learning rate: the normal one of a regression, by hand."""
    table = simulated(runs=60)
    found = fit(table, law="step_law", objective="log_mse", bootstrap=1000, diagnostics=False)
    answer = found.predict(3e8, 3e10)
    design = np.stack([np.ones(60), np.log(table["params"]), np.log(table["tokens"])], axis=1)
    at = np.array([1.0, np.log(3e8), np.log(3e10)])
    weights, rest = np.linalg.lstsq(design, np.log(table["lr"]), rcond=None)[:2]
    sd = np.sqrt(rest[0] / 57 * (1 + at @ np.linalg.inv(design.T @ design) @ at))
    assert answer.value == pytest.approx(np.exp(at @ weights), rel=1e-6)
    low, high = answer.interval
    assert low is not None
    assert high is not None
    assert np.log(high / low) == pytest.approx(2 * 1.67 * sd, rel=0.25)
    assert not answer.warnings
    far = fit(simulated(), law="step_law_batch", bootstrap=0, diagnostics=False).predict(tokens=1e14)
    assert [w["code"] for w in far.warnings] == ["input_range"]


@pytest.mark.parametrize(
    ("law", "columns"),
    [
        ("deepseek_lr", {"flops": np.geomspace(1e17, 1e20, 20)}),
        ("minicpm_batch", {"loss": np.linspace(3.5, 2.2, 20)}),
        ("kaplan_cbs", {"loss": np.linspace(3.5, 2.2, 20)}),
        ("zhang_cbs", {"params": np.geomspace(1e8, 1e9, 20)}),
        ("gadre_error", {"loss": np.linspace(4.0, 2.2, 20)}),
        ("deepseek_alloc", {"flops": np.geomspace(1e17, 1e20, 20)}),
    ],
)
def test_published_coefficients_come_back(law, columns):
    from sweep import laws

    form = laws.get(law)
    truth = next(iter(form.published.values())).coefficients
    table = {**columns, form.target: np.asarray(form.loss(truth, *columns.values()))}
    found = fit(table, law=law, bootstrap=50)
    predicted = form.loss(found.coefficients, *columns.values())
    np.testing.assert_allclose(predicted, table[form.target], rtol=1e-5)


def test_refusals_are_in_the_words_of_the_target():
    table = simulated()
    with pytest.raises(Refusal, match=r"every lr is 0.001: .* column of peak learning rate\?"):
        fit({**table, "lr": np.full(40, 1e-3)}, law="step_law")
    with pytest.raises(Refusal, match="their exponents cannot be separated"):
        fit({**table, "tokens": 20 * table["params"]}, law="step_law")
    with pytest.raises(InputError, match="--compute is of laws of the loss"):
        fit(table, law="step_law", target_compute=1e21)


def test_step_law_on_its_own_runs(datasets):
    """Li et al. 2025, arXiv 2503.04715: lr = 1.79 N^-.713 D^.307 and B = .58 D^.571, from these runs and others.

    The best of a coarse grid in 17 configurations tells powers to 0.1 or 0.2, and values to the factor of 1.5 within
    which the loss is flat.
    """
    table = pyarrow.csv.read_csv(datasets / "steplaw_dense.csv").to_pandas().query("best == 1")
    for law, names, published in (
        ("step_law", ("params", "tokens"), (-0.713, 0.307)),
        ("step_law_batch", ("tokens",), (0.571,)),
    ):
        found = fit(datasets / "steplaw_dense.csv", law=law, objective="log_mse", where="best == 1")
        target = found.law.target
        assert list(found.params.values()) == pytest.approx(powers([table[x] for x in names], table[target]), rel=1e-6)
        for name, value in zip(found.law.shape, published, strict=True):
            low, high = found.interval(name)
            assert low is not None
            assert high is not None
            assert low < value < high
        middle = [np.exp(np.log(table[x]).mean()) for x in names]
        theirs = next(iter(found.law.published.values())).coefficients
        ratio = found.law.loss(found.coefficients, *middle) / found.law.loss(theirs, *middle)
        assert 1 / 1.5 < ratio < 1.5


def test_through_the_command_line(tmp_path, capsys):
    table = simulated(runs=20)
    rows = [
        f"{n},{d},{lr * shift},{2 + n**-0.1 + abs(shift - 1) / 9},{int(shift == 1)}"
        for n, d, lr in zip(*(table[x] for x in ("params", "tokens", "lr")), strict=True)
        for shift in (0.5, 1, 2)
    ]
    path, out = tmp_path / "grid.csv", tmp_path / "fit"
    path.write_text("\n".join(["params,tokens,rate,loss,best", *rows]))
    words = ["fit", str(path), "--law", "step_law", "--columns", "lr=rate", "--bootstrap", "100", "--out", str(out)]
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "60 rows hold several values of lr, of different losses, for 20 configurations" in said
    assert '--where "best == 1"' in said
    assert cli.main([*words, "--where", "best == 1"]) == 0
    text = capsys.readouterr().out
    assert "20 runs, converged" in text
    assert "in ln lr\npeak learning rate: " in text
    assert "diagnostics (lr of the largest run)" in text
    assert not [word for word in LOSS_WORDS if word in text]
    assert cli.main(["predict", str(out), "--params", "3e8", "--tokens", "3e10"]) == 0
    text = capsys.readouterr().out
    expected = Fit.load(out).predict(3e8, 3e10)
    assert f"lr {expected.value:.4g} (peak learning rate)   90% interval of one new run [" in text
    assert "nats" not in text
    assert cli.main(["predict", str(out), "--params", "3e8", "--tokens", "3e10", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["lr"], answer["output"], "loss" in answer) == (expected.value, "peak learning rate", False)
    for refused, code in (
        (["forecast", str(out), "--params", "1e9", "--tokens", "1e10"], 1),
        (["forecast", str(out), "--compute", "1e21"], 1),
        (["plan", str(out), "--compute", "1e21"], 1),
        (["suggest", str(out), "--target-compute", "1e23", "--spend", "1e21"], 2),
        (["compare", str(path), "--laws", "additive,step_law"], 1),
        (["backtest", str(path), "--laws", "step_law"], 1),
        (["multiverse", str(path), "--laws", "step_law"], 1),
        (["fit", str(path), "--law", "vocab"], 1),
    ):
        assert cli.main(refused) == code, refused
        said = capsys.readouterr().err
        assert said.count("\n") == 1, said
        assert "step_law" in said or "vocab" in said
