"""The section on trust: what the diagnostics of the fit say, in words, in charts, run by run."""

import functools
from collections.abc import Callable
from statistics import NormalDist

from sweep.fit.diagnostics.words import words
from sweep.report import numbers, trust_charts
from sweep.report.load import Row, Run
from sweep.report.markup import Markup, Piece, facts, missing, section, table, tag
from sweep.report.sections import figure
from sweep.tables.units import PER_TOKEN

SHOWN = 12  # suspects and influential runs in the table


def trust(run: Run) -> Markup:
    """How far the fit can be trusted."""
    title = "How far to trust it"
    found = run.fit.get("diagnostics")
    if not found:
        return section("trust", title, missing("The fit was not diagnosed.", run.again))
    parts = (said, functools.partial(moves, run), floor, backtest, residuals, odd_runs)
    return section("trust", title, *(piece for part in parts for piece in whole(part, found)))


def whole(part: Callable[[Row], list[Piece]], found: Row) -> list[Piece]:
    """A part of the section, or one line where the file lacks what it shows."""
    try:
        return part(found)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError):
        return [missing("A diagnostic is incomplete in fit.json.")]


def said(found: Row) -> list[Piece]:
    """Every diagnostic in a line."""
    return [facts(list(words(found, numbers.count).items()))]


def moves(run: Run, _: Row) -> list[Piece]:
    """The answer by every way of asking."""
    rows = trust_charts.answers(run.fit)
    if len(rows) < 2:
        return []
    caption = (
        f"Compute-optimal parameters at {numbers.flops(run.fit['target'].get('flops'))} FLOPs by the other approaches, "
        "under other objectives, without the suspects, with the floor at the ends of its interval, without the runs "
        "that move it most, and at other optima nearly as good. Band: the interval of the fit."
    )
    return [figure("answers", lambda width: trust_charts.answers_chart(rows, width), caption, full=True)]


def floor(found: Row) -> list[Piece]:
    """The profile of the floor, and what it does to the answer."""
    block = found["floor"]
    if block["status"] != "ok":
        return []
    unit = block.get("unit", PER_TOKEN)
    seen = "E is seen by the table" if block["identified"] else "the table does not hold E"
    profile = figure(
        "floor",
        lambda width: trust_charts.floor_chart(block, width, unit),
        f"The objective with the floor E pinned and the rest fitted: {seen}. Band: its interval.",
    )
    if not any(row.get("params") for row in block["profile"]):
        return [profile]
    text = "The compute-optimal size along the same floors."
    along = figure("floor-answer", lambda width: trust_charts.floor_answer_chart(block, width, unit), text)
    return [tag("div", profile, along, class_="pair")]


def backtest(found: Row) -> list[Piece]:
    """Runs held out and foretold."""
    block = found["backtest"]
    if block["status"] != "ok":
        return []
    z = NormalDist().inv_cdf((1 + block["level"]) / 2)
    origins, out = numbers.plural(len(block["origins"]), "origin"), block["held_out"] - block["inside"]
    caption = (
        f"The law fitted up to a compute, judged on the runs above it, for {origins}; runs of one budget side by side. "
        f"Bars: the {numbers.percent(block['level'])} intervals claimed from below; red: outside, {out} of "
        f"{block['held_out']}."
    )
    drawing = figure("backtest", lambda w: trust_charts.backtest_chart(block["points"], z, w), caption, full=True)
    rows = [
        (
            numbers.flops(o["flops"]),
            str(o["fitted"]),
            str(o["held_out"]),
            numbers.times(o["factor"][1]),
            numbers.signed(o["mean"], 4),
            numbers.fixed(o["rms"], 4),
            f"{o['inside']} of {o['held_out']}",
        )
        for o in block["origins"]
    ]
    head = ("fitted up to", "runs", "held out", "farthest", "mean error", "rms error", "inside")
    return [
        drawing,
        table(
            head,
            rows,
            numeric=range(1, 7),
            caption=f"Errors in {block.get('unit', PER_TOKEN)}; positive: worse than foretold.",
        ),
    ]


def residuals(found: Row) -> list[Piece]:
    """Mean residuals by group."""
    block = found["residuals"]
    if block["status"] != "ok":
        return []
    figures = []
    for by, name in (("flops", "compute"), ("params", "size"), ("tokens_per_param", "tokens per parameter")):
        told = [f"{term} t {numbers.signed(block[by][f'{term}_t'], 1)}" for term in ("slope", "bend")]
        caption = f"Residuals by {name}, with two standard errors: {', '.join(told)}; beyond 3 it is a pattern."
        groups = block[by]["groups"]
        if len(groups) > 1:
            figures.append(
                figure(
                    f"groups-{by.replace('_', '-')}",
                    lambda w, g=groups, b=by: trust_charts.group_chart(g, b, w),
                    caption,
                )
            )
    return [tag("div", *figures, class_="pair")]


def odd_runs(found: Row) -> list[Piece]:
    """Suspects, and the runs that move the answer most."""
    rows = [
        (f"row {r['row']}", "suspect", f"{numbers.signed(r['sd'], 1)} sd", str(r.get("trial") or ""))
        for r in (found["suspects"].get("rows") or [])[:SHOWN]
    ]
    for entry in found["influence"].get("params") or []:
        factor, trials = entry.get("params_factor"), entry.get("trials") or [""]
        told = "no optimum without it" if factor is None else f"N* {factor:.3f}× without it"
        rows.append((f"row {', '.join(map(str, entry['rows'][:3]))}", "influence", told, str(trials[0])))
    return [table(("run", "", "", "trial"), rows)] if rows else []
