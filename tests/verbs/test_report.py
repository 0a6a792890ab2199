"""`sweep report`: arguments, output and bad input."""

import pytest
import tyro

from sweep.errors import InputError
from sweep.verbs import report
from tests.report.simulated import build


def test_arguments():
    assert tyro.cli(report.Args, args=["runs/demo"]) == report.Args("runs/demo")
    assert tyro.cli(report.Args, args=["runs/demo", "--out", "x.html"]).out == "x.html"


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        tyro.cli(report.Args, args=["--help"])
    assert "sweep report runs/demo" in capsys.readouterr().out


def test_writes_the_page_and_says_where(tmp_path):
    path = build(tmp_path / "run", ("curves.parquet", "fit/fit.json", "fit/lanes.parquet"))
    output = report.run(report.Args(str(path)))
    assert output.code == 0
    assert output.data == {"report": str(path / "report.html"), "bytes": (path / "report.html").stat().st_size}
    assert str(path / "report.html") in output.text


def test_bad_input_is_one_line_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="no such directory"):
        report.run(report.Args(str(tmp_path / "nowhere")))
    with pytest.raises(InputError, match="not a run directory"):
        report.run(report.Args(str(tmp_path)))
    assert list(tmp_path.iterdir()) == []
