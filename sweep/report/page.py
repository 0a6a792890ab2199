"""The page: one HTML file with everything inlined, that opens with the network off and prints."""

import datetime

from sweep import files
from sweep.report import record, sections, table_record
from sweep.report.document import document
from sweep.report.load import Run, load
from sweep.report.markup import Markup
from sweep.report.multiverse import multiverse
from sweep.report.trust import trust
from sweep.report.verdict import verdict
from sweep.storage import Location, locate


def report(run_dir: str | Location, out: str | Location | None = None) -> Location:
    """Write the report of a run directory, or of a fit of a table, and return its path.

    Args:
        run_dir: the directory that `sweep run` or `sweep fit --out` wrote; only its files are read.
        out: where to write, `report.html` in that directory unless given.

    Raises:
        InputError: no such directory, neither kind, nothing trained yet, a broken file, or nowhere to write.
    """
    run = load(locate(run_dir))
    target = locate(out) if out is not None else run.path / "report.html"
    files.write_text(target, html(run, datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")))
    return target


def html(run: Run, date: str) -> str:
    """The page of a run as one string, dated `date`."""
    return document(run.name, date, verdict(run), chapters(run, date), "sweep" if run.trained else "fit")


def chapters(run: Run, date: str) -> list[Markup]:
    """The sections in reading order; those of training only where something was trained."""
    if not run.trained:
        return [
            sections.isoflop(run),
            sections.frontier(run),
            sections.forecast(run),
            sections.law(run),
            sections.bootstrap(run),
            trust(run),
            multiverse(run),
            table_record.runs(run),
            table_record.provenance(run, date),
        ]
    return [
        sections.isoflop(run),
        sections.frontier(run),
        sections.forecast(run),
        sections.curves(run),
        sections.law(run),
        sections.bootstrap(run),
        trust(run),
        multiverse(run),
        sections.learning_rates(run),
        record.failures(run),
        record.counting(run),
        record.trials(run),
        record.provenance(run, date),
    ]
