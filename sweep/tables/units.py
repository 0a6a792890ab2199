"""Units of a loss, stated or guessed, and FLOPs against 6 N D. A guess never converts anything: it passes or it asks.

The rules, in order (m is the median loss):

1. `--units nats|bits|bpb` settles it: nats/token as they are; bits/token times ln 2; bits per byte times ln 2 times the
   bytes per token (`--bytes-per-token`, a number or a column).
2. A table that a sweep wrote is in nats/token, by its schema; so is an array passed by the name `loss`.
3. A column whose name has one of the words `bpb`, `bits`, `ppl`, `perplexity` asks.
4. m above 12.5 (ln of a vocabulary of 268,000, the loss of a guess) looks like perplexity, m below 1.3 like bits per
   byte: asks.
5. Anything else passes as nats/token, and the output says that nobody stated it.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from sweep.config import nearest
from sweep.errors import InputError
from sweep.tables.problem import Problem

UNITS = ("nats", "bits", "bpb")
WORDS = {"bpb": "bpb", "bits": "bits", "bit": "bits", "bpt": "bits", "ppl": "ppl", "perplexity": "ppl"}
LARGEST, SMALLEST = 12.5, 1.3  # median nats/token that pass without a question
ASK = {
    "bpb": "pass --units bpb --bytes-per-token X, or --units nats if it is nats/token after all",
    "bits": "pass --units bits (bits/token), --units bpb (bits per byte) or --units nats",
    "ppl": 'pass --columns "loss=log({column})", or --units nats if it is nats/token after all',
}
LOOKS = {"bpb": "bits per byte", "bits": "bits", "ppl": "perplexity"}
SCALES = {  # FLOPs in one of the unit
    "PF-days": 8.64e19,
    "EF-days": 8.64e22,
    "GFLOPs": 1e9,
    "TFLOPs": 1e12,
    "PFLOPs": 1e15,
    "EFLOPs": 1e18,
    "ZFLOPs": 1e21,
    "YFLOPs": 1e24,
}


@dataclass(frozen=True)
class Units:
    """How losses were read.

    Attributes:
        loss: unit of the column: nats, bits or bpb; None where it holds no losses.
        how: `stated`, `schema`, `arrays` (passed by name to a function that documents nats/token), `guessed`; `target`
            of a column that is no loss and is read as it stands.
        range: [least, largest] loss in nats/token, or of that column.
        bytes_per_token: number, or name of the column, that bpb was converted with.
        of: what the column holds, with its unit.
    """

    loss: str | None = "nats"
    how: str = "guessed"
    range: tuple[float, float] = (math.nan, math.nan)
    bytes_per_token: str | None = None
    of: str = "loss"

    @property
    def statement(self) -> str:
        """One line for people."""
        low, high = (f"{x:.4g}" for x in self.range)
        if self.loss is None:
            return f"{self.of}: {low} to {high}, as the table has it"
        if self.how == "guessed":
            return f"loss looks like nats/token ({low} to {high}); not stated, --units settles it"
        if self.how in ("schema", "arrays"):
            said = "the schema of the table" if self.how == "schema" else "the name of the array"
            return f"loss in nats/token ({low} to {high}), by {said}"
        given = {"nats": "nats/token", "bits": "bits/token, converted", "bpb": "bits per byte, converted"}[self.loss]
        each = f" at {self.bytes_per_token} bytes per token" if self.bytes_per_token else ""
        return f"loss in {given}{each} ({low} to {high} nats/token)"


def check_units(units: str | None, bytes_per_token: str | float | int | None) -> None:
    """Raise InputError for a unit that is not known, or for bytes per token where they are missing or not wanted."""
    if units is not None and units not in UNITS:
        raise InputError(f"--units {units}: no such unit{nearest(units, UNITS)}; nats, bits (both per token) or bpb")
    if units == "bpb" and bytes_per_token is None:
        raise InputError(
            "--units bpb: a law is fitted in nats/token, so say --bytes-per-token X (a number or a column), the bytes "
            "of text that one token stands for"
        )
    if units != "bpb" and bytes_per_token is not None:
        raise InputError("--bytes-per-token goes with --units bpb only")


def factor(units: str | None, bytes_per_token: float | np.ndarray | None) -> float | np.ndarray:
    """Nats/token in one of the unit."""
    if units == "bits":
        return math.log(2)
    return 1.0 if units in (None, "nats") else math.log(2) * np.asarray(bytes_per_token)


def doubt(loss: np.ndarray, column: str, name: str) -> Problem | None:
    """The question to ask about losses [n] whose unit nobody stated; None where they look like nats/token."""
    words = re.split(r"[^a-z]+", column.lower())
    plain_name = re.fullmatch(r"[\w .-]+", column)  # an expression has already said what it does
    seen = next((WORDS[word] for word in words if word in WORDS), None) if plain_name else None
    if "byte" in words and "bits" in words:
        seen = "bpb"
    middle = float(np.median(loss))
    basis = f"its name, and values of {loss.min():.4g} to {loss.max():.4g}"
    if seen is None or "nats" in words:
        seen = "ppl" if middle > LARGEST else "bpb" if middle < SMALLEST else None
        basis = f"median {middle:.4g}, from {loss.min():.4g} to {loss.max():.4g}"
    if seen is None:
        return None
    message = f"{name}: column {column} looks like {LOOKS[seen]} ({basis}); {ASK[seen].format(column=column)}"
    return Problem("units", message, None, column, "error")


def doubt_flops(ratio: np.ndarray, column: str, name: str) -> Problem | None:
    """What is wrong with FLOPs whose ratio to 6 N D is [n]: another unit, or simply far off; None within 100x."""
    middle = float(np.median(ratio))
    if 1e-2 < middle < 1e2:
        return None
    unit = next((unit for unit, size in SCALES.items() if 1 / 3 < middle * size < 3), None)
    cure = f'it looks like {unit}: pass --columns "flops={column}*{SCALES[unit]:g}"' if unit else (
        "check the units of params, tokens and flops, for instance --columns \"params=N*1e6\""
    )  # fmt: skip
    message = f"{name}: column {column} is {middle:.3g} x 6 x params x tokens (median); {cure}"
    return Problem("flops_unit", message, None, column, "error")
