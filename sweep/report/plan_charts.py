"""Charts of a plan as it was asked, from the planner itself; the page's script draws its own when an input moves."""

import dataclasses
from typing import Any

import altair as alt
import numpy as np

from sweep.plan import breakeven, optimum
from sweep.plan.plan import Plan
from sweep.plan.question import Question
from sweep.plan.surface import Surface
from sweep.report import theme
from sweep.report.charts import FULL, HALF, literal, y_of
from sweep.report.markup import Markup

Rows = list[dict[str, Any]]
POINTS, BANDS = 60, 13  # of a line; of the intervals around it
BLUE, ORANGE, GREEN = theme.APPROACH
SERVED = (0.0, 1e12, 1e13, 1e14, 1e15)  # of the lines among the known models
COST_LABEL = "replace(format(datum.value, '.2~e'), '+', '')"
TIMES_LABEL = "format(datum.value, '~g') + 'x'"
SERVED_LABEL = f"datum.value < 1e15 ? {theme.COUNT_LABEL} : {theme.FLOPS_LABEL}"
TOP = 8.0  # of the break-even chart, times the cheapest


def drawings(made: Plan, models: Rows) -> dict[str, Markup]:
    """Every chart that has something to show, by name."""
    found = {
        "frontier-loss": frontier(made, "loss"),
        "frontier-params": frontier(made, "params"),
        "demand": demand(made),
        "cost": cost(made),
        "break-even": break_even(made),
        "known": known(made, models),
    }
    return {name: theme.svg(chart, name, name.replace("-", " ")) for name, chart in found.items() if chart is not None}


def row_of(x: float, y: float, line: Any = 0, color: str = BLUE) -> dict[str, Any]:
    """One point of a line."""
    return {"x": float(x), "y": float(y), "line": line, "color": color}


def lines(rows: Rows, x: alt.X, y: alt.Y, **mark: Any) -> alt.Chart:
    """Lines with their colours in the rows, one for each `line`."""
    shown = [row for row in rows if row["y"] is not None and np.isfinite(row["y"])]
    return alt.Chart(theme.data(shown)).mark_line(clip=True, **mark).encode(x=x, y=y, color=literal(), detail="line:N")


def dot(x_value: float, y_value: float, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """The plan's own point with its name."""
    base = alt.Chart(theme.data([{"x": x_value, "y": y_value, "text": "this plan"}])).encode(x=x, y=y)
    name = base.mark_text(dx=8, align="left", color=ORANGE).encode(text="text:N")
    return [base.mark_circle(size=60, color=ORANGE, opacity=1), name]


def band(rows: Rows, x: alt.X, y: alt.Y) -> alt.Chart:
    """An interval along a line."""
    known = [row for row in rows if row["y"] is not None and row["high"] is not None]
    return alt.Chart(theme.data(known)).mark_area(color=BLUE, opacity=0.16, clip=True).encode(x=x, y=y, y2="high:Q")


def frontier(made: Plan, quantity: str) -> theme.Chart | None:
    """Loss or size along the compute-optimal frontier."""
    r, source = made.record, made.source
    edge = source.evidence.flops if source.evidence else (1e18, 1e22)
    ends = min(edge[0], r["flops"]) / 1.5, max(10 * edge[1], r["flops"]) * 1.5
    surface = source.surface.unlimited

    def along(at: Surface, flops: Any) -> Any:
        params, tokens = at.frontier(flops)
        return at.loss(params, tokens) if quantity == "loss" else params

    budgets = np.geomspace(*ends, POINTS)
    with np.errstate(all="ignore"):
        rows = [row_of(c, value) for c, value in zip(budgets, along(surface, budgets), strict=True)]
    spread = []
    if source.lanes is not None:
        for c in np.geomspace(*ends, BANDS):
            params, tokens = surface.frontier(c)
            pair = (
                source.loss_interval(params, tokens)
                if quantity == "loss"
                else source.interval(along(source.lanes.unlimited, c))
            )
            spread.append({"x": c, "y": pair[0], "high": pair[1]})
    values = [r[quantity], *(row["y"] for row in rows if np.isfinite(row["y"])), *numbers(spread)]
    x = theme.log_x("x", ends, "training FLOPs C", theme.FLOPS_LABEL)
    if quantity == "loss":
        y = theme.linear_y("y", theme.padded(values), f"loss, {source.unit}")
    else:
        y = theme.log_y("y", theme.log_padded(values), "compute-optimal parameters N*", theme.COUNT_LABEL)
    layers = [band(spread, x, y), lines(rows, x, y, strokeWidth=1.8), *dot(r["flops"], r[quantity], x, y)]
    if source.evidence:
        rule = alt.Chart(theme.data([{"x": edge[1]}])).mark_rule(color=theme.MUTED, strokeDash=[2, 3])
        layers.append(rule.encode(x=x))
    return alt.layer(*layers).properties(width=HALF - 50, height=230)


def numbers(rows: Rows) -> list[float]:
    """Both ends of intervals that are known."""
    return [row[name] for row in rows for name in ("y", "high") if row[name] is not None]


def demand(made: Plan) -> theme.Chart | None:
    """The right size for the same target at other demands."""
    r, question, source = made.record, made.question, made.source
    middle = question.served or 1e12
    ends = middle / 300, middle * 300
    demands = np.geomspace(*ends, POINTS)
    sizes = serving(question, demands).answer(source.surface).params + 0 * demands
    rows = [row_of(x, y) for x, y in zip(demands, sizes, strict=True) if np.isfinite(y) and y > 0]
    spread = []
    if source.lanes is not None:
        for served in np.geomspace(*ends, BANDS if source.surface.powers else 5):  # a search takes its time
            pair = source.interval(question.serving(served).answer(source.lanes).params)
            spread.append({"x": served, "y": pair[0], "high": pair[1]})
    if not rows:
        return None
    values = [r["params"], *(row["y"] for row in rows), *numbers(spread)]
    x = theme.log_x("x", ends, "tokens served over the model's life", SERVED_LABEL)
    y = theme.log_y("y", theme.log_padded(values), "the right size, parameters", theme.COUNT_LABEL)
    own = dot(question.served, r["params"], x, y) if question.served else []
    return alt.layer(band(spread, x, y), lines(rows, x, y, strokeWidth=1.8), *own).properties(
        width=FULL - 50, height=250
    )


def serving(question: Question, demands: np.ndarray) -> Question:
    """The question at many demands at once, in the mix of prompt and generated tokens that was asked."""
    prompt = question.prompt / question.served if question.served else 0.0
    return dataclasses.replace(question, prompt=prompt * demands, generated=(1 - prompt) * demands)


def cost(made: Plan) -> theme.Chart | None:
    """What the plan's loss costs with each size, with the flat band behind."""
    r, question, surface = made.record, made.question, made.source.surface
    middle, unit = r["best_at_equal_spend"]["params"], r["cost"]["unit"]
    sizes = np.geomspace(middle / 8, middle * 8, 4 * POINTS)
    with np.errstate(all="ignore"):
        tokens = surface.tokens_for(sizes, r["loss"])
        possible = (sizes <= surface.most_params) & (tokens <= surface.most_tokens) & np.isfinite(tokens)
    runs = [question.run(surface, *pair) for pair in zip(sizes[possible], tokens[possible], strict=True)]
    if len(runs) < 2:
        return None
    least = min(run.total for run in runs)
    runs = [run for run in runs if run.total <= 6 * least]
    kinds = [("total", theme.INK)] + ([("train", BLUE), ("serve", ORANGE)] if question.served else [])
    rows = [
        {"x": run.params, "y": float(getattr(run, kind)), "line": kind, "color": color}
        for run in runs
        for kind, color in kinds
    ]
    low = max(min(row["y"] for row in rows), least / 30)
    ends = theme.log_padded([*(run.params for run in runs), r["params"]], 0.06)
    x = theme.log_x("x", ends, "parameters N", theme.COUNT_LABEL)
    y = theme.log_y("y", theme.log_padded([low, 6 * least]), f"cost of a loss of {r['loss']:.4f}, {unit}", COST_LABEL)
    edges = r["flat_band"]["params"]
    wide = [{"x": max(edges[0] or ends[0], ends[0]), "end": min(edges[1] or ends[1], ends[1])}]
    flat = alt.Chart(theme.data(wide)).mark_rect(color=GREEN, opacity=0.14).encode(x=x, x2="end:Q")
    names = [
        {"x": runs[-1].params, "y": float(getattr(runs[-1], kind)), "text": kind, "color": color}
        for kind, color in kinds
    ]
    text = (
        alt.Chart(theme.data(names))
        .mark_text(align="right", dy=-8, clip=True)
        .encode(x=x, y=y, text="text:N", color=literal())
    )
    return alt.layer(
        flat, lines(rows, x, y, strokeWidth=1.8), text, *dot(r["params"], r["cost"]["total"], x, y)
    ).properties(width=FULL - 50, height=250)


def break_even(made: Plan) -> theme.Chart | None:
    """Sizes at equal loss, each over the cheapest one at every demand."""
    r, question, surface = made.record, made.question, made.source.surface
    found = r["break_even"]
    if not found or not question.served:
        return None
    sizes = [(r["params"], r["tokens"]), *((s["params"], s["tokens"]) for s in found["sizes"] if s["tokens"])]
    ends = question.served / 1000, question.served * 100
    rows, colors, demands = [], theme.shades(len(sizes)), np.geomspace(*ends, POINTS)
    asked = serving(question, demands)
    best = breakeven.at_loss(surface, asked, r["loss"]).total
    for (params, tokens), color in zip(sizes, colors, strict=True):
        dearer = asked.run(surface, params, tokens).total / best
        rows += [row_of(x, y, params, color) for x, y in zip(demands, dearer, strict=True)]
    top = min(TOP, max(1.5, *(row["y"] for row in rows if np.isfinite(row["y"]))))
    x = theme.log_x("x", ends, "tokens served over the model's life", SERVED_LABEL)
    y = theme.log_y(
        "y", (0.97, top), f"cost of a loss of {r['loss']:.4f}, times that of the cheapest size", TIMES_LABEL
    )
    names = []
    for (params, _), color in zip(sizes, colors, strict=True):
        inside = [row for row in rows if row["line"] == params and row["y"] <= 0.9 * top]
        spot = max(inside, key=lambda row: row["y"]) if inside else None
        names += [{**spot, "text": made_of(params, r), "color": color}] if spot else []
    left, right = [n for n in names if n["x"] == ends[0]], [n for n in names if n["x"] != ends[0]]
    marks = [alt.Chart(theme.data(left)).mark_text(align="left", dy=-8)]
    marks += [alt.Chart(theme.data(right)).mark_text(align="right", dy=-8)]
    texts = [mark.encode(x=x, y=y, text="text:N", color=literal()) for mark in marks]
    return alt.layer(lines(rows, x, y, strokeWidth=1.8), *texts).properties(width=FULL - 50, height=250)


def made_of(params: float, r: dict[str, Any]) -> str:
    """A size, and whether it is the plan's."""
    from sweep.plan.short import short

    return short(params) + (" (this plan)" if params == r["params"] else "")


def known(made: Plan, models: Rows) -> theme.Chart | None:
    """Known models by size and tokens, with the lines on which each demand makes a pair right."""
    r, surface = made.record, made.source.surface.unlimited
    costs = made.question.costs if made.question.costs.serve else type(made.question.costs)()
    xs = theme.log_padded([r["params"], *(m["params"] for m in models)], 0.08)
    ys = theme.log_padded([r["tokens"], *(m["tokens"] for m in models)], 0.08)
    rows, colors = [], theme.shades(len(SERVED))
    for served, color in zip(SERVED, colors, strict=True):
        sizes = np.geomspace(*xs, POINTS)
        tokens = optimum.right_tokens(surface, sizes, costs.load(0.0, served))
        rows += [row_of(x, y, served, color) for x, y in zip(sizes, tokens, strict=True)]
    x = theme.log_x("x", xs, "parameters", theme.COUNT_LABEL)
    y = theme.log_y("y", ys, "training tokens", theme.COUNT_LABEL)
    shown = [{"x": m["params"], "y": m["tokens"], "text": m["name"]} for m in models]
    base = alt.Chart(theme.data(shown)).encode(x=x, y=y)
    marks = [
        base.mark_circle(color=theme.INK, size=36, opacity=1),
        base.mark_text(align="left", dx=7, dy=3, color=theme.INK).encode(text="text:N"),
    ]
    return (
        alt.layer(lines(rows, x, y, strokeWidth=1.4), *marks, *dot(r["params"], r["tokens"], x, y))
        .properties(width=FULL - 50, height=350)
        .encode(y=y_of("y", y))
    )
