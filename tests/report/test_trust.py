"""The section on trust says what the diagnostics say, and stands on whatever a file holds."""

import dataclasses
import json

import pytest

from sweep.fit.diagnostics.words import words
from sweep.report import numbers, trust
from tests.report.test_page import Page


def seen(run, **diagnostics) -> Page:
    """The section alone, with blocks of the diagnostics replaced."""
    fit = {**run.fit, "diagnostics": {**run.fit["diagnostics"], **diagnostics}}
    return Page(trust.trust(dataclasses.replace(run, fit=fit)))


def test_every_line_and_every_origin_is_there(run):
    page = seen(run)
    assert page.open == []
    text = page.sections["trust"]
    for name, line in words(run.fit["diagnostics"], numbers.count).items():
        assert name in text
        assert line in text
    for origin in run.fit["diagnostics"]["backtest"]["origins"]:
        assert any(f"{origin['inside']} of {origin['held_out']}" in row for row in page.cells)
    for name in ("answers", "floor", "floor-answer", "backtest", "groups-flops", "groups-tokens-per-param"):
        assert f'id="figure-{name}"' in trust.trust(run)


def test_influential_runs_and_suspects_are_listed(run):
    entry = run.fit["diagnostics"]["influence"]["params"][0]
    suspects = {"status": "ok", "limit": 4.0, "residual_sd": 0.004, "params_factor": 0.8, "loss_change": 0.01,
                "rows": [{"row": 7, "trial": "abc", "residual": 0.1, "sd": 25.0}]}  # fmt: skip
    cells = seen(run, suspects=suspects).cells
    assert ["row 7", "suspect", "+25.0 sd", "abc"] in cells
    assert any(row[:2] == [f"row {entry['rows'][0]}", "influence"] for row in cells)


def test_no_answer_says_why(run):
    page = seen(run, backtest={"status": "no_answer", "reason": "nothing to leave out"})
    assert "no answer: nothing to leave out" in page.sections["trust"]
    assert "incomplete" not in page.sections["trust"]


@pytest.mark.parametrize("name", ["floor", "backtest", "residuals", "influence", "deltas"])
def test_a_damaged_diagnostic_is_one_line(run, name):
    page = seen(run, **{name: {"status": "ok"}})
    assert page.open == []
    assert "incomplete in fit.json" in page.sections["trust"]


def test_an_undiagnosed_fit_names_the_command(run):
    fit = {key: value for key, value in run.fit.items() if key != "diagnostics"}
    page = Page(trust.trust(dataclasses.replace(run, fit=fit)))
    assert f"sweep fit {run.path}" in page.sections["trust"]


def test_the_simulated_diagnostics_are_plain_json(run):
    assert json.loads(json.dumps(run.fit["diagnostics"], allow_nan=False)) == run.fit["diagnostics"]
