"""Quantities as people write them: 3e21, 1.5PFday, 7B, 1_000_000, $300k, 1e12:1e14; and those that nobody can mean.

Suffixes of counts and of money are k, M, B (or G) and T, in either case, or the words thousand, million, billion and
trillion. Compute is in FLOPs unless it names another unit, such as PF-days. A value far below or above what a run can
have is an error: `--compute 10` is 10 of something else. Everything that takes a number from a person reads it here.
"""

import functools
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from sweep.errors import InputError

PF_DAY = 8.64e19  # FLOPs in a day of 1e15 FLOP/s
SUFFIX = {"": 0, "k": 3, "m": 6, "b": 9, "g": 9, "t": 12}  # powers of ten
SUFFIX |= {"thousand": 3, "mn": 6, "million": 6, "bn": 9, "billion": 9, "tn": 12, "trillion": 12}
PREFIXES = {"m": 6, "g": 9, "t": 12, "p": 15, "e": 18, "z": 21, "y": 24}  # of FLOPs
DAYS = ("fday", "fd", "fsday", "flopday", "flopsday")  # PF-days, PFd, PF/s-days, PFLOP-days, PFLOP/s-days
FLOPS = {"": Decimal(1), "flop": Decimal(1)}  # FLOPs in one of the unit
FLOPS |= {f"{letter}flop": Decimal(10) ** power for letter, power in PREFIXES.items()}
FLOPS |= {f"{letter}{day}": Decimal(86400) * 10**power for letter, power in PREFIXES.items() for day in DAYS}
WRITTEN = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([a-z]*)")
GROUPED = re.compile(r"(?<![\d.])(\d{1,3})((?:([ ,'’])\d{3})(?:\3\d{3})*)(?![\d,])")  # 1,000,000 and its likes
POWER = re.compile(r"(?:\s*[x×*·]\s*|(?<![\d.]))10(?:\^|\*\*)([+-]?\d+)")  # of 3x10^21, and 10^21 alone
LEAST_FLOPS, LEAST_COUNT = 1e6, 100.0  # below them a value is in some other unit
MOST_FLOPS, MOST_COUNT = 1e40, 1e30  # above them nobody means it: the largest runs take some 1e26 FLOPs

Given = float | int | str
Reader = Callable[[str, Any], float]  # of a name for messages and what was given


class Range(NamedTuple):
    """A quantity known within a factor: the ends, and their geometric middle."""

    low: float
    middle: float
    high: float


def flops(name: str, value: Any) -> float:
    """FLOPs of 3e21, "3e21", "1PFday" or "2.5 PF-days". Raises InputError, also below 1e6 and above 1e40."""
    number = any_flops(name, value)
    if wrong := extreme(number, LEAST_FLOPS, MOST_FLOPS):
        raise InputError(
            f"{name} {shown(value)}: {number:g} FLOPs is too {wrong} to mean it; write FLOPs such as 1e21, or 10PFday"
        )
    return number


def any_flops(name: str, value: Any) -> float:
    """`flops` of any size, zero too."""
    number, unit = split(name, value)
    singular = re.sub(r"s$", "", unit)
    if singular not in FLOPS:
        raise InputError(f"{name} {shown(value)}: FLOPs such as 1e21, or PF-days such as 10PFday")
    return float(number * FLOPS[singular])


def count(name: str, value: Any, what: str) -> float:
    """Params or tokens of 7e9, "7e9" or "7B". Raises InputError, also below 100 and above 1e30."""
    number = positive(name, value)
    if wrong := extreme(number, LEAST_COUNT, MOST_COUNT):
        raise InputError(f"{name} {shown(value)}: {number:g} {what} is too {wrong} to mean it; write 7e9 or 7B")
    return number


def extreme(number: float, least: float, most: float) -> str:
    """What a number outside its limits is too much of; empty inside."""
    return "small" if number < least else "large" if number > most else ""


def demand(name: str, value: Any) -> Range:
    """Tokens to serve, a number or a range such as 1e12:1e14; 0 for none. Raises InputError."""
    low, separator, high = str(value).partition(":")
    if not separator:
        number = nonnegative(name, value)
        return Range(*[count(name, number, "tokens") if number else 0.0] * 3)
    ends = [count(name, end, "tokens") for end in (low, high)]
    if ends[0] >= ends[1]:
        raise InputError(f"{name} {shown(value)}: the range must rise, such as 1e12:1e14")
    return Range(ends[0], math.sqrt(ends[0] * ends[1]), ends[1])


def positive(name: str, value: Any) -> float:
    """A number above zero, with a suffix or without, or dollars. Raises InputError."""
    number = nonnegative(name, value)
    if number == 0:
        raise InputError(f"{name} {shown(value)}: it must be a positive number")
    return number


def nonnegative(name: str, value: Any) -> float:
    """A number of zero or more, as `positive`."""
    number, unit = split(name, value.strip().removeprefix("$") if isinstance(value, str) else value)
    if unit not in SUFFIX:
        raise InputError(f"{name} {shown(value)}: a number such as 7e9, 7B or 1.5T")
    return float(number.scaleb(SUFFIX[unit]))


def signed(name: str, value: Any) -> float:
    """A finite number of any sign, as `nonnegative`."""
    text = value.strip() if isinstance(value, str) else value
    below = text.startswith(("-", "−")) if isinstance(text, str) else isinstance(text, float | int) and text < 0
    if not below:
        return nonnegative(name, value)
    return -nonnegative(name, text[1:] if isinstance(text, str) else -text)


def whole(name: str, value: Any) -> int:
    """A whole number of zero or more, as `nonnegative`."""
    number = nonnegative(name, value)
    if number != round(number):
        raise InputError(f"{name} {shown(value)}: it must be a whole number")
    return round(number)


def split(name: str, value: Any) -> tuple[Decimal, str]:
    """(number, unit in lower case without spaces and hyphens) of what was given; the number is finite, not negative.

    A Decimal, so that 2.3B is the same float as 2.3e9.
    """
    if getattr(value, "ndim", None) == 0:  # a number of NumPy or JAX
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, str | float | int | Decimal | np.number):
        raise InputError(f"{name} {shown(value)}: it must be a number, not {type(value).__name__}")
    text = str(value).strip().lower()
    text = GROUPED.sub(lambda found: found[1] + re.sub(r"\D", "", found[2]), text)
    text = POWER.sub(lambda found: f"{'1' if found[0].startswith('10') else ''}e{found[1]}", text)
    found = WRITTEN.fullmatch(re.sub(r"(?<=\d)_(?=\d)|(?<=[\d.])\s+(?=[a-z])|(?<=[a-z])[\s/-]+(?=[a-z])", "", text))
    number = Decimal(found[1]) if found else Decimal(-1)
    if not (number >= 0 and float(number) < math.inf):
        comma = "; its decimal sign must be a point" if re.fullmatch(r"\d+,\d+\D*", text) else ""
        raise InputError(f"{name} {shown(value)}: it must be a number, and not negative{comma}")
    return number, found[2] if found else ""


def shown(value: Any) -> str:
    """A value in a message, on one line, cut to a length that can be read."""
    text = " ".join((value if isinstance(value, str) else repr(value)).split())
    return text if len(text) <= 60 else text[:59] + "…"


def pairs(name: str, text: str) -> dict[str, str]:
    """{"params": "8e9", "tokens": "15e12"} of "params=8e9,tokens=15e12". Raises InputError."""
    found = {}
    for item in text.split(","):
        key, separator, value = item.partition("=")
        if not (key.strip() and separator and value.strip()):
            raise InputError(f"{name} {shown(text)}: write NAME=VALUE,NAME=VALUE")
        found[key.strip()] = value.strip()
    return found


def reads(reader: Reader) -> Mapping[str, Any]:
    """Metadata of a dataclass field: `reader(name, text)` turns what a person wrote into its number."""
    return {"reader": reader}


PARAMS, TOKENS = (reads(functools.partial(count, what=what)) for what in ("params", "tokens"))
COMPUTE, ANY_FLOPS = reads(flops), reads(any_flops)
ANY, WHOLE = reads(nonnegative), reads(whole)
