"""The answers of a multiverse as plain data: the curve, the consensus, the drivers, the failures and the verdict."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sweep.fit.multiverse.answers import NAMES, REASONS, Answer, interval, passed, spread
from sweep.fit.multiverse.axes import AXES, WORDS
from sweep.fit.multiverse.drivers import INTERACTION, shares
from sweep.fit.multiverse.verdict import verdict
from sweep.fit.result import plain


def record_of(found: Sequence[Answer], duplicates: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Everything in the JSON keys of the command line.

    Args:
        duplicates: combinations that were dropped since they change nothing.
        settings: `target` (FLOPs), `level`, and whatever else is to be kept.
    """
    good, level = passed(found), settings["level"]
    record: dict[str, Any] = {
        "specifications": len(found),
        "duplicates": duplicates,
        "passed": len(good),
        **{name: consensus(good, i, level) for i, name in enumerate(NAMES)},
        "drivers": drivers(good) if good else [],
        "variance": variance(good),
        "failed": failed(found),
        "axes": {axis: list(dict.fromkeys(a.choices[axis] for a in found)) for axis in AXES},
        "curve": [entry(a, level) for a in sorted(found, key=rank)],
        **settings,
    }
    record["verdict"] = verdict(record)
    return plain(record)


def consensus(good: Sequence[Answer], i: int, level: float) -> dict[str, Any]:
    """Median and interval over the specifications that passed, and the interval of all their resamples together."""
    values = np.array([a.values[i] for a in good])
    pooled = np.concatenate([a.resamples[i] for a in good]) if good else np.empty(0)
    return {
        "median": float(np.median(values)) if len(values) else None,
        "interval": interval(values, level),
        "range": [values.min(), values.max()] if len(values) else [None, None],
        "resampled_interval": interval(pooled, level),
    }


def drivers(good: Sequence[Answer]) -> list[dict[str, Any]]:
    """Share of the variance of ln params, ln tokens and ln loss by axis, the largest for params first; and of
    interaction. With the median of every choice."""
    choices = {axis: [a.choices[axis] for a in good] for axis in AXES}
    parts = {name: shares(choices, np.log([a.values[i] for a in good])) for i, name in enumerate(NAMES)}
    rows = [
        {
            "axis": axis,
            "words": WORDS.get(axis, "combinations of choices"),
            **{name: parts[name][axis] for name in NAMES},
            "choices": medians(good, axis) if axis in AXES else [],
        }
        for axis in (*AXES, INTERACTION)
    ]
    return sorted(rows, key=lambda row: (row["axis"] == INTERACTION, -row["params"]))


def medians(good: Sequence[Answer], axis: str) -> list[dict[str, Any]]:
    """Median answers of the specifications that make each choice of an axis."""
    rows = []
    for choice in dict.fromkeys(a.choices[axis] for a in good):
        values = np.array([a.values for a in good if a.choices[axis] == choice])
        rows.append({"choice": choice, "n": len(values), **dict(zip(NAMES, np.median(values, axis=0), strict=True))})
    return rows


def variance(good: Sequence[Answer]) -> dict[str, Any]:
    """Standard deviation of ln of each answer between specifications, and within one by resampling (root mean square);
    and the share of resampling in both together."""
    found = {}
    for i, name in enumerate(NAMES):
        within = np.array([spread(a.resamples[i]) for a in good])
        within = within[np.isfinite(within)]
        between = float(np.std(np.log([a.values[i] for a in good]))) if good else None
        sd = float(np.sqrt(np.mean(within**2))) if len(within) else None
        total = (between or 0.0) ** 2 + (sd or 0.0) ** 2
        share = None if sd is None or not total else sd**2 / total
        found[name] = {"specifications": between, "resampling": sd, "resampling_share": share}
    return found


def failed(found: Sequence[Answer]) -> list[dict[str, Any]]:
    """How many specifications did not pass, by code, the most frequent first, with the choices they share."""
    counts = Counter(a.status for a in found if a.status != "passed")
    return [
        {"code": code, "n": n, "reason": REASONS.get(code, code), "laws": laws_of(found, code)}
        for code, n in sorted(counts.items(), key=lambda x: (-x[1], x[0]))
    ]


def laws_of(found: Sequence[Answer], code: str) -> dict[str, int]:
    """How many of each law ended so."""
    return dict(Counter(a.choices["law"] for a in found if a.status == code))


def rank(a: Answer) -> tuple:
    """Order of the curve: by N*, those without one last; equal ones by their choices, so that it is always the same."""
    params = a.values[0]
    return not np.isfinite(params), params if np.isfinite(params) else 0.0, tuple(a.choices.values())


def entry(a: Answer, level: float) -> dict[str, Any]:
    """One specification of the curve."""
    low, high = interval(a.resamples[0], level)
    return {**a.choices, "status": a.status, **dict(zip(NAMES, a.values, strict=True)),
            "params_interval": [low, high]}  # fmt: skip
