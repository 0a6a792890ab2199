"""Charts of the diagnostics show the numbers of the file."""

import math

import pytest

from sweep.report import theme, trust_charts
from tests.report.test_charts import layers


def test_every_way_of_asking_has_its_line(run):
    rows = trust_charts.answers(run.fit)
    labels = [row["label"] for row in rows]
    assert labels[:4] == ["the fit", "approach 1", "approach 2", "huber 0.0001"]
    assert len(set(labels)) == len(labels)
    by = {row["label"]: row for row in rows}
    deltas = {r["objective"]: r for r in run.fit["diagnostics"]["deltas"]["rows"]}
    assert by["mse"]["params"] == deltas["mse"]["params"]
    first = run.fit["diagnostics"]["influence"]["params"][0]
    left_out = by[f"without row {first['rows'][0]}"]["params"]
    assert left_out == pytest.approx(first["params_factor"] * run.fit["target"]["approach3"]["params"])
    (dots,) = layers(trust_charts.answers_chart(rows, 740), "circle")
    assert [row["params"] for row in dots["rows"]] == [row["params"] for row in rows]


def test_the_band_is_the_interval_of_the_fit(run):
    (band,) = layers(trust_charts.answers_chart(trust_charts.answers(run.fit), 740), "rect")
    assert [band["rows"][0]["lo"], band["rows"][0]["hi"]] == run.fit["target"]["approach3"]["params_interval"]


def test_near_ties_are_alarming(run):
    fit = {"diagnostics": {"identifiability": {"near_ties": [{"params": 5e4}]}}, "target": run.fit["target"]}
    (dots,) = layers(trust_charts.answers_chart(trust_charts.answers(fit), 740), "circle")
    assert [row["color"] for row in dots["rows"]][-1] == theme.ALARM


def test_the_profile_has_its_least_at_the_estimate(run):
    floor = run.fit["diagnostics"]["floor"]
    (dots,) = layers(trust_charts.floor_chart(floor), "circle")
    assert min(dots["rows"], key=lambda row: row["rise"])["E"] == floor["E"]
    (band,) = layers(trust_charts.floor_chart(floor), "rect")
    assert [band["rows"][0]["lo"], band["rows"][0]["hi"]] == floor["interval"]
    (sizes,) = layers(trust_charts.floor_answer_chart(floor), "circle")
    assert {row["params"] for row in sizes["rows"]} <= {row["params"] for row in floor["profile"]}


def test_misses_of_the_backtest_are_red(run):
    block = run.fit["diagnostics"]["backtest"]
    (dots,) = layers(trust_charts.backtest_chart(block["points"], 1.6448536, 740), "circle")
    assert len(dots["rows"]) == block["held_out"]
    assert sum(row["color"] == theme.ALARM for row in dots["rows"]) == block["held_out"] - block["inside"]


def test_runs_of_one_budget_stand_side_by_side():
    factors = [3.0, 3.001, 9.0, 3.002]
    moved = trust_charts.side_by_side(factors)
    assert moved[2] == 9.0
    assert moved[0] < moved[1] < moved[3]
    assert math.log(moved[3] / 3.0) == pytest.approx(-math.log(moved[0] / 3.0), abs=1e-2)


@pytest.mark.parametrize("by", ["flops", "params", "tokens_per_param"])
def test_group_means_with_two_errors(run, by):
    groups = run.fit["diagnostics"]["residuals"][by]["groups"]
    (dots,) = layers(trust_charts.group_chart(groups, by), "circle")
    assert [row["mean"] for row in dots["rows"]] == pytest.approx([100 * g["mean"] for g in groups])
    assert dots["rows"][0]["hi"] - dots["rows"][0]["mean"] == pytest.approx(200 * (groups[0]["se"] or 0))
