"""`sweep forecast`, `score`, `list` and `verify`: written before, scored after, and an edit is named."""

import json

import numpy as np
import pytest

from sweep.cli import main
from sweep.fit import Fit, fit
from sweep.laws import additive
from sweep.tables import io
from sweep.tables.schema import table_of

LAW = additive.PUBLISHED["besiroglu"].coefficients


@pytest.fixture(scope="module")
def fitted() -> Fit:
    rng = np.random.default_rng(2)
    params, tokens = 10 ** rng.uniform(8, 9.5, 30), 10 ** rng.uniform(9.5, 11, 30)
    loss = additive.loss(LAW, params, tokens) * np.exp(0.005 * rng.standard_normal(30))
    table = {"params": params, "tokens": tokens, "loss": loss}
    return fit(table, bootstrap=100, diagnostics=False)


@pytest.fixture
def home(fitted, tmp_path):
    """A directory of a fit."""
    fitted.save(tmp_path / "fit")
    return tmp_path / "fit"


@pytest.fixture
def run(fitted, tmp_path):
    """A sweep's directory with its fit."""
    fitted.save(tmp_path / "run" / "fit")
    (tmp_path / "run" / "sweep.json").write_text("{}")
    return tmp_path / "run"


def ask(capsys, *words) -> tuple[int, dict]:
    code = main(["forecast", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def say(capsys, *words) -> tuple[int, str]:
    code = main(["forecast", *map(str, words)])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out + captured.err


def big(capsys, home, *words) -> dict:
    code, data = ask(capsys, home, "--params", 1e10, "--tokens", 1e12, *words)
    assert code == 0
    return data


def test_a_forecast_is_what_the_fit_predicts(capsys, home, fitted):
    data = big(capsys, home, "--name", "big")
    expected = fitted.predict(1e10, 1e12)
    assert (data["loss"], data["interval"], data["level"]) == (expected.loss, expected.interval, 0.9)
    assert data["flops"] == pytest.approx(6e22)
    assert (data["trial"], data["reach"], data["repeats"], data["line"]) == ("big", "extrapolation", 0, 1)
    line = json.loads((home / "forecast.jsonl").read_text())
    assert line == {key: data[key] for key in line}
    code, out = say(capsys, home, "--params", "1e10", "--tokens", "1e12", "--name", "big")  # asked again: the same
    assert code == 0
    assert f"forecast {data['id']} big" in out
    assert "extrapolation: outside the fitted runs" in out
    assert f"line 1, hash {data['hash']}" in out
    assert len((home / "forecast.jsonl").read_text().splitlines()) == 1


def test_a_point_inside_the_fitted_runs_is_interpolation(capsys, home, fitted):
    code, data = ask(capsys, home, "--params", 1e9, "--tokens", 2e10)
    assert (code, data["reach"]) == (0, "interpolation")
    point = fitted.record["points"][3]
    _, out = say(capsys, home, "--params", point["params"], "--tokens", point["tokens"])
    assert "interpolation: inside the fitted runs" in out
    assert "the fit holds 1 runs of this very size" in out


def test_the_optimum_of_a_budget(capsys, home, fitted):
    _, data = ask(capsys, home, "--compute", 1e23, "--level", 0.5)
    best = fitted.optimum(1e23)
    assert (data["params"], data["tokens"]) == (round(best.params), round(best.tokens))
    assert data["level"] == 0.5
    assert data["interval"] == fitted.predict(data["params"], data["tokens"], 0.5).interval


def test_the_ledger_of_a_sweep_lies_in_its_directory(capsys, run):
    big(capsys, run, "--name", "a")
    big(capsys, run / "fit", "--name", "b")
    big(capsys, run / "fit" / "fit.json", "--name", "c")
    assert [json.loads(x)["trial"] for x in (run / "forecast.jsonl").read_text().splitlines()] == ["a", "b", "c"]


def test_given_outcomes_are_scored_once(capsys, home):
    line = big(capsys, home, "--name", "big")
    loss = line["loss"] + 0.001
    code, data = ask(capsys, "score", home, "--trial", "big", "--loss", loss, "--loss-se", 0.002)
    assert code == 0
    assert data["outcomes"][0]["error"] == pytest.approx(0.001)
    assert data["outcomes"][0]["inside"] is True
    assert data["calibration"]["extrapolation"]["inside"] == 1
    assert ask(capsys, "score", home, "--id", line["id"], "--loss", loss)[1]["outcomes"] == data["outcomes"]
    code, out = say(capsys, "score", home, "--id", line["id"], "--loss", 3)
    assert code == 1
    assert "an outcome is written once" in out
    assert len((home / "forecast.jsonl").read_text().splitlines()) == 2


def test_a_run_that_diverged_is_written_and_not_scored(capsys, home):
    big(capsys, home)
    code, out = say(capsys, "score", home, "--status", "diverged")
    assert code == 0
    assert "ended as diverged: not scored" in out
    assert "none of 1 forecasts has a score yet" in out


def test_a_sweep_scores_by_its_own_table(capsys, run):
    names = ("named", "bad", "elsewhere", "waiting")
    said = {name: big(capsys, run, "--name", name) for name in names}
    by_size = ask(capsys, run, "--params", 2e10, "--tokens", 1e12)[1]
    rows = [
        {"trial": "named", "status": "done", "loss": said["named"]["loss"] + 1, "loss_se": 0.01, "tokens": 1},
        {"trial": "bad", "status": "diverged", "tokens": 1},
        {"trial": "waiting", "status": "partial", "loss": 3.0, "tokens": 1},
        {"trial": "x", "status": "done", "loss": by_size["loss"], "params_with_head": 20_010_000_000, "tokens": 10**12},
    ]
    io.write(table_of(rows), run / "losses.parquet")
    code, data = ask(capsys, "score", run)
    assert code == 0
    scored = {o["trial"]: (o["status"], o["inside"]) for o in data["outcomes"]}
    assert scored == {"named": ("done", False), "bad": ("diverged", None), "x": ("done", True)}
    assert {o["trial"]: o["reason"] for o in data["open"]} == {
        "elsewhere": "no run of the table is its run",
        "waiting": "its run has not ended",
    }
    found = data["calibration"]["extrapolation"]
    assert [found[k] for k in ("forecasts", "open", "unscored", "scored", "inside", "fits")] == [5, 2, 1, 2, 1, 1]
    assert ask(capsys, "score", run)[1]["outcomes"] == []  # nothing new


def test_the_run_that_decides_the_demo_is_found(capsys, run):
    big(capsys, run, "--name", "decider")
    io.write(table_of([{"trial": "decider", "status": "done", "loss": 2.0}]), run / "forecast" / "losses.parquet")
    (run / "forecast" / "sweep.json").write_text("{}")
    assert ask(capsys, "score", run)[1]["outcomes"][0]["loss"] == 2.0


def test_an_edited_line_is_named_and_refused(capsys, home):
    big(capsys, home, "--name", "a")
    kept = big(capsys, home, "--name", "b")["hash"]
    code, out = say(capsys, "verify", home, "--kept", kept[:16])
    assert code == 0
    assert "no line was edited" in out
    file = home / "forecast.jsonl"
    whole = file.read_text()
    file.write_text(whole.replace('"loss": ', '"loss": 1', 1))
    code, data = ask(capsys, "verify", home)
    assert (code, data["intact"], [p["line"] for p in data["problems"]]) == (2, False, [1])
    code, out = say(capsys, "score", home, "--trial", "b", "--loss", 2)
    assert code == 2
    assert "refused (broken_chain)" in out
    assert "line 1 was changed after it was written" in out
    assert say(capsys, home, "--params", 1e10, "--tokens", 1e12)[0] == 2
    code, out = say(capsys, "list", home)
    assert code == 2
    assert "line 1 was changed" in out
    assert kept[:12] not in out.split("head")[0]
    file.write_text(whole.splitlines(keepends=True)[0])
    assert say(capsys, "verify", home)[0] == 0  # the chain alone cannot know
    code, out = say(capsys, "verify", home, "--kept", kept)
    assert code == 2
    assert f"no line has the hash {kept}" in out


def test_the_list_shows_every_forecast(capsys, home):
    line = big(capsys, home, "--name", "big")
    ask(capsys, home, "--params", 1e9, "--tokens", 2e10)
    ask(capsys, "score", home, "--trial", "big", "--loss", line["loss"])
    code, out = say(capsys, "list", home)
    assert code == 0
    assert "outcome" in out
    assert "+0.0000, inside" in out
    assert "interpolation: none of 1 forecasts has a score yet" in out
    assert ask(capsys, "list", home)[1]["head"] in out


def test_an_old_ledger_says_what_it_is(capsys, home):
    old = {"kind": "forecast", "id": "f1", "date": "2026-03-01", "trial": "old", "flops": 1e22, "params": 1e9}
    old |= {"tokens": 1e12, "loss": 2.0, "interval": [1.9, 2.1], "level": 0.9, "law": "additive"}
    (home / "forecast.jsonl").write_text(json.dumps(old) + "\n")
    for verb in ("list", "verify"):
        code, out = say(capsys, verb, home)
        assert code == 0
        assert "the first 1 lines were written before ledgers had hashes" in out
    code, data = ask(capsys, "score", home, "--trial", "old", "--loss", 2.05)
    assert (code, data["calibration"]["unknown"]["inside"]) == (0, 1)
    (home / "forecast.jsonl").write_text((home / "forecast.jsonl").read_text().replace("1.9", "1.8"))
    assert ask(capsys, "verify", home)[1]["problems"][0]["line"] == 2


def test_a_fit_that_did_not_converge_foretells_nothing(capsys, home):
    record = json.loads((home / "fit.json").read_text())
    (home / "fit.json").write_text(json.dumps(record | {"status": "not_converged"}))
    code, out = say(capsys, home, "--params", 1e10, "--tokens", 1e12)
    assert code == 2
    assert "refused (no_forecast)" in out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nowhere", "--params", "1e9", "--tokens", "1e10"], "no fit.json here"),
        (["FIT", "--params", "1e9"], "give --params and --tokens, or --compute alone"),
        (["FIT", "--params", "1e9", "--tokens", "1e10", "--compute", "1e20"], "or --compute alone"),
        (["FIT", "--params", "-1", "--tokens", "1e10"], "not negative"),
        (["FIT", "--params", "1e9", "--tokens", "1e10", "--level", "90"], "within (0, 1)"),
        (["FIT", "--params", "1e9", "--tokens", "1e10", "--name", " "], "--trial is empty"),
        (["list", "FIT"], "no forecasts yet"),
        (["verify", "FIT"], "no forecasts yet"),
        (["score", "FIT", "--loss", "2"], "no forecast here"),
    ],
)
def test_bad_questions_are_one_line(capsys, home, words, why):
    code, out = say(capsys, *(str(home) if w == "FIT" else w for w in words))
    assert code == 1
    assert why in out
    assert out.count("\n") == 1
    assert not (home / "forecast.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--loss", "2"], "of which forecast? --id"),
        (["--trial", "c", "--loss", "2"], "no forecast 'c'"),
        (["--trial", "a"], "no loss table of a sweep here"),
        (["--trial", "a", "--loss", "-2"], "positive"),
        (["--trial", "a", "--loss", "nan"], "positive"),
        (["--trial", "a", "--loss", "2", "--loss-se", "-1"], "--loss-se"),
        (["--trial", "a", "--loss", "2", "--status", "diverged"], "has no --loss"),
    ],
)
def test_bad_scores_are_one_line(capsys, home, words, why):
    big(capsys, home, "--name", "a")
    big(capsys, home, "--name", "b")
    code, out = say(capsys, "score", home, *words)
    assert code == 1
    assert why in out
    assert out.count("\n") == 1


def test_a_name_is_one_run(capsys, home):
    big(capsys, home, "--name", "a")
    code, out = say(capsys, home, "--params", 2e10, "--tokens", 1e12, "--name", "a")
    assert code == 1
    assert "a forecast is made once, choose another --trial" in out
