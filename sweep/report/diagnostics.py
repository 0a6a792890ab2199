"""Charts that say how far to trust the fit: residuals, bootstrap clouds, forecasts, learning rates."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from sweep.report import theme
from sweep.report.charts import HALF, literal, x_of
from sweep.report.load import Row
from sweep.report.numbers import count
from sweep.report.points import Cell, Forecast, Point

CLOUD = 500  # lanes drawn: more say nothing new and weigh on the page


def residual_chart(rows: Sequence[dict[str, Any]], against: str, width: int = HALF) -> alt.LayerChart:
    """Observed over predicted loss in percent, against `predicted`, `budget` or `tokens_per_param`."""
    values = [row[against] for row in rows]
    if against == "predicted":
        x = theme.linear_x(against, theme.padded(values), "predicted loss, nats/token", 5)
    elif against == "budget":
        x = theme.log_x(against, theme.log_padded(values, 0.12), "budget, FLOPs", theme.FLOPS_LABEL)
    else:
        x = theme.log_x(against, theme.log_padded(values), "tokens per parameter", theme.COUNT_LABEL)
    reach = 1.15 * max(abs(row["excess"]) for row in rows) or 1.0
    y = theme.linear_y("excess", (-reach, reach), "observed over predicted loss, %", 5)
    zero = alt.Chart(theme.data([{"zero": 0}])).mark_rule(color=theme.MUTED, strokeWidth=1)
    dots = alt.Chart(theme.data(list(rows))).mark_circle(size=34, opacity=0.9)
    layers = [zero.encode(y=alt.Y("zero:Q")), dots.encode(x=x, y=y, color=literal())]
    return alt.layer(*layers).properties(width=width - 50, height=200)


def exponent_cloud(lanes: Sequence[Row], fit: Row, width: int = HALF) -> alt.LayerChart:
    """Bootstrap resamples in the plane of the two exponents, with the fit itself."""
    rows = [{"alpha": lane["alpha"], "beta": lane["beta"]} for lane in lanes if lane.get("alpha") and lane.get("beta")]
    rows = rows[:: max(1, math.ceil(len(rows) / CLOUD))]
    centre = {name: (fit.get("params") or {}).get(name) for name in ("alpha", "beta")}
    extra = [centre] if centre["alpha"] and centre["beta"] else []
    x = theme.linear_x("alpha", theme.padded([r["alpha"] for r in rows + extra]), "alpha, exponent of parameters", 5)
    y = theme.linear_y("beta", theme.padded([r["beta"] for r in rows + extra]), "beta, exponent of tokens", 5)
    cloud = alt.Chart(theme.data(rows)).mark_circle(size=14, opacity=0.35, color=theme.APPROACH[2])
    point = alt.Chart(theme.data(extra)).mark_point(shape="cross", size=130, filled=True, opacity=1)
    layers = [
        cloud.encode(x=x, y=y),
        point.encode(x=x, y=y, fill=alt.value(theme.INK), stroke=alt.value(theme.PAPER)),
    ]
    return alt.layer(*layers).properties(width=width - 50, height=260)


def optimum_histogram(values: Sequence[float], at: float | None, ends: Sequence[float] | None, width: int = HALF):
    """How the compute-optimal size at the target spreads over the bootstrap, with the fit and its interval."""
    ordered = sorted(values)
    lo, hi = (ordered[int(share * (len(ordered) - 1))] for share in (0.005, 0.995))
    lo, hi = min(lo, at or lo) / 1.02, max(hi, at or hi) * 1.02
    bins, step = 30, math.log(hi / lo) / 30
    tallies = [0] * bins
    for value in ordered:
        if lo <= value < hi:
            tallies[min(bins - 1, int(math.log(value / lo) / step))] += 1
    rows = [
        {"lo": lo * math.exp(i * step), "hi": lo * math.exp((i + 0.92) * step), "n": n} for i, n in enumerate(tallies)
    ]
    x = theme.log_x("lo", (lo, hi), "N* at the target, parameters", theme.COUNT_LABEL)
    y = theme.linear_y("n", (0, 1.12 * max(tallies)), "resamples", 4)
    bars = alt.Chart(theme.data(rows)).mark_rect(color=theme.APPROACH[2], opacity=0.45, strokeWidth=0)
    layers: list[alt.Chart] = [bars.encode(x=x, x2="hi:Q", y=y, y2=alt.datum(0))]
    if at:
        rule = alt.Chart(theme.data([{"at": at}])).mark_rule(strokeWidth=1.8, color=theme.INK)
        layers.append(rule.encode(x=x_of("at", x)))
    for end in ends or []:
        rule = alt.Chart(theme.data([{"at": end}])).mark_rule(strokeWidth=1, strokeDash=[3, 3], color=theme.INK)
        layers.append(rule.encode(x=x_of("at", x)))
    return alt.layer(*layers).properties(width=width - 50, height=260)


def forecast_chart(found: Sequence[Forecast], width: int) -> alt.LayerChart:
    """Each forecast's interval and point, and the outcome beside it."""
    bars, outcomes = [], []
    for i, forecast in enumerate(found):
        line = forecast.line
        lo, hi = line.get("interval") or (line["loss"], line["loss"])
        label = f"{i + 1}. {count(line.get('params'))} on {count(line.get('tokens'))}"
        bars.append({"label": label, "loss": line["loss"], "lo": lo, "hi": hi})
        if forecast.outcome and forecast.outcome.get("loss"):
            color = theme.INK if forecast.outcome.get("inside") else theme.ALARM
            outcomes.append({"label": label, "loss": forecast.outcome["loss"], "color": color})
    ends = [row[key] for row in bars for key in ("lo", "hi")] + [row["loss"] for row in outcomes]
    x = theme.linear_x("loss", theme.padded(ends, 0.15), "loss, nats/token", 5)
    y = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(grid=False, labelFontSize=11.5, labelLimit=220))
    base = alt.Chart(theme.data(bars)).encode(y=y)
    layers = [
        base.mark_rule(strokeWidth=9, opacity=0.3, color=theme.APPROACH[0]).encode(x=x_of("lo", x), x2="hi:Q"),
        base.mark_tick(thickness=2, height=20, color=theme.APPROACH[0]).encode(x=x),
    ]
    if outcomes:
        dot = alt.Chart(theme.data(outcomes)).mark_point(shape="diamond", size=110, filled=True, opacity=1)
        layers.append(dot.encode(x=x, y=y, fill=alt.Fill("color:N", scale=None)))
    return alt.layer(*layers).properties(width=width - 120, height=alt.Step(44))


def learning_rate_chart(found: Sequence[Cell], width: int) -> alt.LayerChart:
    """Loss above the best of its cell against peak learning rate, one line a cell, coloured by budget."""
    rows, marks = [], []
    for i, cell in enumerate(found):
        if cell.best is None or cell.best.loss is None:
            continue
        for p in cell.trials:
            above = None if p.loss is None else p.loss - cell.best.loss
            if above is not None and p.status == "done":
                rows.append({"lr": p.lr, "above": above, "cell": i, "color": p.color})
            marks.append((p, above))
    reach = 1.1 * max([row["above"] for row in rows] + [1e-3])
    rates = [p.lr for p, _ in marks if p.lr]
    x = theme.log_x("lr", theme.log_padded(rates, 0.08), "peak learning rate", "format(datum.value, '~g')")
    y = theme.linear_y("above", (-0.05 * reach, reach), "loss above the cell's best, nats/token", 5)
    line = alt.Chart(theme.data(rows)).mark_line(strokeWidth=1.3, opacity=0.75)
    layers: list[alt.Chart] = [line.encode(x=x, y=y, detail="cell:N", color=literal())]
    layers += lr_marks(marks, reach, x, y)
    return alt.layer(*layers).properties(width=width - 50, height=260)


def lr_marks(marks: Sequence[tuple[Point, float | None]], reach: float, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Dots of the finished trials, hollow triangles on the top edge for the others."""
    done = [{"lr": p.lr, "above": a, "color": p.color} for p, a in marks if p.status == "done" and a is not None]
    rest = [{"lr": p.lr, "above": reach, "color": p.color} for p, a in marks if p.status != "done" or a is None]
    dot = alt.Chart(theme.data(done)).mark_circle(size=34, opacity=1).encode(x=x, y=y, color=literal())
    if not rest:
        return [dot]
    triangle = alt.Chart(theme.data(rest)).mark_point(shape="triangle-up", size=60, filled=False, strokeWidth=1.4)
    return [dot, triangle.encode(x=x, y=y, color=literal())]
