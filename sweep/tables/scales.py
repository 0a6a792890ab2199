"""Units in which tables write params and tokens: ones, thousands, millions, billions, trillions, or logarithms.

What a column's name says of its unit, and which units would make its numbers those of language models. Of several, the
likeliest is the one under which tokens per parameter, FLOPs where the table has them, and losses look most like theirs:
20 tokens per parameter, 6 N D, the law of Besiroglu et al. It is a guess, for a question; nothing is converted by it.
"""

import itertools
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from sweep.laws import additive
from sweep.tables.expression import spelled
from sweep.tables.units import LARGEST, SMALLEST

KEYS = ("params", "tokens")
LEAST, MOST = 100.0, {"params": 1e14, "tokens": 1e17}  # no language model has fewer, or more
USUAL = 20.0  # tokens per parameter, for a guess only
SMALL = 1e6  # parameters below which a model is small, for a guess only


class Scale(NamedTuple):
    """A unit in which counts are written.

    Attributes:
        word: for people.
        cure: expression that undoes it.
        of: the counts of what is written.
        price: of guessing it, in decades.
    """

    word: str
    cure: str
    of: Callable[[np.ndarray], np.ndarray]
    price: float


def times(word: str, factor: str, price: float) -> Scale:
    """A unit that is a power of ten."""
    return Scale(word, "{}*" + factor, lambda x: x * float(factor), price)


SCALES = {
    "ones": times("ones", "1", 0.0),
    "millions": times("millions", "1e6", 0.1),
    "billions": times("billions", "1e9", 0.2),
    "trillions": times("trillions", "1e12", 0.4),
    "thousands": times("thousands", "1e3", 0.5),
    "log10": Scale("log10", "10**{}", lambda x: 10.0 ** np.minimum(x, 300), 0.1),
    "ln": Scale("natural logarithms", f"{math.e!r}**{{}}", lambda x: np.exp(np.minimum(x, 600)), 0.3),
}
AS_WRITTEN = re.compile(r".+\*\s*1(\.0*)?\s*")  # "tokens=D*1": the user has said that the numbers are counts
WORDS = {"k": "thousands", "m": "millions", "b": "billions", "g": "billions", "t": "trillions"}
WORDS |= {"thousand": "thousands", "mn": "millions", "mio": "millions", "mil": "millions", "million": "millions"}
WORDS |= {"bn": "billions", "bil": "billions", "billion": "billions", "tn": "trillions", "trillion": "trillions"}
POWERS = {"3": "thousands", "6": "millions", "9": "billions", "12": "trillions"}
POWER = re.compile(r"(?:1e|10\^|10\*\*)(3|6|9|12)(?!\d)")  # of params_1e6, N (10^6)
JOINED = re.compile(r"(?:([KMBGT])(?i:params|parameters|tokens)|(?i:params|parameters|tokens)([KMBGT]))")


def named(column: str) -> tuple[str, ...]:
    """The units that a column's name speaks of: none, one, or both logarithms of a mere `log`."""
    low = column.lower()
    words = re.findall(r"[a-z]+|[0-9]+", low)
    if power := POWER.search(low):
        return (POWERS[power[1]],)
    if words[:2] == ["log", "10"] or words[:1] == ["lg"]:
        return ("log10",)
    if words[:1] in (["log"], ["ln"]):
        return ("log10", "ln")[words[0] == "ln" :]
    if joined := JOINED.fullmatch(column):
        return (WORDS[(joined[1] or joined[2]).lower()],)
    ends = [word if len(word) < 3 else word.removesuffix("s") for word in (words[-1], words[0])] if words[1:] else []
    return tuple(WORDS[word] for word in ends if word in WORDS)[:1]


def fitting(key: str, values: np.ndarray, scales: Iterable[str]) -> list[str]:
    """Those of some units in which values [m] of params or tokens are counts that models have."""
    counts = {scale: SCALES[scale].of(values) for scale in scales}
    return [scale for scale, x in counts.items() if x.min() >= LEAST and x.max() <= MOST[key]]


def guesses(
    values: Mapping[str, np.ndarray], could: Mapping[str, Collection[str]], tied: bool = False
) -> list[tuple[float, dict[str, str]]]:
    """(decades away from usual models, input -> unit) of every choice of units, the likeliest first.

    Args:
        values: params, tokens and loss [m], and flops where the table has them.
        could: the units that each of params and tokens could be in.
        tied: tokens were computed from FLOPs and params, so that the unit of params decides theirs.
    """
    found = []
    for choice in itertools.product(*could.values()):
        scales = dict(zip(could, choice, strict=True))
        counts = {key: SCALES[scales.get(key, "ones")].of(values[key]) for key in KEYS}
        if tied:
            counts["tokens"] = counts["tokens"] * values["params"] / counts["params"]
        found.append((unusual({**values, **counts}) + sum(SCALES[scale].price for scale in choice), scales))
    return sorted(found, key=lambda guess: guess[0])


def tied(names: Mapping[str, str], known: Collection[str]) -> bool:
    """Whether tokens are an expression over the column of params, as in tokens=C/(6*N)."""
    n, d = names["params"], names["tokens"]
    return n in known and d not in known and bool(re.search(rf"\b{re.escape(n)}\b", d))


def unusual(values: Mapping[str, np.ndarray]) -> float:
    """How far runs are from those of usual language models, in decades; what is not known counts nothing."""
    n, d = values["params"], values["tokens"]
    parts = [np.log10(d / n / USUAL), np.maximum(0, np.log10(SMALL / n))]
    if SMALLEST < np.median(values["loss"]) < LARGEST:  # else they are in another unit than nats/token
        expected = additive.loss(additive.PUBLISHED["besiroglu"].coefficients, n, d)
        parts.append(3 * np.log(values["loss"] / expected))
    if "flops" in values:
        parts.append(3 * np.log10(values["flops"] / (6 * n * d)))
    return float(sum(abs(np.median(part)) for part in parts if not np.isnan(part).any()))


def option(scales: Mapping[str, str], names: Mapping[str, str], known: Collection[str]) -> str:
    """The --columns that says which inputs are in which units."""
    written = {key: spelled(names[key]) if names[key] in known else f"({names[key]})" for key in scales}
    cures = {key: SCALES[scale].cure.format(written[key]) for key, scale in scales.items()}
    if "params" in cures and tied(names, known):
        name = rf"[`']?\b{re.escape(names['params'])}\b[`']?"
        cures["tokens"] = re.sub(name, lambda _: f"({cures['params']})", names["tokens"])
    return "--columns " + " ".join(f'"{key}={cure}"' for key, cure in cures.items())
