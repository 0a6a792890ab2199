"""What the charts share: colours, axes, the theme, and the way from a chart to an SVG that stands alone in a page.

Colours are fixed hexadecimal values in the SVG; the page's style sheet maps each to its counterpart for dark screens.
"""

import html
import math
import re
from collections.abc import Iterable
from typing import Any

import altair as alt
import vl_convert

from sweep.report.markup import Markup
from sweep.report.numbers import Number

Chart = alt.TopLevelMixin

INK, MUTED, GRID, PAPER = "#1c1b19", "#6a6862", "#e6e4df", "#fffefc"
DARK_INK, DARK_MUTED, DARK_GRID, DARK_PAPER = "#eae8e3", "#a3a099", "#35332f", "#161513"

# Budgets and sizes, small to large: viridis (van der Walt and Smith, 2015), told apart by lightness alone. The large
# end is the one that stands out: dark on paper, bright on a dark screen.
SEQUENTIAL = ("#45b86f", "#2ca27d", "#218f8d", "#297a8e", "#31688e", "#3a528b", "#443a83", "#471365", "#2b0440")
DARK_SEQUENTIAL = ("#4f74c8", "#3d7fae", "#2d8a9b", "#25a08f", "#3fb57d", "#6cc864", "#9bd84b", "#cbe13f", "#fbe94a")

# The three approaches: Okabe and Ito (2008).
APPROACH = ("#0072b2", "#d55e00", "#00855f")
DARK_APPROACH = ("#56b4e9", "#f0894a", "#2cc498")
ALARM, DARK_ALARM = "#b3261e", "#f2877f"

LIGHT_TO_DARK = dict(
    zip(
        (INK, MUTED, GRID, PAPER, ALARM, *SEQUENTIAL, *APPROACH),
        (DARK_INK, DARK_MUTED, DARK_GRID, DARK_PAPER, DARK_ALARM, *DARK_SEQUENTIAL, *DARK_APPROACH),
        strict=True,
    )
)

FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"  # of equal widths, so measured text fits

CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": None,
    "padding": {"left": 2, "right": 2, "top": 4, "bottom": 2},
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "ticks": False,
        "gridColor": GRID,
        "gridWidth": 1,
        "labelColor": MUTED,
        "labelFontSize": 11,
        "labelPadding": 6,
        "labelFlush": False,
        "titleColor": INK,
        "titleFontSize": 11.5,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
    "axisY": {
        "titleAngle": 0,
        "titleAlign": "left",
        "titleAnchor": "end",
        "titleX": 0,
        "titleY": -8,
        "titlePadding": 0,
    },
    "legend": {
        "labelColor": MUTED,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "orient": "top",
        "symbolSize": 60,
    },
    "text": {"fontSize": 11},
}


def dark_style() -> str:
    """Style rules that give every colour of the charts its counterpart for dark screens."""
    return "\n".join(
        f'svg [fill="{light}"]{{fill:{dark}}}svg [stroke="{light}"]{{stroke:{dark}}}'
        for light, dark in LIGHT_TO_DARK.items()
    )


def shades(n: int) -> list[str]:
    """Colours of n ordered things, spread over the sequential palette."""
    last = len(SEQUENTIAL) - 1
    return [SEQUENTIAL[round(i * last / (n - 1))] for i in range(n)] if n > 1 else [SEQUENTIAL[4]] * n


def log_ticks(lo: Number, hi: Number) -> list[Number]:
    """Round numbers for a logarithmic axis from lo to hi: 1-2-5 a decade, or decades where there are many."""
    decades = math.log10(hi / lo)
    steps = (1, 2, 5) if decades < 2 else (1, 3) if decades < 2.7 else (1,)
    stride = max(1, math.ceil(decades / 6))
    exponents = range(math.floor(math.log10(lo)), math.ceil(math.log10(hi)) + 1)
    ticks = [step * 10.0**e for e in exponents if e % stride == 0 for step in steps]
    inside = [tick for tick in ticks if lo * 0.999 <= tick <= hi * 1.001]
    return inside if len(inside) > 2 else even_ticks(lo, hi)


def even_ticks(lo: Number, hi: Number) -> list[Number]:
    """Three to six evenly spaced round numbers from lo to hi."""
    unit = 10.0 ** math.floor(math.log10((hi - lo) / 3))
    step = next(unit * k for k in (1, 2, 5, 10) if (hi - lo) / (unit * k) <= 6)
    return [step * i for i in range(math.ceil(lo / step), math.floor(hi / step) + 1)]


def padded(values: Iterable[Number], share: Number = 0.06) -> tuple[Number, Number]:
    """Ends of a linear axis that leave room around the values."""
    values = list(values)
    lo, hi = min(values), max(values)
    room = share * ((hi - lo) or abs(hi) or 1.0)
    return lo - room, hi + room


def log_padded(values: Iterable[Number], share: Number = 0.05) -> tuple[Number, Number]:
    """Ends of a logarithmic axis that leave room around positive values."""
    lo, hi = padded([math.log(value) for value in values], share)
    return math.exp(lo), math.exp(hi)


COUNT_LABEL = "replace(format(datum.value, '~s'), 'G', 'B')"
FLOPS_LABEL = "replace(format(datum.value, '~e'), '+', '')"


def log_x(
    field: str, domain: tuple[Number, Number], title: str, label: str, ticks: Iterable[Number] | None = None
) -> alt.X:
    """A logarithmic horizontal axis, with its own ticks where the values are few."""
    axis = alt.Axis(values=sorted(set(ticks)), labelExpr=label) if ticks else log_axis(domain, label)
    return alt.X(field, type="quantitative", title=title, scale=log_scale(domain), axis=axis)


def log_y(field: str, domain: tuple[Number, Number], title: str, label: str) -> alt.Y:
    """A logarithmic vertical axis."""
    return alt.Y(field, type="quantitative", title=title, scale=log_scale(domain), axis=log_axis(domain, label))


def log_scale(domain: tuple[Number, Number]) -> alt.Scale:
    """A logarithmic scale of exactly this domain."""
    return alt.Scale(type="log", domain=list(domain), nice=False)


def log_axis(domain: tuple[Number, Number], label: str) -> alt.Axis:
    """Round ticks and short labels."""
    return alt.Axis(values=log_ticks(*domain), labelExpr=label)


def linear_x(field: str, domain: tuple[Number, Number], title: str, ticks: int = 6) -> alt.X:
    """A linear horizontal axis."""
    scale = alt.Scale(domain=list(domain), nice=False, zero=False)
    return alt.X(field, type="quantitative", title=title, scale=scale, axis=alt.Axis(tickCount=ticks))


def linear_y(field: str, domain: tuple[Number, Number], title: str, ticks: int = 6) -> alt.Y:
    """A linear vertical axis."""
    scale = alt.Scale(domain=list(domain), nice=False, zero=False)
    return alt.Y(field, type="quantitative", title=title, scale=scale, axis=alt.Axis(tickCount=ticks))


def data(rows: list[dict[str, Any]]) -> alt.InlineData:
    """Rows as the chart's data."""
    return alt.InlineData(values=rows)


def svg(chart: Chart, name: str, description: str) -> Markup:
    """The chart as an inline SVG: no script, no fonts, nothing fetched, and no id shared with another chart.

    Args:
        name: prefix of the ids inside.
        description: what a screen reader says.
    """
    text = vl_convert.vegalite_to_svg(chart.to_dict(validate=False), config=CONFIG, allowed_base_urls=[])
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)  # inert, and not needed inside HTML
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    label = html.escape(description)
    return Markup(text.replace('class="marks"', f'class="chart" role="img" aria-label="{label}"', 1))
