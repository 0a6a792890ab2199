"""Which colour is what: lines of coloured dots beside the charts."""

from sweep.report import charts, numbers
from sweep.report.load import Run
from sweep.report.markup import Markup, tag
from sweep.report.points import Point, budget_colors


def key(run: Run) -> Markup:
    """Which colour is which budget."""
    items = [
        tag("span", dot(color), numbers.flops(budget), class_="key-item")
        for budget, color in budget_colors(run).items()
    ]
    return tag("p", "Budgets in FLOPs: ", *items, class_="key") if items else Markup("")


def size_key(shown: list[Point]) -> Markup:
    """Which colour is about which model size."""
    colors = charts.size_colors(shown)
    sizes = sorted(colors)
    few = [sizes[round(i * (len(sizes) - 1) / 4)] for i in range(5)] if len(sizes) > 5 else sizes
    items = [tag("span", dot(colors[size]), numbers.count(size), class_="key-item") for size in few]
    return tag("p", "Parameters: ", *items, class_="key")


def dot(color: str) -> Markup:
    """A coloured dot that follows the page's light or dark colours like the charts do."""
    return tag("svg", tag("circle", cx="5", cy="5", r="4.5", fill=color), width="10", height="10", aria_hidden="true")
