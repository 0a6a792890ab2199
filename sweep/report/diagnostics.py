"""Charts that say how far to trust the fit: residuals, bootstrap clouds, forecasts, learning rates."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from sweep.report import theme
from sweep.report.charts import HALF, literal, x_of
from sweep.report.load import Row
from sweep.report.numbers import Number, count
from sweep.report.points import DONE, Cell, Forecast
from sweep.tables.units import PER_TOKEN

CLOUD = 500  # lanes drawn: more say nothing new and weigh on the page


def residual_chart(
    rows: Sequence[dict[str, Any]], against: str, width: int = HALF, unit: str = PER_TOKEN
) -> theme.Chart:
    """Observed over predicted loss in percent, against `predicted`, `budget` or `tokens_per_param`."""
    values = [row[against] for row in rows]
    if against == "predicted":
        x = theme.linear_x(against, theme.padded(values), f"predicted loss, {unit}", 5)
    elif against == "budget":
        x = theme.log_x(against, theme.log_padded(values, 0.12), "budget, FLOPs", theme.FLOPS_LABEL, values)
    else:
        x = theme.log_x(against, theme.log_padded(values), "tokens per parameter", theme.COUNT_LABEL)
    reach = 1.15 * max(abs(row["excess"]) for row in rows) or 1.0
    y = theme.linear_y("excess", (-reach, reach), "observed over predicted loss, %", 5)
    zero = alt.Chart(theme.data([{"zero": 0}])).mark_rule(color=theme.MUTED, strokeWidth=1)
    dots = alt.Chart(theme.data(list(rows))).mark_circle(size=34, opacity=0.9)
    layers = [zero.encode(y=alt.Y("zero:Q")), dots.encode(x=x, y=y, color=literal())]
    return alt.layer(*layers).properties(width=width - 50, height=200)


def exponent_cloud(lanes: Sequence[Row], fit: Row, width: int = HALF) -> theme.Chart:
    """Bootstrap resamples in the plane of the two exponents, with the fit itself."""
    rows = [{"alpha": lane["alpha"], "beta": lane["beta"]} for lane in lanes]
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


def optimum_histogram(
    values: Sequence[Number], at: Number | None, ends: Sequence[Number | None] | None, width: int = HALF
) -> theme.Chart:
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
    for end in [end for end in ends or [] if end]:
        rule = alt.Chart(theme.data([{"at": end}])).mark_rule(strokeWidth=1, strokeDash=[3, 3], color=theme.INK)
        layers.append(rule.encode(x=x_of("at", x)))
    return alt.layer(*layers).properties(width=width - 50, height=260)


def forecast_chart(found: Sequence[Forecast], width: int) -> theme.Chart:
    """Each forecast's interval and point, and the outcome beside it."""
    bars, outcomes = [], []
    for i, forecast in enumerate(found):
        line = forecast.line
        lo, hi = line.get("interval") or (None, None)
        label = f"{i + 1}. {count(line.get('params'))} on {count(line.get('tokens'))}"
        bars.append({"label": label, "loss": line["loss"], "lo": lo or line["loss"], "hi": hi or line["loss"]})
        if forecast.outcome and forecast.outcome.get("loss"):
            color = theme.ALARM if forecast.outcome.get("inside") is False else theme.INK
            outcomes.append({"label": label, "loss": forecast.outcome["loss"], "color": color})
    ends = [row[key] for row in bars for key in ("lo", "hi")] + [row["loss"] for row in outcomes]
    x = theme.linear_x("loss", theme.padded(ends, 0.15), f"loss, {found[0].line.get('unit', PER_TOKEN)}", 5)
    y = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(grid=False, labelFontSize=11.5, labelLimit=220))
    base = alt.Chart(theme.data(bars)).encode(y=y)
    layers = [
        base.mark_rule(strokeWidth=9, opacity=0.3, color=theme.APPROACH[0]).encode(x=x_of("lo", x), x2="hi:Q"),
        base.mark_tick(thickness=2, height=20, opacity=1, color=theme.APPROACH[0]).encode(x=x),
    ]
    if outcomes:
        dot = alt.Chart(theme.data(outcomes)).mark_point(shape="diamond", size=110, filled=True, opacity=1)
        layers.append(dot.encode(x=x, y=y, fill=alt.Fill("color:N", scale=None)))
    return alt.layer(*layers).properties(width=width - 106, height=alt.Step(44))


def learning_rate_chart(found: Sequence[Cell], width: int, unit: str = PER_TOKEN) -> theme.Chart:
    """Loss above the best of its cell against peak learning rate, one line a cell, coloured by budget."""
    scored = [(cell, cell.best.loss) for cell in found if cell.best is not None and cell.best.loss is not None]
    factors = all(cell.factors for cell, _ in scored)
    marks = [
        {
            "lr": cell.factors.get(p.lr or 0.0) if factors else p.lr,
            "above": None if p.loss is None else p.loss - best,
            "cell": i,
            "done": p.status == DONE,
            "color": p.color,
        }
        for i, (cell, best) in enumerate(scored)
        for p in cell.trials
    ]
    lines = [row for row in marks if row["done"] and row["above"] is not None]
    reach = 1.1 * max([row["above"] for row in lines] + [1e-3])
    title = "peak learning rate over the recipe's" if factors else "peak learning rate"
    rates = [row["lr"] for row in marks]
    ticks = rates if factors else None
    x = theme.log_x("lr", theme.log_padded(rates, 0.08), title, "format(datum.value, '~g')", ticks)
    y = theme.linear_y("above", (-0.05 * reach, reach), f"loss above the cell's best, {unit}", 5)
    line = alt.Chart(theme.data(lines)).mark_line(strokeWidth=1.3, opacity=0.75)
    dot = alt.Chart(theme.data(lines)).mark_circle(size=34, opacity=1)
    layers = [line.encode(x=x, y=y, detail="cell:N", color=literal()), dot.encode(x=x, y=y, color=literal())]
    rest = [row for row in marks if row not in lines]
    for on_scale, shape in ((True, "circle"), (False, "triangle-up")):
        rows = [row for row in rest if (row["above"] is not None and row["above"] <= reach) is on_scale]
        rows = [row if on_scale else {**row, "above": reach} for row in rows]
        mark = alt.Chart(theme.data(rows)).mark_point(shape=shape, size=50, filled=False, strokeWidth=1.4)
        layers.append(mark.encode(x=x, y=y, color=literal()))
    return alt.layer(*layers).properties(width=width - 50, height=240)
