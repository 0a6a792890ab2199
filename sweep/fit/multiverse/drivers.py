"""Which choice moves the answer most: the variance over specifications, shared out among the axes.

A linear model with one term for every choice (main effects) is fitted to the answers. An axis's share is what it adds
to the explained variance, averaged over all orders in which the axes can be added (Lindeman, Merenda and Gold 1980;
Shapley 1953). In a balanced design that is the sum of squares of the analysis of variance; where specifications are
missing it still shares out exactly what the main effects explain. The remainder is what only combinations of choices
explain: interaction.
"""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

INTERACTION = "interaction"
CONSTANT = 1e-24  # variance of answers that do not differ, relative to their size


def shares(choices: Mapping[str, Sequence[str]], values: np.ndarray) -> dict[str, float]:
    """Share of the variance of `values` by axis and of interaction; they sum to 1. All zero where nothing varies.

    Args:
        choices: axis -> the choice of each specification [m].
        values: [m], finite.
    """
    varied = {axis: dummies(names) for axis, names in choices.items() if len(set(names)) > 1}
    found = dict.fromkeys([*choices, INTERACTION], 0.0)
    centred = values - values.mean() if len(values) else values
    total = float(centred @ centred)
    if total <= CONSTANT * max(float(values @ values), 1e-300):
        return found

    def explained(axes: tuple[str, ...]) -> float:
        if not axes:
            return 0.0
        columns = np.concatenate([varied[axis] for axis in axes], axis=1)
        fitted = columns @ np.linalg.lstsq(columns, centred, rcond=None)[0]
        return float(fitted @ fitted) / total

    names, n = sorted(varied), len(varied)
    known = {s: explained(s) for r in range(n + 1) for s in itertools.combinations(names, r)}
    for axis in names:
        for others, share in known.items():
            if axis not in others:
                times = math.factorial(len(others)) * math.factorial(n - len(others) - 1) / math.factorial(n)
                found[axis] += times * (known[tuple(sorted((*others, axis)))] - share)
    found[INTERACTION] = 1 - sum(found.values())
    return found


def dummies(names: Sequence[str]) -> np.ndarray:
    """A centred column for every choice [m, choices]."""
    levels = sorted(set(names))
    columns = np.array([[name == level for level in levels] for name in names], float)
    return columns - columns.mean(axis=0)
