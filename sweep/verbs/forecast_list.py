"""`sweep forecast list`: the ledger for people, every forecast with its outcome, and the calibration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tyro

from sweep.errors import InputError
from sweep.plan import forecast as ledger
from sweep.plan.calibration import calibration
from sweep.plan.chain import Ledger, Record
from sweep.verbs.forecast import ledger_home, old
from sweep.verbs.output import Output

PLACES = {True: "inside", False: "outside", None: "not scored"}


@dataclass(frozen=True)
class Args:
    """Every forecast of a ledger, what became of it, and how often the intervals held what they claimed.

    Exit code 2 where a line was edited (`sweep forecast verify` says which); nothing is scored from it.

    Example: sweep forecast list fit/
    """

    fit: tyro.conf.Positional[str]
    """Directory of the fit or of the sweep that the forecasts were made from."""


def run(args: Args) -> Output:
    """Read and show."""
    found = existing(args.fit)
    records, broken = found.records, found.broken
    known = {} if broken else ledger.outcomes(records)
    data = {
        "file": str(found.file),
        "lines": records,
        "unsealed": found.unsealed,
        "head": found.head,
        "broken": problems(found),
        "calibration": {} if broken else calibration(records),
    }
    lines = [heading(found)]
    for line in found.lines:
        if line.problem:
            lines.append(f"line {line.number} {line.problem}")
        elif line.record["kind"] == "forecast":
            lines.append(outcome_text(line.record, known.get(line.record["id"])))
    lines += [old(found.unsealed)] * bool(found.unsealed)
    lines += reach_lines(data["calibration"])
    lines.append("refused to score a ledger that was edited" if broken else f"head {found.head}")
    return Output(data, "\n".join(lines), 2 if broken else 0)


def existing(fit: str) -> Ledger:
    """The ledger of a fit. Raises InputError where there is none."""
    found = ledger.ledger_of(ledger_home(fit))
    if not found.lines:
        raise InputError(f"{found.file}: no forecasts yet; `sweep forecast {fit} --params N --tokens D` writes one")
    return found


def heading(found: Ledger) -> str:
    """How many lines, and a torn end."""
    torn = f"; {found.torn} bytes at its end are no line: a writer died, and the next line takes their place"
    return f"{found.file}: {len(found.lines)} lines{torn if found.torn else ''}"


def problems(found: Ledger) -> list[dict[str, Any]]:
    """Lines in which an edit shows, as JSON."""
    return [{"line": line.number, "message": line.problem} for line in found.broken]


def outcome_text(line: Record, outcome: Record | None) -> str:
    """One forecast and what became of it."""
    low, high = line["interval"]
    between = f" [{low:.4f}, {high:.4f}]" if low is not None else ""
    who = f"{line['id']}{' ' + line['trial'] if line['trial'] else ''}"
    kind = f", {line['reach']}" if "reach" in line else ""
    said = f"{line['date'][:10]} {who}: {ledger.size_of(line)}{kind}: "
    said += f"{line['loss']:.4f}{between}"
    if outcome is None:
        return f"{said}, open"
    if outcome["loss"] is None:
        return f"{said}, ended as {outcome['status']}: not scored"
    return f"{said}, outcome {outcome['loss']:.4f}: {outcome['error']:+.4f}, {PLACES[outcome['inside']]}"


def reach_lines(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The calibration, one line a kind of forecast."""
    return [f"{name}: {group['text']}" for name, group in found.items()]
