"""Counts of parameters are units: every answer is brought to one of them before it is compared.

What two counts differ by, embeddings mostly, grows like a power of the size, and no faster than the size. So the
difference is fitted by a power over the runs of the table, which also serves beyond them.
"""

from dataclasses import dataclass

import numpy as np

STEEPEST = 1.001  # power of the size by which counts may differ: 1 is a constant factor
STEPS = 40
ACCURATE = 0.02  # relative: how well the power must give the other count of every run


@dataclass(frozen=True)
class Conversion:
    """Another count of parameters: params + sign * exp(intercept) * params**slope; sign 0 where both are the same.

    `back`: the power is of the other count, which is solved for.
    """

    sign: float = 0.0
    intercept: float = 0.0
    slope: float = 0.0
    back: bool = False

    def gap(self, params: np.ndarray) -> np.ndarray:
        """What is added, with its sign."""
        return self.sign * np.exp(self.intercept + self.slope * np.log(params))

    def __call__(self, params: np.ndarray) -> np.ndarray:
        """Parameters [lanes] in the other count; NaN where there is none."""
        if not self.sign:
            return params
        with np.errstate(all="ignore"):
            if not self.back:
                found = params + self.gap(params)
                return np.where(found > 0, found, np.nan)
            found = params
            for _ in range(STEPS):  # Newton's
                wrong = found + self.gap(found) - params
                found = np.maximum(found - wrong / (1 + self.slope * self.gap(found) / found), 0.1 * found)
            return np.where(np.abs(found + self.gap(found) - params) < 1e-6 * params, found, np.nan)


def conversion(params: np.ndarray, other: np.ndarray) -> Conversion | None:
    """From a count of the runs [n] to another count of the same runs [n]; None where no power holds between them."""
    there = power(params, other)
    if there is None and (back := power(other, params)) is not None:
        return Conversion(back.sign, back.intercept, back.slope, back=True)
    return there


def power(params: np.ndarray, other: np.ndarray) -> Conversion | None:
    """`conversion` by a power of the first count alone."""
    gap = other - params
    if np.all(np.abs(gap) <= 1e-9 * params):
        return Conversion()
    sign = float(np.sign(gap[0]))
    if not np.all(np.sign(gap) == sign):
        return None
    x, y = np.log(params), np.log(np.abs(gap))
    spread = np.ptp(x)
    slope, intercept = np.polyfit(x, y, 1) if spread > 1e-3 else (0.0, y.mean())
    found = Conversion(sign, float(intercept), float(slope))
    good = slope < STEEPEST and np.all(np.abs(found(params) / other - 1) <= ACCURATE)
    return found if bool(good) else None
