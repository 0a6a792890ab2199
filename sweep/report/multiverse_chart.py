"""The specification curve: the answer of every defensible fit in order, and below it the choices that gave it."""

from collections.abc import Sequence

import altair as alt

from sweep.fit.multiverse.axes import AXES
from sweep.report import theme
from sweep.report.charts import literal, y_of
from sweep.report.load import Row

SHOWN = 220  # specifications drawn, spread evenly over the curve
GUTTER = 150  # pixels for the names of choices
COLORS = (*theme.APPROACH, theme.INK)


def passing(record: Row) -> list[Row]:
    """Specifications that pass, in order of N*."""
    return [row for row in record["curve"] if row["status"] == "passed"]


def thinned(rows: Sequence[Row], most: int = SHOWN) -> list[Row]:
    """At most so many of them, evenly by rank, the first and the last among them; each with its `rank`."""
    last = len(rows) - 1
    chosen = range(len(rows)) if len(rows) <= most else [round(i * last / (most - 1)) for i in range(most)]
    return [{**rows[i], "rank": i} for i in chosen]


def curve_chart(record: Row, width: int) -> theme.Chart:
    """N* with its resampled intervals above a matrix of the choices; axes with a single choice are left out."""
    rows = thinned(passing(record))
    inner = width - GUTTER
    x = theme.linear_x("rank", (-1.0, len(passing(record)) + 0.0), "", 1).axis(None)
    above = answers(rows, record, x).properties(width=inner, height=190)
    below = matrix(rows, record, x).properties(width=inner, height=alt.Step(11))
    return alt.vconcat(above, below, spacing=14)


def answers(rows: Sequence[Row], record: Row, x: alt.X) -> alt.LayerChart | alt.FacetChart:
    """The curve itself, its resampled intervals, and the band that holds the stated share of specifications."""
    shown = [
        {"rank": row["rank"], "params": row["params"], "lo": lo or row["params"], "hi": hi or row["params"]}
        for row in rows
        for lo, hi in [row["params_interval"]]
    ]
    sizes = [value for row in shown for value in (row["params"], row["lo"], row["hi"])]
    y = theme.log_y("params", theme.log_padded(sizes), "N* at the target, parameters", theme.COUNT_LABEL)
    low, high = record["params"]["interval"]
    band = alt.Chart(theme.data([{"lo": low, "hi": high}])).mark_rect(opacity=0.1, color=theme.INK, strokeWidth=0)
    base = alt.Chart(theme.data(shown)).encode(x=x)
    return alt.layer(
        band.encode(y=y_of("lo", y), y2="hi:Q"),
        base.mark_rule(strokeWidth=1, opacity=0.35, color=theme.APPROACH[2]).encode(y=y_of("lo", y), y2="hi:Q"),
        base.mark_circle(size=14, opacity=1, color=theme.APPROACH[2]).encode(y=y),
    )


def matrix(rows: Sequence[Row], record: Row, x: alt.X) -> alt.Chart:
    """A tick under each specification in the row of each of its choices; a colour an axis."""
    varied = [axis for axis in AXES if len({row[axis] for row in passing(record)}) > 1]
    order = [name_of(axis, choice) for axis in varied for choice in record["axes"][axis]]
    ticks = [
        {"rank": row["rank"], "choice": name_of(axis, row[axis]), "color": COLORS[i % len(COLORS)]}
        for i, axis in enumerate(varied)
        for row in rows
    ]
    y = alt.Y("choice:N", title=None, sort=order, axis=alt.Axis(grid=False, labelFontSize=10, labelLimit=GUTTER - 16))
    mark = alt.Chart(theme.data(ticks)).mark_tick(orient="vertical", thickness=1.2, bandSize=8, opacity=0.8)
    return mark.encode(x=x, y=y, color=literal())


def name_of(axis: str, choice: str) -> str:
    """A choice as its row is called: axes share no names, `equal` weights and `flops` apart."""
    return f"{choice} {axis}" if axis in ("weights", "flops", "count") else choice
