"""Every fit of a bundle made again from its table, and its numbers compared with those that were written."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sweep import laws
from sweep.bundle.contents import Record
from sweep.errors import SweepError
from sweep.fit import Fit, fit
from sweep.fit.result import FIT_FILE
from sweep.tables.read import TableFile
from sweep.versions import PACKAGES, differing, installed

SAME = 1e-6  # relative, with the same versions: six digits, of which `sweep fit` prints four
OTHER = 1e-4  # with other versions: the digits that `sweep fit` prints
FLOOR = 1e-9  # absolute: gradients and residuals that are rounding
DECIDING = ("python", *PACKAGES)
ASIDE = ("timing", "source", "request", "versions", "warnings")  # told apart from numbers
SHOWN = 3


@dataclass(frozen=True)
class Refit:
    """What became of one fit.

    Attributes:
        path: in the bundle.
        status: same (every number within the tolerance), differs, or unchecked.
        exact: every number is the same bit for bit.
        numbers: how many were compared.
        largest: relative difference, of the quantity `worst`.
        tolerance: relative.
        versions: those that differ, `jax 0.10.2, now 0.11.0`.
        different: the first quantities beyond the tolerance, as lines.
        why: it was not checked.
    """

    path: str
    status: str
    exact: bool = False
    numbers: int = 0
    largest: float = 0.0
    worst: str = ""
    tolerance: float = SAME
    versions: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    why: str = ""


def refit(folder: Path, entry: Record) -> Refit:
    """Fit again as the record says, and compare."""
    path = entry["path"]
    if entry["table"] is None:
        return Refit(path, "unchecked", why=entry["why"])
    record = json.loads((folder / path / FIT_FILE).read_text())
    if record.get("law") not in laws.LAWS:
        why = f"this version does not know the law {record.get('law')!r} (`sweep laws` lists those it has); "
        made = (record.get("versions") or {}).get("isoflop")
        return Refit(path, "unchecked", why=why + f"the fit was made by isoflop {made or 'of another version'}")
    try:
        before, again = Fit.load(folder / path), made_again(folder, entry, record["request"])
    except (SweepError, TypeError) as error:
        return Refit(path, "differs", why=str(error), different=[str(error)])
    return compare(before, again, path)


def made_again(folder: Path, entry: Record, request: Record) -> Fit:
    """The fit by its recorded options. Raises as `sweep.fit.fit`, and TypeError for an option of another version."""
    options = {name: value for name, value in request.items() if name not in ("path", "wide", "drop_unfinished")}
    table = folder if entry["table"] == "." else folder / entry["table"]
    return fit(TableFile(table, request["wide"], request["drop_unfinished"]), **options)


def compare(before: Fit, again: Fit, path: str) -> Refit:
    """Number by number."""
    then = before.record.get("versions") or {}
    versions = differing(then, {name: installed()[name] for name in DECIDING if name in installed()})
    tolerance = OTHER if versions else SAME
    pairs = [*leaves(before.record, again.record), *lanes(before, again)]
    apart = [(distance(a, b), name, a, b) for name, a, b in pairs]
    largest = max(apart, key=lambda x: x[0], default=(0.0, "", None, None))
    beyond = sorted((x for x in apart if x[0] > tolerance), key=lambda x: -x[0])
    return Refit(
        path,
        "differs" if beyond else "same",
        exact=all(a == b for _, _, a, b in apart),
        numbers=len(apart),
        largest=largest[0] if math.isfinite(largest[0]) else math.inf,
        worst=largest[1],
        tolerance=tolerance,
        versions=versions,
        different=[f"{name}: {a!r}, now {b!r}" for _, name, a, b in beyond[:SHOWN]],
    )


def leaves(a: Any, b: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(name, value, value now) of everything in two records; what only one has stands beside None.

    Sentences are left out: the numbers in them are compared where they come from.
    """
    if isinstance(a, dict) and isinstance(b, dict):
        for key in dict.fromkeys([*a, *b]):
            if name or key not in ASIDE:
                yield from leaves(a.get(key), b.get(key), f"{name}.{key}" if name else key)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from leaves(x, y, f"{name}[{i}]")
    elif not (isinstance(a, str) and " " in a):
        yield name, a, b


def lanes(before: Fit, again: Fit) -> Iterator[tuple[str, Any, Any]]:
    """The resamples: how each ended, and the coefficients of those that gave an answer."""
    if len(before.verdict) != len(again.verdict):
        yield "resamples", len(before.verdict), len(again.verdict)
        return
    yield "resamples that gave an answer", int(before.usable.sum()), int(again.usable.sum())
    both = np.flatnonzero(before.usable & again.usable)
    for name, values in before.lanes.items():
        for i in both:
            yield f"resample {i + 1} {name}", float(values[i]), float(again.lanes[name][i])


def distance(a: Any, b: Any) -> float:
    """Relative difference of two numbers; 0 of equal things, infinite of things that differ otherwise."""
    if a == b or (is_number(a) and is_number(b) and abs(a - b) <= FLOOR):
        return 0.0
    if not (is_number(a) and is_number(b)) or not (math.isfinite(a) and math.isfinite(b)):
        return 0.0 if is_number(a) and is_number(b) and math.isnan(a) and math.isnan(b) else math.inf
    return abs(a - b) / max(abs(a), abs(b))


def is_number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool)


def verdict(found: Refit) -> str:
    """One line for people."""
    if found.status == "unchecked":
        return f"{found.path}: not repeated: {found.why}"
    if found.why:
        return f"{found.path}: cannot be repeated: {found.why}"
    among = f"; versions differ: {'; '.join(found.versions)}" if found.versions else ""
    if found.exact:
        return f"{found.path}: the same digits, all {found.numbers:,} values{among}"
    far = f"largest difference {found.largest:.1g} in {found.worst}, tolerance {found.tolerance:g} relative"
    if found.status == "same":
        return f"{found.path}: reproduced, {found.numbers:,} values, {far}{among}"
    return f"{found.path}: DIFFERS: {'; '.join(found.different)} ({far}){among}"
