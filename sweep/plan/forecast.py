"""The ledger of forecasts: `forecast.jsonl`, one line a prediction, one line an outcome, only ever appended.

A forecast is dated and hashed before the run it speaks of is trained; the outcome is scored whatever it says.
"""

import datetime
import json
from pathlib import Path
from typing import Any

from sweep.config import content_hash
from sweep.errors import InputError

FILE = "forecast.jsonl"


def write_forecast(directory: Path, *, trial: str, flops: float, prediction: dict[str, Any]) -> dict[str, Any]:
    """Append a forecast for `trial`, or return the one that already stands: a forecast is never made twice.

    Args:
        trial: identity of the run that will decide.
        flops: training FLOPs of that run.
        prediction: params, tokens, loss (nats/token), interval, level, law, fit, extrapolation, warnings.
    """
    for line in read(directory):
        if line["kind"] == "forecast" and line["trial"] == trial:
            return line
    record = {"trial": trial, "flops": flops, **prediction}
    return append(directory, {"kind": "forecast", "id": content_hash(record), "date": now(), **record})


def write_outcome(directory: Path, forecast: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Append the outcome of a forecast from its row of the loss table, or return the one that stands.

    A run that diverged or failed is an outcome too: its loss is null and nothing is scored.
    """
    for line in read(directory):
        if line["kind"] == "outcome" and line["forecast"] == forecast["id"]:
            return line
    loss = row["loss"]
    low, high = forecast["interval"]
    scored = loss is not None
    return append(
        directory,
        {
            "kind": "outcome",
            "forecast": forecast["id"],
            "date": now(),
            "trial": row["trial"],
            "status": row["status"],
            "loss": loss,
            "loss_se": row["loss_se"],
            "error": loss - forecast["loss"] if scored else None,
            "inside": low <= loss <= high if scored and low is not None and high is not None else None,
        },
    )


def read(directory: Path) -> list[dict[str, Any]]:
    """Every line of the ledger, oldest first. Raises InputError for a line that is not JSON."""
    file = directory / FILE
    if not file.exists():
        return []
    try:
        return [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    except json.JSONDecodeError as error:
        raise InputError(f"{file}: not a ledger of forecasts ({error}); restore it from a copy") from error


def append(directory: Path, record: dict[str, Any]) -> dict[str, Any]:
    with (directory / FILE).open("a") as file:
        file.write(json.dumps(record, allow_nan=False) + "\n")
    return record


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
