"""`sweep report DIR`: the run directory as one self-contained HTML page."""

from dataclasses import dataclass

import tyro

from sweep.verbs.output import Output


@dataclass(frozen=True)
class Args:
    """Write one self-contained HTML page of a sweep: the verdict, the charts, every trial, and where it came from.

    Works on a half-finished sweep too, and says what is missing. Of the fit of a table it is the same page without
    the parts about training.

    Example: sweep report runs/demo

    Example: sweep report fit/
    """

    dir: tyro.conf.Positional[str]
    """The directory of a sweep, or that which `sweep fit TABLE --out DIR` wrote."""
    out: str | None = None
    """Where to write the page; report.html in that directory unless given."""


def run(args: Args) -> Output:
    """Write the page.

    Raises:
        InputError: no such directory, or neither of a sweep nor of a fit; nothing trained yet; a broken file; nowhere
            to write.
    """
    from sweep.report import report  # here, so that other verbs do not wait for the chart library

    path = report(args.dir, args.out)
    return Output(data={"report": str(path), "bytes": len(path.read_bytes())}, text=f"{path}")
