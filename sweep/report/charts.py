"""Charts of a sweep: pure functions from what is drawn to an Altair chart.

Trials the fit used are filled; every other trial is hollow, and one without a loss on the scale sits on the top edge
as a triangle. Colours run from the smallest budget or model to the largest. Losses are nats/token.
"""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from sweep.report import theme
from sweep.report.load import Row
from sweep.report.numbers import Number
from sweep.report.numbers import flops as write_flops
from sweep.report.points import Point
from sweep.tables.units import PER_TOKEN

HALF = 350  # width of a chart that shares its row, and of any chart on a phone
FULL = 740


def isoflop(points: Sequence[Point], families: Sequence[Row], width: int, unit: str = PER_TOKEN) -> theme.Chart:
    """Loss against parameters, one colour a budget, with each family's parabola, minimum and its interval."""
    shown = [p for p in points if p.budget]
    losses = [p.loss for p in shown if p.used and p.loss is not None] or [p.loss for p in shown if p.loss is not None]
    y_domain = theme.padded(losses, 0.12)
    x_lo, x_hi = theme.log_padded([p.params for p in shown], 0.06)
    x = theme.log_x("params", (x_lo, x_hi * 1.25), "parameters", theme.COUNT_LABEL)
    y = theme.linear_y("loss", y_domain, f"loss, {unit}")
    colors = {p.budget: p.color for p in shown}
    layers = parabolas(shown, families, colors, x, y) + trial_marks(shown, y_domain[1], x, y)
    layers += minima(families, colors, x, y) + budget_labels(shown, y_domain[1], x, y)
    return alt.layer(*layers).properties(width=width - 50, height=340 if width > HALF else 300)


def parabolas(
    points: Sequence[Point], families: Sequence[Row], colors: dict[float, str], x: alt.X, y: alt.Y
) -> list[alt.Chart]:
    """Loss as the fitted quadratic in ln N, over the family's sizes."""
    rows = []
    for family in families:
        sizes = [p.params for p in points if p.budget == family.get("budget")]
        known = [c for c in family.get("coefficients") or [] if c is not None]
        if len(known) != 3 or len(sizes) < 2:
            continue
        c0, c1, c2 = known
        lo, hi = math.log(min(sizes)), math.log(max(sizes))
        for i in range(49):
            u = lo + (hi - lo) * i / 48
            color = colors.get(family["budget"], theme.MUTED)
            rows.append({"params": math.exp(u), "loss": c0 + c1 * u + c2 * u * u, "color": color})
    if not rows:
        return []
    line = alt.Chart(theme.data(rows)).mark_line(clip=True, strokeWidth=1.5, opacity=0.75)
    return [line.encode(x=x, y=y, color=literal())]


def trial_marks(points: Sequence[Point], top: Number, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Filled for trials in the fit, hollow for the rest, triangles on the top edge for those with no loss to show."""
    filled, hollow, edge = [], [], []
    for p in points:
        on_scale = p.loss is not None and p.loss <= top
        row = {"params": p.params, "loss": p.loss if on_scale else top, "color": p.color}
        (edge if not on_scale else filled if p.used else hollow).append(row)
    layers = []
    if filled:
        mark = alt.Chart(theme.data(filled)).mark_circle(size=38, opacity=1)
        layers.append(mark.encode(x=x, y=y, color=literal()))
    for rows, shape, size in ((hollow, "circle", 36), (edge, "triangle-up", 60)):
        if rows:
            mark = alt.Chart(theme.data(rows)).mark_point(shape=shape, size=size, strokeWidth=1.4, filled=False)
            layers.append(mark.encode(x=x, y=y, color=literal()))
    return layers


def minima(families: Sequence[Row], colors: dict[float, str], x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Each family's minimum, its interval, and a dotted line through the minima."""
    rows = []
    for family in families:
        if family.get("params") and family.get("loss"):
            lo, hi = family.get("params_interval") or (None, None)
            color = colors.get(family.get("budget") or 0.0, theme.MUTED)
            row = {"params": family["params"], "loss": family["loss"], "color": color}
            rows.append({**row, "lo": lo or family["params"], "hi": hi or family["params"]})
    if not rows:
        return []
    base = alt.Chart(theme.data(rows)).encode(y=y)
    valley = base.mark_line(strokeDash=[1, 3], strokeWidth=1.2, color=theme.MUTED).encode(x=x)
    bar = base.mark_rule(strokeWidth=2.5, clip=True).encode(x=x_of("lo", x), x2="hi:Q", color=literal())
    dot = base.mark_point(shape="diamond", size=110, filled=True, opacity=1, stroke=theme.PAPER, strokeWidth=1.5)
    return [valley, bar, dot.encode(x=x, fill=alt.Fill("color:N", scale=None))]


def budget_labels(points: Sequence[Point], top: Number, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """The budget in FLOPs beside the largest model of each family."""
    last: dict[float, Point] = {}
    for p in points:
        if p.loss is not None and p.loss <= top:
            last[p.budget] = p
    rows = [{"params": p.params, "loss": p.loss, "color": p.color, "text": write_flops(b)} for b, p in last.items()]
    text = alt.Chart(theme.data(rows)).mark_text(align="left", dx=9, fontSize=11)
    return [text.encode(x=x, y=y, text="text:N", color=literal())]


def literal() -> alt.Color:
    """The colour written in the row itself."""
    return alt.Color("color:N", scale=None)


def x_of(field: str, x: alt.X) -> alt.X:
    """The same axis for another column."""
    copy = x.copy()
    copy.shorthand = field
    return copy


def y_of(field: str, y: alt.Y) -> alt.Y:
    """The same axis for another column."""
    copy = y.copy()
    copy.shorthand = field
    return copy


def size_colors(points: Sequence[Point]) -> dict[float, str]:
    """A colour for each model size."""
    sizes = sorted({p.params for p in points})
    return dict(zip(sizes, theme.shades(len(sizes)), strict=True))


def learning_curves(curves: Sequence[Row], points: Sequence[Point], frontier: Sequence[Row], width: int) -> theme.Chart:
    """Validation loss against FLOPs, one line a trial, coloured by size, with the lower envelope on top.

    Args:
        curves: of `points.learning_curves`.
    """
    by_trial = {p.trial: p for p in points}
    colors = size_colors(points)
    rows = [
        {
            "flops": c["flops_exact"],
            "loss": c["loss"],
            "trial": c["trial"],
            "color": colors[by_trial[c["trial"]].params],
        }
        for c in curves
    ]
    lo = min(row["loss"] for row in rows)
    y_domain = (lo * 0.985, min(max(row["loss"] for row in rows), 1.8 * lo) * 1.01)
    rows = [row for row in rows if row["loss"] <= 1.2 * y_domain[1]]
    x = theme.log_x(
        "flops", theme.log_padded([row["flops"] for row in rows], 0.03), "training FLOPs", theme.FLOPS_LABEL
    )
    y = theme.linear_y("loss", y_domain, "validation loss, nats/token")
    line = alt.Chart(theme.data(rows)).mark_line(clip=True, strokeWidth=1, opacity=0.8)
    layers = [line.encode(x=x, y=y, detail="trial:N", color=literal())]
    envelope = [{"flops": f["flops"], "loss": f["loss"]} for f in frontier if f.get("flops") and f.get("loss")]
    if envelope:
        best = alt.Chart(theme.data(envelope)).mark_line(clip=True, strokeWidth=2.2, color=theme.ALARM)
        layers.append(best.encode(x=x, y=y))
    return alt.layer(*layers).properties(width=width - 50, height=320 if width > HALF else 280)


def frontier(fit: Row, quantity: str, budgets: Sequence[Number], width: int = HALF) -> theme.Chart | None:
    """N*(C) or D*(C) by the three approaches; dashed beyond the largest budget. None before any approach has one."""
    target = fit.get("target") or {}
    exponent = "a" if quantity == "params" else "b"
    lines, ends, seen = [], [], []
    for k in (1, 2, 3):
        approach, at = fit.get(f"approach{k}") or {}, target.get(f"approach{k}") or {}
        color = theme.APPROACH[k - 1]
        if at.get(quantity) and approach.get(exponent) and target.get("flops") and budgets:
            lines += power_line(target["flops"], at[quantity], approach[exponent], budgets, color, k)
            lo, hi = at.get(f"{quantity}_interval") or (None, None)
            # a little apart in C, so that intervals of approaches that agree do not hide each other
            end = {"flops": target["flops"] * 1.06 ** (k - 2), "value": at[quantity], "color": color, "shape": k}
            ends.append({**end, "lo": lo or at[quantity], "hi": hi or at[quantity]})
        for point in (approach.get("frontier") or []) + (approach.get("families") or []):
            if point.get(quantity) and (point.get("flops") or point.get("budget")):
                at_flops = point.get("flops") or point["budget"]
                lo, hi = point.get(f"{quantity}_interval") or (None, None)
                row = {"flops": at_flops, "value": point[quantity], "color": color, "shape": k}
                seen.append({**row, "lo": lo or point[quantity], "hi": hi or point[quantity]})
    if not lines and not seen:
        return None
    everything = lines + seen + ends
    x_domain = theme.log_padded([row["flops"] for row in everything])
    values = [row[key] for row in everything for key in ("value", "lo", "hi") if row.get(key)]
    title = "compute-optimal parameters N*" if quantity == "params" else "compute-optimal tokens D*"
    x = theme.log_x("flops", x_domain, "training FLOPs C", theme.FLOPS_LABEL)
    y = theme.log_y("value", theme.log_padded(values), title, theme.COUNT_LABEL)
    layers = []
    for beyond, dash in ((False, [1, 0]), (True, [4, 3])):
        part = [row for row in lines if row["beyond"] is beyond]
        line = alt.Chart(theme.data(part)).mark_line(strokeWidth=1.6, strokeDash=dash)
        layers.append(line.encode(x=x, y=y, color=literal(), detail="shape:N"))
    for rows, size, opacity in (
        ([row for row in seen if row["shape"] == 1], 16, 0.45),
        ([row for row in seen if row["shape"] != 1], 40, 1.0),
        (ends, 50, 1.0),
    ):
        base = alt.Chart(theme.data(rows)).encode(x=x, color=literal())
        layers.append(base.mark_rule(strokeWidth=1.5, opacity=opacity).encode(y=y_of("lo", y), y2="hi:Q"))
        layers.append(base.mark_circle(size=size, opacity=opacity).encode(y=y))
    return alt.layer(*layers).properties(width=width - 50, height=260)


def power_line(
    flops: Number, value: Number, exponent: Number, budgets: Sequence[Number], color: str, k: int
) -> list[dict[str, Any]]:
    """The power law through (flops, value), from the smallest budget to the target, split at the largest budget."""
    lo, edge, hi = min(budgets), max(budgets), max(flops, max(budgets))
    ends = [(lo, False), (edge, False), (edge, True), (hi, True)]
    return [
        {"flops": c, "value": value * (c / flops) ** exponent, "beyond": beyond, "color": color, "shape": k}
        for c, beyond in ends
    ]
