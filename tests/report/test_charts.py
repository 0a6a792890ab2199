"""Charts show the numbers of the files."""

import re

import pytest

from sweep.report import charts, theme
from sweep.report.points import learning_curves, points
from sweep.report.verdict import budgets


def layers(chart, mark: str) -> list[dict]:
    """The layers drawn with `mark`, each with its rows, as Vega-Lite will see them."""
    spec = chart.to_dict()
    drawn = [layer for layer in spec["layer"] if layer["mark"]["type"] == mark]
    return [{**layer, "rows": spec["datasets"][layer["data"]["name"]]} for layer in drawn]


@pytest.fixture(scope="module")
def isoflop(run):
    return charts.isoflop(points(run), run.fit["approach2"]["families"], charts.FULL)


def test_filled_and_hollow_marks_are_the_trials_none_dropped(run, isoflop):
    (filled,) = layers(isoflop, "circle")
    hollow = [row for layer in layers(isoflop, "point") if not layer["mark"]["filled"] for row in layer["rows"]]
    shown = [p for p in points(run) if p.budget]
    assert len(filled["rows"]) == sum(p.used for p in shown) == 24
    assert len(hollow) == len(shown) - 24


def test_trials_without_a_loss_sit_on_the_top_edge(run, isoflop):
    triangles = [
        r for layer in layers(isoflop, "point") if layer["mark"].get("shape") == "triangle-up" for r in layer["rows"]
    ]
    lost = [p.params for p in points(run) if p.loss is None]
    assert len(lost) == 2
    assert set(lost) <= {row["params"] for row in triangles}
    assert len({row["loss"] for row in triangles}) == 1


def test_the_parabola_passes_through_its_minimum(run, isoflop):
    parabola = next(layer for layer in layers(isoflop, "line") if "color" in layer["encoding"])
    for family in run.fit["approach2"]["families"]:
        color = next(p.color for p in points(run) if p.budget == family["budget"])
        curve = [row for row in parabola["rows"] if row["color"] == color]
        lowest = min(curve, key=lambda row: row["loss"])
        assert lowest["params"] == pytest.approx(family["params"], rel=0.05)
        assert lowest["loss"] == pytest.approx(family["loss"], abs=1e-3)


def test_minima_carry_their_intervals(run, isoflop):
    (bars,) = layers(isoflop, "rule")
    assert [[r["lo"], r["hi"]] for r in bars["rows"]] == [
        f["params_interval"] for f in run.fit["approach2"]["families"]
    ]


def test_a_family_without_a_parabola_keeps_its_points(run):
    family = {"budget": 1e10, "status": "too_few_sizes", "params": None, "coefficients": [None, None, None]}
    chart = charts.isoflop(points(run), [family], charts.HALF)
    assert not layers(chart, "line")
    assert len(layers(chart, "circle")[0]["rows"]) == 24


def test_frontier_lines_have_the_exponent_and_reach_the_target(run):
    chart = charts.frontier(run.fit, "params", budgets(run))
    assert chart is not None
    beyond = next(layer for layer in layers(chart, "line") if layer["rows"][0]["beyond"])
    for k in (1, 2, 3):
        near, far = [row for row in beyond["rows"] if row["shape"] == k]
        assert far["flops"] == run.fit["target"]["flops"]
        assert far["value"] == pytest.approx(run.fit["target"][f"approach{k}"]["params"])
        growth = (far["value"] / near["value"]) == pytest.approx(
            (far["flops"] / near["flops"]) ** run.fit[f"approach{k}"]["a"]
        )
        assert growth


def test_no_approach_no_frontier(run):
    assert charts.frontier({}, "params", budgets(run)) is None


def test_learning_curves_are_the_validation_points(run):
    chart = charts.learning_curves(learning_curves(run), points(run), run.fit["approach1"]["frontier"], charts.FULL)
    lines, envelope = layers(chart, "line")
    losses = {c["loss"] for c in run.curves if c["loss"]}
    assert {row["loss"] for row in lines["rows"]} <= losses
    assert {row["trial"] for row in lines["rows"]} == {p.trial for p in points(run) if p.loss is not None}
    assert len(envelope["rows"]) == len(run.fit["approach1"]["frontier"])


def test_every_colour_of_a_chart_has_a_dark_counterpart(isoflop):
    text = theme.svg(isoflop, "x", "")
    used = set(re.findall(r'(?:fill|stroke)="(#\w+)"', text))
    assert used
    assert used <= set(theme.LIGHT_TO_DARK)
