"""Charts of the diagnostics: how the answer moves, the profile of the floor, the backtest, residuals by group."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from sweep.report import theme
from sweep.report.charts import HALF, literal, x_of, y_of
from sweep.report.load import Row
from sweep.report.numbers import Number
from sweep.tables.units import PER_TOKEN

COLORS = {"approach 1": theme.APPROACH[0], "approach 2": theme.APPROACH[1], "tie": theme.ALARM}  # the rest: approach 3
TOP = 4.0  # of the profile's axis, in allowed rises: beyond it nothing is decided


def answers(fit: Row) -> list[Row]:
    """N* at the target by every way of asking, {label, kind, params, lo, hi}; those without an answer are left out."""
    target, d = fit.get("target") or {}, fit.get("diagnostics") or {}
    rows: list[Row] = []

    def add(kind: str, label: str, params: Number | None, ends: Sequence[Number | None] | None = None) -> None:
        if params:
            lo, hi = ends if ends and all(ends) else (params, params)
            rows.append({"label": label, "kind": kind, "params": params, "lo": lo, "hi": hi})

    at = target.get("approach3") or {}
    add("fit", "the fit", at.get("params"), at.get("params_interval"))
    for k, name in ((1, "approach 1"), (2, "approach 2")):
        other = target.get(f"approach{k}") or {}
        add("approach", name, other.get("params"), other.get("params_interval"))
    for row in (d.get("deltas") or {}).get("rows") or []:
        delta = "" if row.get("delta") is None else f" {row['delta']:g}"
        add("objective", f"{row['objective']}{delta}", row.get("params"))
    add("suspects", "without suspects", ((d.get("suspects") or {}).get("without") or {}).get("params"))
    floor = d.get("floor") or {}
    for row, name in zip(pinned_ends(floor), ("low", "high"), strict=False):
        add("floor", f"E {name}, {row['E']:.3g}", row.get("params"))
    for entry in ((d.get("influence") or {}).get("params") or [])[:3]:
        factor = entry.get("params_factor")
        add("run", f"without row {entry['rows'][0]}", factor and at.get("params") and factor * at["params"])
    for tie in (d.get("identifiability") or {}).get("near_ties") or []:
        add("tie", f"near tie {tie['params']:.2g}", tie.get("params"))
    return rows


def pinned_ends(floor: Row) -> list[Row]:
    """The pins of the profile nearest to the two ends of the floor's interval."""
    profile = [row for row in floor.get("profile") or [] if row.get("params")]
    ends = floor.get("interval")
    return [min(profile, key=lambda row, end=end: abs(row["E"] - end)) for end in ends] if profile and ends else []


def answers_chart(rows: Sequence[Row], width: int) -> theme.Chart:
    """One line a way of asking, with the fit and its interval as a band behind them all."""
    values = [row[key] for row in rows for key in ("params", "lo", "hi")]
    x = theme.log_x("params", theme.log_padded(values, 0.08), "N* at the target, parameters", theme.COUNT_LABEL)
    y = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(grid=False, labelFontSize=11.5, labelLimit=150))
    fit = [row for row in rows if row["kind"] == "fit"]
    marked = [{**row, "color": COLORS.get(row["label"], COLORS.get(row["kind"], theme.APPROACH[2]))} for row in rows]
    band = alt.Chart(theme.data(fit)).mark_rect(opacity=0.12, color=theme.APPROACH[2], strokeWidth=0)
    line = alt.Chart(theme.data(fit)).mark_rule(strokeWidth=1, color=theme.APPROACH[2])
    base = alt.Chart(theme.data(marked)).encode(y=y, color=literal())
    layers = [
        band.encode(x=x_of("lo", x), x2="hi:Q"),
        line.encode(x=x),
        base.mark_rule(strokeWidth=1.5).encode(x=x_of("lo", x), x2="hi:Q"),
        base.mark_circle(size=46, opacity=1).encode(x=x),
    ]
    return alt.layer(*layers).properties(width=width - 130, height=alt.Step(19))


def floor_chart(floor: Row, width: int = HALF, unit: str = PER_TOKEN) -> theme.Chart:
    """How the objective rises when E is pinned, in units of what chance allows; the interval is where it is below 1."""
    low, high = floor["interval"]
    rows = [{"E": row["E"], "rise": row["rise"] / floor["rise"]} for row in floor["profile"]]
    rows.append({"E": floor["E"], "rise": 0.0})
    rows.sort(key=lambda row: row["E"])
    near = [i for i, row in enumerate(rows) if row["rise"] <= TOP]
    rows = rows[max(near[0] - 1, 0) : near[-1] + 2]
    room = 0.6 * (high - low)
    x = theme.linear_x("E", (max(0.0, low - room), high + room), f"floor E, {unit}", 5)
    y = theme.linear_y("rise", (0.0, TOP), "rise of the objective over what chance allows", 4)
    return alt.layer(
        interval_band(low, high, x),
        alt.Chart(theme.data([{"rise": 1.0}])).mark_rule(color=theme.MUTED, strokeDash=[3, 3]).encode(y=y),
        alt.Chart(theme.data(rows)).mark_line(clip=True, strokeWidth=1.6, color=theme.APPROACH[2]).encode(x=x, y=y),
        alt.Chart(theme.data(rows))
        .mark_circle(clip=True, size=26, opacity=1, color=theme.APPROACH[2])
        .encode(x=x, y=y),
    ).properties(width=width - 50, height=200)


def floor_answer_chart(floor: Row, width: int = HALF, unit: str = PER_TOKEN) -> theme.Chart:
    """N* at the target along the pinned floors."""
    low, high = floor["interval"]
    room = 0.6 * (high - low)
    ends = (max(0.0, low - room), high + room)
    rows = [row for row in floor["profile"] if row.get("params") and ends[0] <= row["E"] <= ends[1]]
    x = theme.linear_x("E", ends, f"floor E, {unit}", 5)
    sizes = theme.log_padded([row["params"] for row in rows], 0.15)
    y = theme.log_y("params", sizes, "N* at the target, parameters", theme.COUNT_LABEL)
    rows = [{"E": row["E"], "params": row["params"]} for row in rows]
    line = alt.Chart(theme.data(rows)).encode(x=x, y=y)
    return alt.layer(
        interval_band(low, high, x),
        line.mark_line(strokeWidth=1.6, color=theme.APPROACH[2]),
        line.mark_circle(size=26, opacity=1, color=theme.APPROACH[2]),
    ).properties(width=width - 50, height=200)


def interval_band(low: Number, high: Number, x: alt.X) -> alt.Chart:
    """The interval of the floor behind a chart."""
    band = alt.Chart(theme.data([{"lo": low, "hi": high}])).mark_rect(opacity=0.12, color=theme.INK, strokeWidth=0)
    return band.encode(x=x_of("lo", x), x2="hi:Q")


def side_by_side(factors: Sequence[Number]) -> list[Number]:
    """The same factors, those within 2 percent of each other moved apart so that none hides another."""
    order = sorted(range(len(factors)), key=lambda i: factors[i])
    clusters: list[list[int]] = []
    for i in order:
        if clusters and factors[i] < 1.02 * factors[clusters[-1][0]]:
            clusters[-1].append(i)
        else:
            clusters.append([i])
    step = 0.012 * math.log(max(factors))
    moved = list(factors)
    for cluster in clusters:
        for rank, i in enumerate(sorted(cluster)):
            moved[i] = factors[i] * math.exp(step * (rank - (len(cluster) - 1) / 2))
    return moved


def backtest_chart(points: Sequence[Row], z: Number, width: int) -> theme.Chart:
    """Error of held-out runs in percent, by how far beyond the fitted compute they lie, with the claimed interval."""
    rows = [
        {
            "factor": at,
            "error": 100 * p["error"],
            "lo": -100 * z * p["sd"],
            "hi": 100 * z * p["sd"],
            "color": theme.INK if abs(p["error"]) <= z * p["sd"] else theme.ALARM,
        }
        for p, at in zip(points, side_by_side([p["factor"] for p in points]), strict=True)
    ]
    reach = 1.1 * max(max(abs(row["error"]), min(row["hi"], 3 * abs(row["error"]))) for row in rows) or 1.0
    x = theme.log_x(
        "factor",
        theme.log_padded([1.0, *(row["factor"] for row in rows)]),
        "compute over the largest fitted",
        "format(datum.value, '~g') + '×'",
    )
    y = theme.linear_y("error", (-reach, reach), "loss over foretold, %", 5)
    base = alt.Chart(theme.data(rows)).encode(x=x)
    claim = base.mark_rule(clip=True, strokeWidth=3, opacity=0.22, color=theme.APPROACH[0])
    zero = alt.Chart(theme.data([{"zero": 0}])).mark_rule(color=theme.MUTED, strokeWidth=1)
    return alt.layer(
        zero.encode(y=alt.Y("zero:Q")),
        claim.encode(y=y_of("lo", y), y2="hi:Q"),
        base.mark_circle(size=26, opacity=0.85).encode(y=y, color=literal()),
    ).properties(width=width - 50, height=220)


def group_chart(groups: Sequence[Row], by: str, width: int = HALF) -> theme.Chart:
    """Mean residual of each group of runs in percent, with twice its standard error."""
    rows = [
        {
            "at": (g["range"][0] * g["range"][1]) ** 0.5,
            "mean": 100 * g["mean"],
            "lo": 100 * (g["mean"] - 2 * (g.get("se") or 0.0)),
            "hi": 100 * (g["mean"] + 2 * (g.get("se") or 0.0)),
        }
        for g in groups
    ]
    titles = {"flops": "training FLOPs", "params": "parameters", "tokens_per_param": "tokens per parameter"}
    label = theme.FLOPS_LABEL if by == "flops" else theme.COUNT_LABEL
    x = theme.log_x("at", theme.log_padded([row["at"] for row in rows], 0.08), titles[by], label)
    reach = 1.15 * max(max(abs(row["lo"]), abs(row["hi"])) for row in rows) or 1.0
    y = theme.linear_y("mean", (-reach, reach), "mean residual, %", 5)
    base = alt.Chart(theme.data(rows)).encode(x=x)
    zero: Any = alt.Chart(theme.data([{"zero": 0}])).mark_rule(color=theme.MUTED, strokeWidth=1)
    return alt.layer(
        zero.encode(y=alt.Y("zero:Q")),
        base.mark_rule(strokeWidth=1.6, color=theme.APPROACH[2]).encode(y=y_of("lo", y), y2="hi:Q"),
        base.mark_circle(size=44, opacity=1, color=theme.APPROACH[2]).encode(y=y),
    ).properties(width=width - 50, height=180)
