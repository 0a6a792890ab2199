"""The page of a fit of a table: the same page, without what only training has."""

import re

import numpy as np
import pytest

from sweep import cli
from sweep.fit import fit
from sweep.report import page
from sweep.report.load import load
from tests.plan.conftest import small_fit
from tests.report import browser

SECTIONS = ["isoflop", "frontier", "forecast", "law", "bootstrap", "trust", "multiverse", "runs", "provenance"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The directory of a fit, as `sweep fit --out` leaves it."""
    directory = tmp_path_factory.mktemp("table") / "fit"
    small_fit().save(directory)
    return directory


@pytest.fixture(scope="module")
def written(home) -> str:
    return page.html(load(home), "2026-11-30")


def test_the_parts_of_training_are_not_there(written):
    assert re.findall(r'<section id="([a-z-]+)"', written) == SECTIONS
    assert "scaling-law fit" in written
    for word in ("learning rate", "sweep.json", "not recorded", "Traceback", ">nan<", "sweep run"):
        assert word not in written, word


def test_the_numbers_are_those_of_the_fit(home, written):
    record = small_fit().record
    at = record["target"]["approach3"]
    assert f"train {at['params'] / 1e9:.3g}B parameters" in written
    run = load(home)
    assert [row["loss"] for row in run.losses] == [p["loss"] for p in record["points"]]
    assert [row["residual"] for row in run.losses] == [p["residual"] for p in record["points"]]
    assert f"{len(record['points'])} runs in the fit" in written
    assert written.count("<code>run ") == len(record["points"])
    worst = max(record["points"], key=lambda p: abs(p["residual"]))
    assert f"{100 * worst['residual']:+.2f} %" in written


def test_the_verb_writes_it_beside_the_fit_and_takes_its_file_too(home, capsys):
    assert cli.main(["report", str(home)]) == 0
    assert capsys.readouterr().out.strip() == str(home / "report.html")
    assert cli.main(["report", str(home / "fit.json"), "--out", str(home / "other.html")]) == 0
    pages = ((home / name).read_text() for name in ("report.html", "other.html"))
    one, other = (re.sub(r"\d\d:\d\d UTC", "", page.split("<main>")[1][200:]) for page in pages)
    assert one == other
    assert cli.main(["report", str(home.parent)]) == 1
    assert "not a run directory (no sweep.json) and not a fit (no fit.json)" in capsys.readouterr().err


def test_a_ladder_of_compute_without_params_and_tokens_has_a_page(tmp_path):
    flops = np.geomspace(1e18, 1e21, 12)
    fit({"flops": flops, "loss": 1.7 + 2000 * flops**-0.17}, law="power_compute", bootstrap=40, diagnostics=False).save(
        tmp_path
    )
    text = page.html(load(tmp_path), "2026-11-30")
    assert "12 runs in the fit" in text
    assert ">FLOPs</th>" in text.split('id="runs"')[1]
    assert ">N</th>" not in text.split('id="runs"')[1]  # a column that the table has not is not drawn


@browser.needs_browser
@pytest.mark.parametrize("width", [520, 1200])
def test_the_page_draws_with_the_network_off_and_fits_its_window(tmp_path, written, width):
    script = """return {width: document.documentElement.scrollWidth,
      charts: document.querySelectorAll("svg.chart").length,
      paths: document.querySelectorAll("svg.chart path").length};"""
    told, console = browser.told(tmp_path, written, script, width)
    assert console == []
    assert told["width"] <= width
    assert told["charts"] >= 6
    assert told["paths"] > 40
