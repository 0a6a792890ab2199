"""Have the forecasts of a ledger been right as often as they claimed? Counted, with what the count can tell.

Each scored forecast lies inside its interval with the probability of its level, if the intervals are right. The number
inside is then a sum of such draws (Poisson's binomial); a sign of over- or under-confidence is a count that would be so
far off less than once in twenty times. Forecasts inside the fitted runs test the noise, those beyond test the law: they
are counted apart. Forecasts of one fit err together, so that their count says less than it seems.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from sweep.plan.chain import Record, kinds
from sweep.plan.forecast import outcomes
from sweep.plan.reach import EXTRAPOLATION, INTERPOLATION
from sweep.tables.units import PER_TOKEN

SIGN = 0.05  # chance below which a count is a sign
OVER, UNDER, NONE, NOTHING = "over_confident", "under_confident", "no_sign", "nothing_scored"


def calibration(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """By reach (`extrapolation`, `interpolation`, `unknown` of old ledgers; only those there are): see `judge`."""
    known = outcomes(list(records))
    found = {}
    for name in (EXTRAPOLATION, INTERPOLATION, "unknown"):
        forecasts = [line for line in kinds(list(records), "forecast") if line.get("reach", "unknown") == name]
        if forecasts:
            found[name] = judge([(line, known.get(line["id"])) for line in forecasts])
    return found


def judge(pairs: Sequence[tuple[Record, Record | None]]) -> dict[str, Any]:
    """Counts, errors (outcome less forecast, in their unit) and the sign of a group of (forecast, outcome or None).

    `unscored` ended without a loss, or had no interval; `spread` is the rms error in standard deviations claimed, by
    normal intervals: 1 where they are right.
    """
    scored = [(line, out) for line, out in pairs if out and out["inside"] is not None]
    inside, levels = sum(out["inside"] for _, out in scored), [line["level"] for line, _ in scored]
    errors = np.array([out["error"] for _, out in scored], float)
    verdict, chance = sign(inside, levels)
    record = {
        "forecasts": len(pairs),
        "open": sum(out is None for _, out in pairs),
        "unscored": sum(out is not None and out["inside"] is None for _, out in pairs),
        "scored": len(scored),
        "fits": len({line.get("fit") for line, _ in scored}),
        "inside": inside,
        "expected": float(sum(levels)),
        "mean_error": float(errors.mean()) if scored else None,
        "rms_error": float(np.sqrt(np.mean(errors**2))) if scored else None,
        "above": int(np.sum(errors > 0)),
        "spread": spread(scored),
        "verdict": verdict,
        "chance": chance,
        "unit": " and ".join(sorted({line.get("unit", PER_TOKEN) for line, _ in scored})),
    }
    return record | {"text": say(record, levels)}


def sign(inside: int, levels: Sequence[float]) -> tuple[str, float | None]:
    """(verdict, chance of a count as far off or further on that side, if the intervals are right)."""
    if not levels:
        return NOTHING, None
    odds = counts(levels)
    few, many = float(odds[: inside + 1].sum()), float(odds[inside:].sum())
    if few < SIGN:
        return OVER, few
    return (UNDER, many) if many < SIGN else (NONE, min(few, many))


def counts(levels: Sequence[float]) -> np.ndarray:
    """Probability of 0, 1, ... of the forecasts being inside [n + 1], each with its own level."""
    odds = np.ones(1)
    for level in levels:
        odds = np.convolve(odds, [1 - level, level])
    return odds


def spread(scored: Sequence[tuple[Record, Record]]) -> float | None:
    """Rms of error over the half-width on its side, in the standard deviations that a normal interval would have."""
    ratios = []
    for line, out in scored:
        half = line["interval"][1] - line["loss"] if out["error"] > 0 else line["loss"] - line["interval"][0]
        if half > 0:
            ratios.append(out["error"] / half * NormalDist().inv_cdf((1 + line["level"]) / 2))
    return math.sqrt(sum(r * r for r in ratios) / len(ratios)) if ratios else None


def say(record: dict[str, Any], levels: Sequence[float]) -> str:
    """One line for people, with what so few forecasts could have shown."""
    n, inside = record["scored"], record["inside"]
    if not n:
        return f"none of {record['forecasts']} forecasts has a score yet"
    head = f"{inside} of {n} inside their intervals, {record['expected']:.1f} expected; "
    head += f"mean error {record['mean_error']:+.4f}, rms {record['rms_error']:.4f} {record['unit']}; "
    of_one_fit = f" (but {n} forecasts of {record['fits']} fits err together)" if record["fits"] < n else ""
    if record["verdict"] == OVER:
        return f"{head}a sign that intervals are too narrow: chance {record['chance']:.2g}{of_one_fit}"
    if record["verdict"] == UNDER:
        return f"{head}a sign that intervals are too wide: chance {record['chance']:.2g}{of_one_fit}"
    return f"{head}no sign either way: {power(levels)}{of_one_fit}"


def power(levels: Sequence[float]) -> str:
    """Which counts of so many forecasts would have been a sign."""
    odds = counts(levels)
    few, many = (np.flatnonzero(np.cumsum(side) < SIGN) for side in (odds, odds[::-1]))
    low = f"only {few[-1]} or fewer inside would" if len(few) else "no count can"
    high = f"{len(levels) - many[-1]} or more would" if len(many) else "no count can"
    return f"of {len(levels)}, {low} show over-confidence and {high} show under-confidence"
