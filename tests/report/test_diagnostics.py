"""Charts of trust show the numbers of the files."""

import dataclasses

import pytest

from sweep.report import diagnostics
from sweep.report.points import cells, forecasts, optima, points, residuals
from tests.report.test_charts import layers


@pytest.mark.parametrize("against", ["predicted", "budget", "tokens_per_param"])
def test_residuals_show_every_fitted_trial(run, against):
    (dots,) = layers(diagnostics.residual_chart(residuals(run), against), "circle")
    assert len(dots["rows"]) == run.fit["n"]
    lo, hi = dots["encoding"]["y"]["scale"]["domain"]
    assert lo == -hi  # an even axis: a bias is seen as one


def test_residuals_of_a_perfect_fit_still_draw(run):
    rows = [{**row, "excess": 0.0} for row in residuals(run)]
    (dots,) = layers(diagnostics.residual_chart(rows, "predicted"), "circle")
    assert dots["encoding"]["y"]["scale"]["domain"] == [-1.0, 1.0]


def test_the_cloud_is_thinned_and_holds_the_fit(run):
    many = run.lanes * 5
    chart = diagnostics.exponent_cloud(many, run.fit)
    (cloud,), (cross,) = layers(chart, "circle"), layers(chart, "point")
    assert 400 <= len(cloud["rows"]) <= diagnostics.CLOUD
    assert cross["rows"] == [{"alpha": run.fit["params"]["alpha"], "beta": run.fit["params"]["beta"]}]


def test_the_histogram_counts_the_lanes(run):
    sizes, at = optima(run), run.fit["target"]["approach3"]
    chart = diagnostics.optimum_histogram(sizes, at["params"], at["params_interval"])
    (bars,) = layers(chart, "rect")
    tallied = sum(row["n"] for row in bars["rows"])
    assert 0.97 * len(sizes) <= tallied <= len(sizes)  # the axis spans the middle 99 percent
    assert [rule["rows"][0]["at"] for rule in layers(chart, "rule")] == [at["params"], *at["params_interval"]]


def test_a_histogram_without_an_interval(run):
    chart = diagnostics.optimum_histogram([2e4] * 50, 2e4, [None, None])
    assert len(layers(chart, "rule")) == 1
    assert sum(row["n"] for row in layers(chart, "rect")[0]["rows"]) == 50


def test_an_outcome_outside_its_interval_is_alarming(run):
    colors = {}
    for inside in (True, False):
        ledger = [{**line, "inside": inside} if line["kind"] == "outcome" else line for line in run.ledger]
        chart = diagnostics.forecast_chart(forecasts(dataclasses.replace(run, ledger=ledger)), 740)
        (diamond,) = layers(chart, "point")
        colors[inside] = diamond["rows"][0]["color"]
        assert diamond["rows"][0]["loss"] == run.ledger[1]["loss"]
    assert colors[True] != colors[False]


def test_learning_rates_draw_every_trial_of_every_cell(run):
    chart = diagnostics.learning_rate_chart(cells(run), 740)
    (done,) = layers(chart, "circle")
    hollow = [row for layer in layers(chart, "point") for row in layer["rows"]]
    assert len(done["rows"]) + len(hollow) == sum(1 for p in points(run) if p.budget)
    assert sum(row["above"] == 0 for row in done["rows"]) == 24  # one best a cell
    assert {row["lr"] for row in done["rows"]} == {0.5, 1.0, 2.0}
