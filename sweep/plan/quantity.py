"""Quantities as people write them: 3e21, 1PFday, 7B, $300k, 1e12:1e14; and those that nobody can mean.

Suffixes of counts and of money are k, M, B (or G) and T. Compute is in FLOPs unless it says PF-days. A value far below
what a run can have is an error: `--compute 10` is 10 of something else.
"""

import math
import re
from typing import NamedTuple

from sweep.errors import InputError

PF_DAY = 8.64e19  # FLOPs in a day of 1e15 FLOP/s
SUFFIX = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
WRITTEN = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([a-z-]*)")
LEAST_FLOPS, LEAST_COUNT = 1e6, 100.0  # below them a value is in some other unit

Given = float | int | str


class Range(NamedTuple):
    """A quantity known within a factor: the ends, and their geometric middle."""

    low: float
    middle: float
    high: float


def flops(name: str, value: Given) -> float:
    """FLOPs of 3e21, "3e21", "1PFday" or "2.5 PF-days". Raises InputError."""
    number, unit = split(name, value)
    if unit in ("pfday", "pfdays", "pfd"):
        number *= PF_DAY
    elif unit not in ("", "flop", "flops"):
        raise InputError(f"{name} {value}: FLOPs such as 1e21, or PF-days such as 10PFday")
    if number < LEAST_FLOPS:
        raise InputError(
            f"{name} {value}: {number:g} FLOPs is too small to mean it; write FLOPs such as 1e21, or 10PFday"
        )
    return number


def count(name: str, value: Given, what: str) -> float:
    """Params or tokens of 7e9, "7e9" or "7B". Raises InputError, also below 100."""
    number = positive(name, value)
    if number < LEAST_COUNT:
        raise InputError(f"{name} {value}: {number:g} {what} is too small to mean it; write 7e9 or 7B")
    return number


def demand(name: str, value: Given) -> Range:
    """Tokens to serve, a number or a range such as 1e12:1e14; 0 for none. Raises InputError."""
    low, separator, high = str(value).partition(":")
    if not separator:
        number = nonnegative(name, value)
        return Range(*[count(name, number, "tokens") if number else 0.0] * 3)
    ends = [count(name, end, "tokens") for end in (low, high)]
    if ends[0] >= ends[1]:
        raise InputError(f"{name} {value}: the range must rise, such as 1e12:1e14")
    return Range(ends[0], math.sqrt(ends[0] * ends[1]), ends[1])


def positive(name: str, value: Given) -> float:
    """A number above zero, with a suffix or without, or dollars. Raises InputError."""
    number = nonnegative(name, value)
    if number == 0:
        raise InputError(f"{name} {value}: it must be a positive number")
    return number


def nonnegative(name: str, value: Given) -> float:
    """A number of zero or more, as `positive`."""
    number, unit = split(name, str(value).strip().removeprefix("$") if isinstance(value, str) else value)
    if unit not in SUFFIX:
        raise InputError(f"{name} {value}: a number such as 7e9, 7B or 1.5T")
    return number * SUFFIX[unit]


def split(name: str, value: Given) -> tuple[float, str]:
    """(number, unit in lower case without hyphens) of what was given; the number is finite and not negative."""
    text = re.sub(r"[\s_,]", "", str(value)).lower()
    found = WRITTEN.fullmatch(text)
    number = float(found[1]) if found else math.nan
    if not 0 <= number < math.inf:
        raise InputError(f"{name} {value}: it must be a number, and not negative")
    return number, found[2].replace("-", "") if found else ""


def pairs(name: str, text: str) -> dict[str, str]:
    """{"params": "8e9", "tokens": "15e12"} of "params=8e9,tokens=15e12". Raises InputError."""
    found = {}
    for item in text.split(","):
        key, separator, value = item.partition("=")
        if not (key.strip() and separator and value.strip()):
            raise InputError(f"{name} {text}: write NAME=VALUE,NAME=VALUE")
        found[key.strip()] = value.strip()
    return found
