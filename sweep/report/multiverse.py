"""The section on the multiverse, in the report of a sweep or on a page of its own."""

import datetime

from sweep import files
from sweep.report import multiverse_chart, numbers
from sweep.report.document import document
from sweep.report.load import Row, Run
from sweep.report.markup import Markup, Piece, missing, section, stacked, table, tag
from sweep.report.sections import figure
from sweep.storage import Location
from sweep.tables.units import unit_of

TITLE = "Every defensible fit"
QUANTITIES = (
    ("params", "N*", numbers.count),
    ("tokens", "D*", numbers.count),
    ("loss", "loss, {unit}", numbers.loss),
)


def write(record: Row, path: Location) -> Location:
    """A page of its own. Raises InputError where it cannot be written."""
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    body = section("multiverse", TITLE, *pieces(record))
    files.write_text(path, document(str(record["source"]), date, [record["verdict"]], [body]))
    return path


def multiverse(run: Run) -> Markup:
    """The section of a run's report."""
    table = str(run.path) if run.trained else f"{run.fit.get('source')} --out {run.path}"
    again = f"sweep multiverse {table}"
    if not run.multiverse:
        text = "How far the answer depends on choices of the analysis has not been asked."
        return section("multiverse", TITLE, missing(text, again))
    try:
        return section("multiverse", TITLE, tag("p", run.multiverse["verdict"]), *pieces(run.multiverse))
    except (KeyError, TypeError, IndexError, ValueError, AttributeError):
        return section("multiverse", TITLE, missing("multiverse.json is incomplete.", again))


def pieces(record: Row) -> list[Piece]:
    """The curve, the answers, the drivers and the failures."""
    shown = len(multiverse_chart.thinned(multiverse_chart.passing(record)))
    which = "" if shown == record["passed"] else f" {shown} of {record['passed']:,} are drawn, evenly by rank."
    caption = (
        f"Compute-optimal parameters at {numbers.flops(record['target'])} FLOPs by every fit that passes its own "
        "diagnostics, in order, each with its resampled interval; below, the choices behind it. Band: "
        f"{numbers.percent(record['level'])} of the fits.{which}"
    )
    drawing = figure("multiverse", lambda width: multiverse_chart.curve_chart(record, width), caption, full=True)
    return [drawing, answers(record), drivers(record), failures(record)]


def answers(record: Row) -> Markup:
    """N*, D* and loss: the median fit, the interval of the fits, that of all their resamples, and who moves it more."""
    rows = [
        (
            title.format(unit=unit_of(record)),
            write_number(record[name]["median"]),
            numbers.interval(record[name]["interval"], write_number),
            numbers.interval(record[name]["resampled_interval"], write_number),
            numbers.percent(record["variance"][name]["resampling_share"]),
        )
        for name, title, write_number in QUANTITIES
    ]
    level = numbers.percent(record["level"])
    head = ("", "median", f"{level} of fits", f"{level} of their resamples", "variance by resampling")
    return table(head, rows, numeric=range(1, 5))


def drivers(record: Row) -> Markup:
    """Share of the variance of each answer by axis, and the median N* of its choices."""
    rows = [
        (stacked(row["words"], ends(row["choices"])), *(numbers.percent(row[name]) for name, *_ in QUANTITIES))
        for row in record["drivers"]
        if len(row["choices"]) != 1  # an axis without a choice moves nothing
    ]
    head = ("what moves the answer, with the median N* of each choice", "ln N*", "ln D*", "ln loss")
    return table(head, rows, numeric=range(1, 4), caption="Share of the variance over the fits that pass.")


def ends(choices: list[Row]) -> str:
    """Choices with their median N*, in order of it; the first and the last two of many."""
    told = [f"{c['choice']} {numbers.count(c['params'])}" for c in sorted(choices, key=lambda c: c["params"])]
    return ", ".join(told if len(told) <= 6 else [*told[:2], "…", *told[-2:]])


def failures(record: Row) -> Markup | None:
    """Fits that do not pass, and why."""
    rows = [(f["code"], f["reason"], f"{f['n']:,}") for f in record["failed"]]
    caption = f"{record['specifications'] - record['passed']:,} of {record['specifications']:,} do not pass."
    return table(("", "why", "fits"), rows, numeric=(2,), caption=caption) if rows else None
