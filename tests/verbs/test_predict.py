"""`sweep predict`: from a fit or from published coefficients, with what it cannot know."""

import json

import numpy as np
import pytest

from sweep.cli import main
from sweep.fit import fit
from sweep.laws import additive


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    out, rng = tmp_path_factory.mktemp("saved"), np.random.default_rng(2)
    params, tokens = 10 ** rng.uniform(8, 9.5, 30), 10 ** rng.uniform(9.5, 11, 30)
    law = additive.PUBLISHED["besiroglu"].coefficients
    loss = additive.loss(law, params, tokens) * np.exp(0.005 * rng.standard_normal(30))
    found = fit({"params": params, "tokens": tokens, "loss": loss}, bootstrap=100, diagnostics=False)
    found.save(out / "fit")
    return out / "fit", found


def ask(capsys, *words):
    code = main(["predict", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("file", ["", "fit.json"])
def test_a_fit_answers_as_in_memory(saved, capsys, file):
    path, found = saved
    code, data = ask(capsys, path / file, "--params", 1e9, "--tokens", 2e13)
    expected = found.predict(1e9, 2e13)
    assert code == 0
    assert (data["loss"], data["interval"]) == (expected.loss, expected.interval)
    assert data["extrapolation"] == expected.extrapolation
    assert {w["code"] for w in data["warnings"]} == {"extrapolation", "tokens_per_param"}
    assert main(["predict", str(path), "--params", "1e9", "--tokens", "2e13"]) == 0
    text = capsys.readouterr().out
    assert f"loss {expected.loss:.4f} nats/token   90% interval of one new run" in text
    assert "beyond the largest D/N seen" in text


def test_published_coefficients_give_a_point_and_say_so(capsys):
    code, data = ask(capsys, "besiroglu", "--params", 7e9, "--tokens", 2e12)
    law = additive.PUBLISHED["besiroglu"].coefficients
    assert code == 0
    assert data["loss"] == pytest.approx(additive.loss(law, 7e9, 2e12), rel=1e-12)
    assert data["interval"] == [None, None]
    assert data["extrapolation"] == pytest.approx(
        {"compute": 6 * 7e9 * 2e12 / 1.3e22, "tokens_per_param": 1.0}, rel=0.01
    )
    assert [w["code"] for w in data["warnings"]] == ["no_interval"]
    code, data = ask(capsys, "kaplan", "--params", 7e9, "--tokens", 2e12)  # nobody has said on which runs
    assert data["extrapolation"] == {"compute": None, "tokens_per_param": None}
    assert "no fitted range" in data["warnings"][0]["message"]


@pytest.mark.parametrize(
    ("law", "words", "line"),
    [
        ("besiroglu", ["100M", "20B"], "inside the fitted range"),
        ("besiroglu", ["8B", "15T"], "beyond the fitted range: 55.4 times its largest compute, 5.5 times outside its"),
        ("besiroglu", ["1e4", "1e6"], "beyond the fitted range: 23,300,000 times below its smallest compute"),
        (
            "muennighoff_repeated",
            ["7B", "2e11", "--input", "unique_tokens=1e7"],
            "beyond the fitted range: 2.22 times its most passes over unique tokens",
        ),
    ],
)
def test_how_far_a_run_lies_is_said_in_times(capsys, law, words, line):
    params, tokens, *rest = words
    assert main(["predict", law, "--params", params, "--tokens", tokens, *rest]) == 0
    text = capsys.readouterr().out
    assert line in text
    assert "e+0" not in text.split("\n")[2]
    assert "e-0" not in text.split("\n")[2]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nowhere", "--params", "1e9", "--tokens", "1e10"], "no published coefficients of that id"),
        (["hoffmann", "--params", "-1", "--tokens", "1e10"], "--params -1: it must be a number, and not negative"),
        (["hoffmann", "--params", "1e9", "--tokens", "nan"], "--tokens nan: it must be a number"),
        (["hoffmann", "--params", "1e9"], "tokens"),
    ],
)
def test_bad_questions_are_one_line(capsys, words, why):
    assert main(["predict", *words]) == 1
    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1
    assert "Traceback" not in said


def test_a_bad_level_is_one_line(saved, capsys):
    assert main(["predict", str(saved[0]), "--params", "1e9", "--tokens", "1e10", "--level", "90"]) == 1
    assert "within (0, 1)" in capsys.readouterr().err
