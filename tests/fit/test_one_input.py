"""A law of compute alone, on ladders of FLOPs and loss: prediction, forecast and arms without params and tokens."""

import json

import numpy as np
import pytest

from sweep.cli import main
from sweep.fit import fit
from sweep.fit.arms import compare_arms
from sweep.laws.power_compute import PowerCompute, loss

TRUTH, WORTH = PowerCompute(1.7, 120.0, 0.1), 1.5
FLOPS = np.geomspace(1e18, 1e21, 14)


def ladder(worth=1.0, seed=0):
    noise = np.exp(0.002 * np.random.default_rng(seed).standard_normal(len(FLOPS)))
    return {"flops": FLOPS, "loss": loss(TRUTH, FLOPS * worth) * noise}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    found = fit(ladder(), law="power_compute", bootstrap=100, diagnostics=False)
    out = tmp_path_factory.mktemp("ladder")
    found.save(out)
    return str(out), found


def test_a_fit_answers_at_its_target(saved):
    _, found = saved
    at = found.record["target"]["approach3"]
    assert (at["params"], at["tokens"]) == (None, None)
    assert at["loss"] == pytest.approx(loss(TRUTH, 1e22), rel=0.02)
    assert at["loss_interval"][0] < at["loss"] < at["loss_interval"][1]


def test_predictions_by_compute(saved, capsys):
    path, found = saved
    assert main(["predict", path, "--compute", "3e19", "--json"]) == 0
    near = json.loads(capsys.readouterr().out)
    assert near["loss"] == pytest.approx(loss(TRUTH, 3e19), rel=0.003)
    assert near["warnings"] == []
    assert main(["predict", path, "--compute", "1e23"]) == 0
    text = capsys.readouterr().out
    assert f"loss {found.predict(flops=1e23).loss:.4f} nats/token" in text
    assert "beyond the fitted range: 100 times its largest compute" in text
    assert "warning extrapolation" in text
    assert main(["predict", "besiroglu", "--compute", "1e22"]) == 1
    assert "sweep plan besiroglu --compute" in capsys.readouterr().err


def test_a_forecast_by_compute_is_written_and_scored(saved, capsys):
    path, found = saved
    assert main(["forecast", path, "--compute", "1e23", "--trial", "big", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["params"], line["tokens"], line["flops"], line["reach"]) == (None, None, 1e23, "extrapolation")
    assert line["loss"] == found.predict(flops=1e23).loss
    assert main(["forecast", path, "--compute", "2e23", "--trial", "big"]) == 1
    assert "stands since" in capsys.readouterr().err
    assert main(["forecast", path, "--compute", f"{FLOPS[3]}"]) == 0
    assert "interpolation: inside the fitted runs" in capsys.readouterr().out
    assert main(["forecast", "score", path, "--trial", "big", "--loss", f"{loss(TRUTH, 1e23)}"]) == 0
    assert main(["forecast", "list", path]) == 0
    assert "big: 1e+23 FLOPs, extrapolation" in capsys.readouterr().out


def test_arms_by_compute():
    """The same curve reached with two thirds of the compute."""
    parts = [ladder(), ladder(WORTH, seed=1)]
    table = {name: np.concatenate([p[name] for p in parts]) for name in ("flops", "loss")}
    table["arm"] = np.repeat(["plain", "sparse"], len(FLOPS))
    data = compare_arms(table, "arm", law="power_compute", count=60)
    (pair,) = data["pairs"]
    low, high = pair["target"]["interval"]
    assert pair["arm"] == "sparse"
    assert low < WORTH < high < 1.2 * low
    assert [a["flops_per_param_token"] for a in data["arms"]] == [None, None]
    same = {**table, "loss": np.concatenate([p["loss"] for p in (ladder(), ladder(seed=1))])}
    assert "tie" in compare_arms(same, "arm", law="power_compute", count=60)["verdict"]
