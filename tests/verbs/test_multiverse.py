"""`sweep multiverse`: options as people write them, files, the page, and what a stop leaves."""

import json

import numpy as np
import pytest
import tyro

from sweep import cli
from sweep.errors import InputError
from sweep.fit.multiverse.axes import label
from sweep.verbs import multiverse as verb
from sweep.verbs.multiverse import Args, axes_of, split

CUT = ["--laws", "additive", "--objectives", "huber,log_mse", "--deltas", "1e-3", "--subsets", "all,late,early",
       "--weights", "equal,by_compute", "--resamples", "20"]  # fmt: skip


@pytest.fixture
def table(tmp_path):
    params, tokens = (x.ravel() for x in np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(1e9, 1e11, 6)))
    noise = np.exp(0.003 * np.random.default_rng(0).standard_normal(36))
    loss = (1.8 + 480 * params**-0.35 + 2100 * tokens**-0.37) * noise
    lines = ["N,D,val", *(f"{n},{d},{x}" for n, d, x in zip(params, tokens, loss, strict=True))]
    (tmp_path / "losses.csv").write_text("\n".join(lines))
    return str(tmp_path / "losses.csv")


def test_command_line(table, tmp_path, capsys):
    columns = ["--columns", "params=N", "tokens=D", "loss=val"]
    out, page = tmp_path / "out", tmp_path / "page.html"
    words = [table, *columns, *CUT, "--target-compute", "1e22", "--out", str(out), "--html", str(page)]
    assert cli.main(["multiverse", *words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["specifications"] == 2 * 3 * 2
    assert data["target"] == 1e22
    assert json.loads((out / "multiverse.json").read_text()) == data
    assert {"multiverse.parquet", "multiverse.csv"} <= {p.name for p in out.iterdir()}
    assert data["verdict"] in page.read_text()
    assert {"specifications", "params", "tokens", "loss", "drivers", "passed"} <= set(data)


def test_text_says_what_the_json_says(table):
    args = tyro.cli(Args, args=[table, "--columns", "params=N", "tokens=D", "loss=val", *CUT])
    answer = verb.run(args)
    text, data = answer.text, answer.data
    assert answer.code == 0
    assert text.splitlines()[0] == data["verdict"]
    assert f"36 runs, 12 specifications, {data['passed']} pass" in text
    for row in data["drivers"]:
        assert f"{row['axis']:12s}{row['params']:5.0%}" in text
    assert f"{data['timing']['lanes']:,} lanes" in text


def test_an_interrupt_ends_with_code_3(table, monkeypatch):
    class Stop(verb.Meter):
        def __call__(self, done, of):
            if done > of / 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(verb, "Meter", Stop)
    answer = verb.run(tyro.cli(Args, args=[table, "--columns", "params=N", "tokens=D", "loss=val", *CUT]))
    assert answer.code == 3
    assert "warning partial: interrupted" in answer.text


def test_axes():
    axes = axes_of(tyro.cli(Args, args=["t.csv", "--laws", "additive,gamma", "--deltas", "1e-4", "0.1"]))
    assert axes.laws == ("additive", "gamma")
    assert [label(o) for o in axes.chosen_objectives][:2] == ["huber 0.0001", "huber 0.1"]
    assert axes.resamples == 200
    with pytest.raises(InputError, match="--deltas small"):
        axes_of(tyro.cli(Args, args=["t.csv", "--deltas", "small"]))


def test_lists():
    assert split(("a,b", "c", "params in (1, 2)", "d, e")) == ("a", "b", "c", "params in (1, 2)", "d", "e")
    assert split(()) == ()


def test_one_line_for_a_choice_that_is_none(table, capsys):
    words = [table, "--columns", "params=N", "tokens=D", "loss=val", "--subsets", "biggest"]
    assert cli.main(["multiverse", *words]) == 1
    assert capsys.readouterr().err.count("\n") == 1
