"""`sweep fit`: options as people write them, text that says what the JSON says, one line for a bad table."""

import json

import numpy as np
import pytest
import tyro

from sweep.errors import InputError, Refusal
from sweep.fit import Fit
from sweep.verbs import fit as verb
from sweep.verbs.fit import Args
from sweep.verbs.table import parse_columns


@pytest.fixture
def table(tmp_path):
    params, tokens = (x.ravel() for x in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e9, 1e11, 5)))
    noise = np.exp(0.005 * np.random.default_rng(0).standard_normal(25))
    loss = (1.8 + 480 * params**-0.35 + 2100 * tokens**-0.37) * noise
    lines = [
        "N,D,val,outlier",
        *(f"{n},{d},{x},0" for n, d, x in zip(params, tokens, loss, strict=True)),
        "1e8,1e9,99,1",
    ]
    (tmp_path / "losses.csv").write_text("\n".join(lines))
    return str(tmp_path / "losses.csv")


def test_command_line(table, tmp_path):
    out = tmp_path / "fit"
    words = [table, "--columns", "params=N", "tokens=D", "loss=val", "--where", "outlier == 0", "--bootstrap", "100"]
    answer = verb.run(tyro.cli(Args, args=[*words, "--out", str(out), "--target-compute", "1e22"]))
    assert answer.code == 0
    assert answer.data["n"] == 25
    assert answer.data["target"]["flops"] == 1e22
    assert Fit.load(out).to_json() == answer.data
    json.dumps(answer.data, allow_nan=False)
    first = answer.text.splitlines()[0]
    assert "25 runs, converged" in first
    assert f"{answer.data['objective']['value']:.9e}" in first
    assert f"{answer.data['params']['alpha']:.5g}" in answer.text
    assert "1 envelope of curves" in answer.text
    assert f"2 isoFLOP parabolas     {answer.data['approach2']['a']:.3f}" in answer.text
    assert str(out) in answer.text
    for warning in answer.data["warnings"]:
        assert warning["message"] in answer.text


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as stop:
        tyro.cli(Args, args=["--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "sweep fit losses.csv --columns params=N" in text
    assert "Residual of ln loss" in text


def test_bad_options(table):
    with pytest.raises(InputError, match="write input=column"):
        parse_columns(("params:N",))
    with pytest.raises(InputError, match="no column 'loss'"):
        verb.run(Args(table))
    names = ("params=N", "tokens=D", "loss=val")
    with pytest.raises(InputError, match="no column 'outlyer'; did you mean 'outlier'"):
        verb.run(Args(table, columns=names, where="outlyer == 0"))
    with pytest.raises(Refusal, match="5 configurations"):
        verb.run(Args(table, columns=names, where="N < 2e7"))
