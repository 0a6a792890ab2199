"""The ledger of forecasts: `forecast.jsonl`, one line a prediction, one line an outcome, only ever appended.

A forecast is dated and hashed before the run it speaks of is trained; the outcome is scored whatever it says. Lines are
chained (`sweep.plan.chain`): a past line that was edited shows, and nothing is added to such a ledger.
"""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sweep import storage
from sweep.errors import InputError
from sweep.files import Growth, extend
from sweep.hashing import content_hash
from sweep.plan import chain, entries
from sweep.plan.chain import Ledger, Record, kinds
from sweep.storage import Location

FILE = "forecast.jsonl"
NEEDED = {
    "forecast": ("id", "date", "trial", "params", "tokens", "loss", "interval", "level"),
    "outcome": ("forecast", "date", "trial", "status", "loss", "error", "inside"),
}


def write_forecast(directory: Location, *, trial: str | None, flops: float, prediction: Record) -> Record:
    """Append a forecast for `trial`, or return the one that already stands: a forecast is never made twice.

    Args:
        trial: identity or name of the run that will decide; without one, the forecast that stands is one that says
            exactly the same.
        flops: training FLOPs of that run.
        prediction: params, tokens, loss (nats/token), interval, level, law, fit, reach, extrapolation, warnings.

    Raises:
        Refusal: `broken_chain`, the ledger was edited.
    """
    record = {"trial": trial, "flops": flops, **prediction}
    id = content_hash(record)

    def same(line: Record) -> bool:
        return line["kind"] == "forecast" and (line["id"] == id if trial is None else line["trial"] == trial)

    return append(directory, {"kind": "forecast", "id": id, "date": now(), **record}, same)


def write_outcome(directory: Location, forecast: Record, row: dict[str, Any]) -> Record:
    """Append the outcome of a forecast from its row of the loss table, or return the one that stands.

    A run that diverged or failed is an outcome too: its loss is null and nothing is scored.

    Raises:
        Refusal: `broken_chain`, the ledger was edited.
    """
    loss = row["loss"]
    low, high = forecast["interval"]
    scored = loss is not None
    outcome = {
        "kind": "outcome",
        "forecast": forecast["id"],
        "date": now(),
        "trial": row["trial"],
        "status": row["status"],
        "loss": loss,
        "loss_se": row["loss_se"],
        "error": loss - forecast["loss"] if scored else None,
        "inside": low <= loss <= high if scored and low is not None and high is not None else None,
    }
    return append(directory, outcome, lambda line: line["kind"] == "outcome" and line["forecast"] == forecast["id"])


def append(directory: Location, record: Record, same: Callable[[Record], bool]) -> Record:
    """Seal and append a record unless a line says the `same`; returns the line that stands."""
    file, standing = directory / FILE, {}

    def follow(ledger: Ledger) -> bytes:
        """The line to add: none where one stands."""
        checked(ledger).refuse_broken()
        found = next((line for line in ledger.records if same(line)), None)
        standing["line"] = found or chain.seal(record, ledger.head)
        return b"" if found else chain.text(standing["line"]).encode() + b"\n"

    def growth(held: bytes) -> Growth:
        ledger = chain.parse(held, file)
        if not (line := follow(ledger)):
            return Growth(len(held), b"")
        begin = b"" if held[: ledger.whole].endswith(b"\n") or not ledger.whole else b"\n"
        return Growth(ledger.whole, begin + line)

    folder = directory / entries.FOLDER
    if isinstance(file, Path) and not chain.in_entries(file, entries.read(folder)):
        extend(file, growth)
    else:
        before = storage.read(file) or b""
        entries.append(folder, lambda held: follow(chain.parse(entries.joined(before, held), folder)) or None)
    return standing["line"]


def ledger_of(directory: Location) -> Ledger:
    """The ledger of a directory, each line judged; empty where there is none."""
    return checked(chain.read(directory / FILE))


def checked(ledger: Ledger) -> Ledger:
    """The ledger, or InputError where a line that shows no edit is neither a forecast nor an outcome."""
    for line in ledger.lines:
        needed = NEEDED.get(str(line.record.get("kind")))
        if not line.problem and (needed is None or not line.record.keys() >= set(needed)):
            raise InputError(
                f"{ledger.file}: line {line.number}: not a ledger of forecasts (neither forecast nor outcome); restore "
                "it from a copy"
            )
    return ledger


def read(directory: Location) -> list[Record]:
    """Every line of the ledger, oldest first. Raises InputError for a line that is not JSON."""
    return ledger_of(directory).records


def outcomes(records: list[Record]) -> dict[str, Record]:
    """Id of a forecast -> its outcome."""
    return {line["forecast"]: line for line in kinds(records, "outcome")}


def still_open(records: list[Record]) -> list[Record]:
    """Forecasts without an outcome."""
    known = outcomes(records)
    return [line for line in kinds(records, "forecast") if line["id"] not in known]


def size_of(line: Record) -> str:
    """The run that a forecast speaks of: its params and tokens, or its FLOPs."""
    if line.get("params") is None:
        return f"{line['flops']:.4g} FLOPs"
    return f"{line['params']:.4g} params on {line['tokens']:.4g} tokens"


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
