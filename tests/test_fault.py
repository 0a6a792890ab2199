"""An exception that nobody foresaw: one line and a file for the user, a traceback for tests."""

import json
import re
import tempfile
from pathlib import Path

import pytest

from sweep import cli
from sweep.verbs import doctor


@pytest.fixture
def broken(monkeypatch, tmp_path):
    """A verb that dies of a bug of ours, as users run it."""

    def run(_):
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(doctor, "run", run)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("SWEEP_RAISE")


@pytest.mark.usefixtures("broken")
def test_one_line_a_report_and_exit_code_70(capsys):
    assert cli.main(["doctor"]) == 70
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(
        r"sweep doctor: error: a fault of sweep itself.*: ZeroDivisionError: division by zero; please report it .*\n",
        err,
    )
    text = Path(err.split()[-1]).read_text()
    assert "sweep doctor" in text
    assert "Traceback" in text
    assert re.search(r"^numpy \d", text, re.MULTILINE)


@pytest.mark.usefixtures("broken")
def test_as_json_and_where_no_report_can_be_written(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert cli.main(["doctor", "--json"]) == 70
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["code"] == "Fault"
    assert "no report could be written" in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("broken")
def test_tests_see_the_exception(monkeypatch):
    monkeypatch.setenv("SWEEP_RAISE", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main(["doctor"])
