"""Units of a loss, stated or guessed, and FLOPs against 6 N D. A guess never converts anything: it passes or it asks.

The rules, in order (m is the median loss):

1. `--units nats|bits|bpb` settles it: nats/token as they are; bits/token times ln 2; bits per byte as they are, in
   bits/byte, which exponents and optima do not depend on. `--bytes-per-token` (a number or a column) goes from one to
   the other: bits/byte become nats/token, losses per token become bits/byte. Losses per token of different tokenizers
   do not compare, so where bytes per token differ between rows, and between arms, bits/byte stay what they are.
2. A table that a sweep wrote is in nats/token, by its schema (its column `bits_per_byte` in bits/byte); so is an array
   passed by the name `loss`.
3. A column whose name has one of the words `bpb`, `bits`, `ppl`, `perplexity` asks.
4. m above 12.5 (ln of a vocabulary of 268,000, the loss of a guess) looks like perplexity, m below 1.3 like bits per
   byte, or like a logarithm where the name begins with log or ln: asks.
5. Anything else passes as nats/token, and the output says that nobody stated it.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweep.errors import InputError
from sweep.nearest import nearest
from sweep.tables.expression import spelled
from sweep.tables.problem import Problem

UNITS = ("nats", "bits", "bpb")
WORDS = {"bpb": "bpb", "bits": "bits", "bit": "bits", "bpt": "bits", "ppl": "ppl", "perplexity": "ppl"}
LARGEST, SMALLEST = 12.5, 1.3  # median nats/token that pass without a question
SAME = 1e-6  # relative: one number of bytes per token, written with fewer digits
ASK = {
    "bpb": "pass --units bpb (and --bytes-per-token X for an answer in nats/token), or --units nats if it is that",
    "bits": "pass --units bits (bits/token), --units bpb (bits per byte) or --units nats",
    "ppl": 'pass --columns "loss=log({column})", or --units nats if it is nats/token after all',
}
ASK["log"] = (
    'pass --columns "loss=2.718281828459045**{column}" (or 10**{column}), or --units nats, or bpb, if it is the loss '
    "itself"
)
LOOKS = {"bpb": "bits per byte", "bits": "bits", "ppl": "perplexity", "log": "a logarithm of the loss"}
LOGARITHMS = ("log", "ln")  # first words of names; "log loss" is a usual name of the loss, too
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


PER_TOKEN, PER_BYTE = "nats/token", "bits/byte"  # what losses are fitted in
GIVEN = {"nats": "nats/token", "bits": "bits/token", "bpb": "bits/byte"}
TOKENS = ("tokenizer", "tokeniser", "vocab", "vocab_size")  # columns whose values make other tokens


@dataclass(frozen=True)
class Units:
    """How losses were read.

    Attributes:
        loss: unit of the column: nats, bits or bpb; None where it holds no losses.
        how: `stated`, `schema`, `arrays` (passed by name to a function that documents nats/token), `guessed`; `target`
            of a column that is no loss and is read as it stands.
        range: [least, largest] loss in `unit`, or of that column.
        bytes_per_token: number, or name of the column, that was given.
        of: what the column holds, with its unit.
        per_byte: whether the fit is in bits/byte.
    """

    loss: str | None = "nats"
    how: str = "guessed"
    range: tuple[float, float] = (math.nan, math.nan)
    bytes_per_token: str | None = None
    of: str = "loss"
    per_byte: bool = False

    @property
    def unit(self) -> str:
        """What the fitted losses, and everything that follows from them, are in; empty of what is no loss."""
        return "" if self.loss is None else PER_BYTE if self.per_byte else PER_TOKEN

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
            return f"loss in {self.unit} ({low} to {high}), by {said}"
        given, each = GIVEN[self.loss], f" at {self.bytes_per_token} bytes per token" * bool(self.bytes_per_token)
        if given == self.unit:
            kept = ", not converted: tokens of different tokenizers do not compare" * bool(each)
            return f"loss in {given} ({low} to {high}){kept}"
        return f"loss in {given}, converted{each} ({low} to {high} {self.unit})"

    @property
    def record(self) -> dict[str, Any]:
        """The block `units` of a fit."""
        return vars(self) | {"unit": self.unit, "statement": self.statement}


def unit_of(record: Mapping[str, Any]) -> str:
    """The unit of the losses in the record of a fit; nats/token of published coefficients, and of older fits."""
    return record.get("units", {}).get("unit", PER_TOKEN)


def brief(unit: str) -> str:
    """The unit of a difference of losses: nats of nats/token."""
    return "nats" if unit == PER_TOKEN else unit


def check_units(units: str | None, bytes_per_token: str | float | int | None) -> None:
    """Raise InputError for a unit that is not known, or for bytes per token of losses of an unknown unit."""
    if units is not None and units not in UNITS:
        raise InputError(f"--units {units}: no such unit{nearest(units, UNITS)}; nats, bits (both per token) or bpb")
    if units is None and bytes_per_token is not None:
        raise InputError(
            "--bytes-per-token: say with --units what the losses are in: bpb (then nats/token are fitted), or nats or "
            "bits, both per token (then bits/byte are fitted)"
        )


def converted(
    loss: np.ndarray, units: str | None, each: float | np.ndarray | None, arms: bool = False
) -> tuple[np.ndarray, bool]:
    """Losses [n] in what is fitted, and whether that is bits/byte.

    Args:
        units: of the losses: nats, bits or bpb; None for nats.
        each: bytes per token, a number or [n]; None where nobody said.
        arms: of a comparison of arms, which stays in bits/byte.
    """
    nats = loss * (1.0 if units in (None, "nats") else math.log(2))
    if each is None:
        return (loss, True) if units == "bpb" else (nats, False)
    if units != "bpb":
        return nats / (math.log(2) * each), True
    if arms or np.ptp(each) > SAME * np.max(each):
        return loss, True
    return nats * each, False


def doubt(loss: np.ndarray, column: str, name: str, known: Collection[str] = ()) -> Problem | None:
    """The question to ask about losses [n] whose unit nobody stated; None where they look like nats/token.

    Args:
        column: or an expression, where it is not in `known`, the columns of the table.
    """
    words = re.split(r"[^a-z]+", column.lower())
    plain_name = column in known or re.fullmatch(r"[\w .-]+", column)  # an expression has said what it does
    seen = next((WORDS[word] for word in words if word in WORDS), None) if plain_name else None
    if "byte" in words and "bits" in words:
        seen = "bpb"
    middle = float(np.median(loss))
    basis = f"its name, and values of {loss.min():.4g} to {loss.max():.4g}"
    if seen is None or "nats" in words:
        small = "log" if words[0] in LOGARITHMS and plain_name else "bpb"
        seen = "ppl" if middle > LARGEST else small if middle < SMALLEST else None
        basis = f"median {middle:.4g}, from {loss.min():.4g} to {loss.max():.4g}"
    if seen is None:
        return None
    message = (
        f"{name}: column {column} looks like {LOOKS[seen]} ({basis}); {ASK[seen].format(column=typed(column, known))}"
    )
    return Problem("units", message, None, column, "error")


def typed(column: str, known: Collection[str]) -> str:
    """A column, or an expression, as it stands in an expression."""
    if column in known:
        return spelled(column)
    return column if column.isidentifier() else f"({column})"


def doubt_flops(ratio: np.ndarray, column: str, name: str, known: Collection[str] = ()) -> Problem | None:
    """What is wrong with FLOPs whose ratio to 6 N D is [n]: another unit, or simply far off; None within 100x."""
    middle = float(np.median(ratio))
    if 1e-2 < middle < 1e2:
        return None
    unit = next((unit for unit, size in SCALES.items() if 1 / 3 < middle * size < 3), None)
    cure = f'it looks like {unit}: pass --columns "flops={typed(column, known)}*{SCALES[unit]:g}"' if unit else (
        "check the units of params, tokens and flops, for instance --columns \"params=N*1e6\""
    )  # fmt: skip
    message = f"{name}: column {column} is {middle:.3g} x 6 x params x tokens (median); {cure}"
    return Problem("flops_unit", message, None, column, "error")
