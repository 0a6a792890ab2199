"""The specification curve shows the fits that pass, in order, with the choices of each below it."""

import numpy as np
import pytest

from sweep.fit.multiverse.answers import Answer
from sweep.fit.multiverse.axes import AXES
from sweep.fit.multiverse.record import record_of
from sweep.report import charts, theme
from sweep.report.multiverse_chart import curve_chart, name_of, passing, thinned


def made(law: str, weights: str, params: float, status: str = "passed") -> Answer:
    """An answer with 21 resamples that spread by a factor 2."""
    choices = dict.fromkeys(AXES, "only") | {"law": law, "weights": weights}
    values = np.array([params, 1e24 / 6 / params, 2.0])
    return Answer(choices, status, values, values[:, None] * np.geomspace(0.5, 2, 21))


def record(count: int = 6) -> dict:
    """A record as it is read from a file, with one fit that does not pass."""
    found = [made("ab"[i % 2], ("equal", "by_family")[i // 2 % 2], 1e10 * 1.1**i) for i in range(count)]
    settings = {"target": 1e24, "level": 0.9, "source": "simulated <table>"}
    return record_of([*found, made("a", "equal", 3e11, "at_bound")], 0, settings)


def drawn(chart) -> list[tuple[str, list[dict]]]:
    """(mark, rows) of every layer of both parts."""
    spec = chart.to_dict(validate=False)
    parts = [*spec["vconcat"][0]["layer"], spec["vconcat"][1]]
    return [(part["mark"]["type"], spec["datasets"][part["data"]["name"]]) for part in parts]


def test_dots_are_the_passing_fits_in_order():
    r = record()
    marks = dict(drawn(curve_chart(r, charts.FULL)))
    assert [row["params"] for row in marks["circle"]] == pytest.approx([1e10 * 1.1**i for i in range(6)])
    assert [row["rank"] for row in marks["circle"]] == list(range(6))
    assert [[row["lo"], row["hi"]] for row in marks["rule"]] == [row["params_interval"] for row in passing(r)]
    assert [marks["rect"][0]["lo"], marks["rect"][0]["hi"]] == r["params"]["interval"]


def test_ticks_are_the_choices_of_axes_that_vary():
    marks = dict(drawn(curve_chart(record(), charts.HALF)))
    ticks = {(row["rank"], row["choice"]) for row in marks["tick"]}
    assert len(ticks) == 2 * 6
    assert {choice for _, choice in ticks} == {"a", "b", "equal weights", "by_family weights"}
    assert (1, "b") in ticks
    assert (3, "by_family weights") in ticks
    assert len({row["color"] for row in marks["tick"]}) == 2


def test_long_curves_are_thinned_evenly():
    rows = [{"params": i} for i in range(1001)]
    shown = thinned(rows, 101)
    assert [row["rank"] for row in shown] == list(range(0, 1001, 10))
    assert len(thinned(rows[:50], 101)) == 50


def test_it_can_be_drawn():
    text = theme.svg(curve_chart(record(40), charts.FULL), "m", "what it shows")
    assert text.startswith("<svg")
    assert "by_family weights" in text
    assert name_of("weights", "equal") == "equal weights"
    assert name_of("subset", "all") == "all"


def test_fits_without_resamples():
    bare = [Answer(a.choices, a.status, a.values, np.empty((3, 0))) for a in (made("a", "x", 1e9), made("b", "x", 2e9))]
    marks = dict(drawn(curve_chart(record_of(bare, 0, {"target": 1e22, "level": 0.9}), charts.FULL)))
    assert [row["lo"] for row in marks["rule"]] == [1e9, 2e9]
