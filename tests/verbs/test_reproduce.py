"""`sweep bundle` and `sweep reproduce` on the command line: exit codes, one line a problem."""

import json
import shutil
from pathlib import Path

import pytest

from sweep import cli
from tests.bundle.conftest import fitted, tokens, trained  # noqa: F401 (fixtures)


def call(capsys, *words: str) -> tuple[int, str, str]:
    code = cli.main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def test_a_bundle_reproduces(trained: Path, tmp_path: Path, capsys, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(capsys, "bundle", str(trained))
    assert code == 0
    assert "not known" in out
    assert (tmp_path / "tiny.bundle.tar.gz").exists()
    code, out, _ = call(capsys, "reproduce", "tiny.bundle.tar.gz", "--json")
    data = json.loads(out)
    assert (code, data["reproduced"], data["fits"][0]["status"]) == (0, True, "same")


def test_what_does_not_reproduce_is_exit_2(fitted: Path, tmp_path: Path, capsys):  # noqa: F811
    record = json.loads((fitted / "fit.json").read_text())
    record["params"]["alpha"] += 0.01
    (fitted / "fit.json").write_text(json.dumps(record))
    assert call(capsys, "bundle", str(fitted), "--out", str(tmp_path / "b"))[0] == 0
    code, out, _ = call(capsys, "reproduce", str(tmp_path / "b"))
    assert code == 2
    assert "DIFFERS: params.alpha" in out
    assert out.splitlines()[-1] == "NOT reproduced"


def test_options_that_say_nothing_and_a_bundle_without_a_config(fitted: Path, tmp_path: Path, capsys):  # noqa: F811
    assert call(capsys, "bundle", str(fitted), "--out", str(tmp_path / "b"))[0] == 0
    for words, message in (
        (["--data", "x"], "are of --train"),
        (["--train", "abc"], "nothing to train"),
    ):
        code, _, err = call(capsys, "reproduce", str(tmp_path / "b"), *words)
        assert (code, err.count("\n")) == (1, 1)
        assert message in err


def test_a_bundle_without_a_fit_is_not_said_to_reproduce(trained: Path, tmp_path: Path, capsys):  # noqa: F811
    shutil.copytree(trained, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "fit")
    assert call(capsys, "bundle", str(tmp_path / "run"), "--out", str(tmp_path / "b"))[0] == 0
    code, out, _ = call(capsys, "reproduce", str(tmp_path / "b"))
    assert code == 2
    assert "nothing was repeated" in out
    code, _, err = call(capsys, "reproduce", str(tmp_path / "b"), "--train", "nobody")
    assert code == 1
    assert "no such trial" in err


@pytest.mark.slow
def test_a_ledger_that_was_edited_does_not_reproduce(trained: Path, tmp_path: Path, capsys):  # noqa: F811
    from sweep.plan import forecast

    out = tmp_path / "run"
    shutil.copytree(trained, out)
    for trial in ("a", "b"):
        said = {"params": 1e6, "tokens": 2e7, "loss": 2.0, "interval": [1.9, 2.1], "level": 0.9}
        forecast.write_forecast(out, trial=trial, flops=1e14, prediction=said)
    ledger = out / forecast.FILE
    ledger.write_text(ledger.read_text().replace("2.0,", "2.1,", 1))
    assert call(capsys, "bundle", str(out), "--out", str(tmp_path / "b"))[0] == 0
    code, text, _ = call(capsys, "reproduce", str(tmp_path / "b"))
    assert code == 2
    assert "line 1 was changed" in text
