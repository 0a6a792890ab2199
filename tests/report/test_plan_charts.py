"""Charts of a plan as it was asked: what they draw is what the planner says."""

import numpy as np
import pytest

from sweep.plan import breakeven, plan
from sweep.report import plan_charts
from tests.report import planned


def rows_of(chart, layer: int) -> list[dict]:
    """Inline data of a layer that has its own."""
    spec = chart.layer[layer]
    return spec.data.values


def test_the_size_against_demand_passes_through_the_plan():
    made = planned.of_fit()
    rows = rows_of(plan_charts.demand(made), 1)
    served, sizes = ([row[name] for row in rows] for name in ("x", "y"))
    assert np.all(np.diff(sizes) < 0)  # the more is served, the smaller
    at = np.exp(np.interp(np.log(1e12), np.log(served), np.log(sizes)))
    assert at == pytest.approx(made.params, rel=2e-3)


def test_the_cost_is_least_at_the_plan_and_the_band_is_the_flat_one():
    made = planned.of_fit()
    chart = plan_charts.cost(made)
    band = rows_of(chart, 0)[0]
    assert [band["x"], band["end"]] == pytest.approx(made.record["flat_band"]["params"])
    total = [row for row in rows_of(chart, 1) if row["line"] == "total"]
    least = min(total, key=lambda row: row["y"])
    assert least["x"] == pytest.approx(made.params, rel=0.02)
    assert least["y"] == pytest.approx(made.record["cost"]["total"], rel=1e-3)


def test_break_even_lines_are_never_below_the_cheapest():
    made = planned.of_fit()
    rows = rows_of(plan_charts.break_even(made), 0)
    assert min(row["y"] for row in rows) > 1 - 1e-9
    own = min((row for row in rows if row["line"] == made.params), key=lambda row: row["y"])
    assert own["x"] == pytest.approx(1e12, rel=0.2)
    one = next(row for row in rows if row["line"] != made.params)
    asked = made.question.serving(one["x"])
    size = next(s for s in made.record["break_even"]["sizes"] if s["params"] == one["line"])
    paid = asked.run(made.source.surface, size["params"], size["tokens"]).total
    cheapest = breakeven.at_loss(made.source.surface, asked, made.loss).total
    assert one["y"] == pytest.approx(paid / cheapest)


def test_nothing_is_drawn_where_there_is_nothing():
    assert plan_charts.break_even(plan("besiroglu", compute=1e21)) is None
    assert plan_charts.frontier(plan("xlstm", compute=1e21), "loss") is not None  # without evidence
