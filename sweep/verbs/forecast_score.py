"""`sweep forecast score`: outcomes of forecasts, given or from a sweep's loss table, and the calibration."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from sweep.errors import InputError
from sweep.plan import forecast as ledger
from sweep.plan.calibration import calibration
from sweep.plan.chain import Record, kinds
from sweep.plan.match import Row, decided
from sweep.storage import Location
from sweep.tables import io
from sweep.tables.units import PER_TOKEN
from sweep.verbs.forecast import ledger_home
from sweep.verbs.forecast_list import outcome_text, reach_lines
from sweep.verbs.output import Output


@dataclass(frozen=True)
class Args:
    """Write down what became of a forecast, once, whatever it says. A ledger that was edited is refused.

    In a sweep's directory, without --loss, every open forecast is scored whose run has ended: the run of its name, or
    the one run of its params and tokens. Elsewhere give the loss, and say of which forecast where several are open.

    Example: sweep forecast score fit/ --trial big --loss 2.013

    Example: sweep forecast score runs/mine
    """

    fit: tyro.conf.Positional[str]
    """Directory of the fit or of the sweep that the forecast was made from."""
    id: str | None = None
    """Of the forecast, as `sweep forecast list` shows it."""
    trial: Annotated[str | None, tyro.conf.arg(aliases=("--name",))] = None
    """Name of its run."""
    loss: float | None = None
    """Validation loss of the run, in the unit of the forecast, measured as the losses that were fitted."""
    loss_se: float | None = None
    """Its standard error, if known."""
    status: Literal["done", "diverged", "failed"] = "done"
    """How the run ended; one that diverged or failed has no loss."""


def run(args: Args) -> Output:
    """Score what can be scored."""
    home = ledger_home(args.fit)
    found = ledger.ledger_of(home)
    found.refuse_broken()
    chosen = wanted(args, found.records, str(found.file))
    if args.loss is None and args.status == "done":
        written, waiting = from_table(home, chosen, args.fit)
    else:
        written, waiting = [given(args, home, chosen)], []
    records = ledger.read(home)
    told = [outcome_text(next(f for f in chosen if f["id"] == o["forecast"]), o) for o in written]
    told += [f"{name(line)}: open, {why}" for line, why in waiting]
    data = {
        "file": str(found.file),
        "outcomes": written,
        "open": [{"id": line["id"], "trial": line["trial"], "reason": why} for line, why in waiting],
        "calibration": calibration(records),
    }
    return Output(data, "\n".join([*told, *reach_lines(data["calibration"])]))


def wanted(args: Args, records: list[Record], file: str) -> list[Record]:
    """The forecasts that are asked about: those named, else all that are open. Raises InputError for none."""
    every = list(kinds(records, "forecast"))
    if not every:
        raise InputError(f"{file}: no forecast here; `sweep forecast FIT --params N --tokens D` writes one")
    if args.id is None and args.trial is None:
        chosen = ledger.still_open(records)
        if not chosen:
            raise InputError(f"{file}: every forecast has its outcome; `sweep forecast list` shows them")
        return chosen
    chosen = [f for f in every if args.id in (None, f["id"]) and args.trial in (None, f["trial"])]
    if not chosen:
        known = ", ".join(name(f) for f in every)
        raise InputError(f"{file}: no forecast {args.id or args.trial!r}; there are {known}")
    return chosen


def given(args: Args, home: Location, chosen: list[Record]) -> Record:
    """The outcome that the options say, written; one that stands must say the same."""
    if len(chosen) > 1:
        raise InputError(f"forecast score: --loss of which forecast? --id {' or '.join(f['id'] for f in chosen)}")
    if (args.loss is None) == (args.status == "done"):
        raise InputError(f"forecast score: a run that ended as {args.status} has no --loss; leave one of them out")
    for option, value in (("--loss", args.loss), ("--loss-se", args.loss_se)):
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"forecast score: {option} {value!r}; a positive number, in the unit of the fit")
    trial = chosen[0]["trial"]
    row = {"trial": trial, "status": args.status, "loss": args.loss, "loss_se": args.loss_se}
    written = ledger.write_outcome(home, chosen[0], row)
    if (written["loss"], written["status"]) != (args.loss, args.status):
        raise InputError(
            f"{home / ledger.FILE}: {name(chosen[0])} was scored on {written['date']} ({written['status']}, loss "
            f"{written['loss']}); an outcome is written once"
        )
    return written


def from_table(home: Location, chosen: list[Record], fit: str) -> tuple[list[Record], list[tuple[Record, str]]]:
    """(outcomes written, (forecast, why it stays open)) from the loss table of a sweep."""
    rows = list(rows_of(home))
    if not rows:
        raise InputError(f"{fit}: no loss table of a sweep here; give the outcome with --loss")
    written, waiting = [], []
    for line in chosen:
        row, why = decided(line, rows)
        if row is None:
            waiting.append((line, why))
        else:
            written.append(ledger.write_outcome(home, line, in_unit(row, line)))
    return written, waiting


def in_unit(row: Row, line: Record) -> Row:
    """A row of a sweep's loss table with its loss in the unit of the forecast."""
    if line.get("unit", PER_TOKEN) == PER_TOKEN:
        return row
    share = row["bits_per_byte"] / row["loss"] if row["loss"] else None
    error = row["loss_se"] * share if share and row["loss_se"] is not None else None
    return {**row, "loss": row["bits_per_byte"] if share else None, "loss_se": error}


def rows_of(home: Location) -> Iterator[Row]:
    """Rows of a sweep's loss table, and of the run that decides its forecast (the demo's), trained in a folder of its
    own."""
    for folder in (home, home / "forecast"):
        if io.parts(folder, "rows"):
            yield from io.merged(folder).to_pylist()
        elif (folder / "sweep.json").exists() and (folder / io.LOSSES_FILE).exists():
            yield from io.read(folder / io.LOSSES_FILE).to_pylist()


def name(line: Record) -> str:
    """A forecast by its id and, if it has one, the name of its run."""
    return f"{line['id']} ({line['trial']})" if line["trial"] else line["id"]
