"""What compute spent on one arm is worth in another's: a multiplier along compute, with the doubt of resampled runs.

The multiplier of an arm at C is m where it reaches on C / m FLOPs what the baseline reaches on C, both at their own
compute-optimal size. Its interval, and the probability of being better, come from resampled runs of each arm.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweep.fit import bootstrap
from sweep.fit.approach3 import Solution
from sweep.fit.best import best_run
from sweep.laws import Law
from sweep.tables.load import Runs

REACH, FINE = 1e4, 601  # how far in compute an equal loss is looked for, on so many points


@dataclass(frozen=True)
class Arm:
    """One arm: its runs, its separate fit, FLOPs per parameter and token, further inputs (sweep.fit.best)."""

    name: str
    runs: Runs
    solution: Solution
    k: float
    fixed: dict[str, float]


def pair(
    law: Law, arms: Sequence[Arm], found: Sequence[tuple[Any, Any]], j: int, grid: np.ndarray, at: float, level: float
) -> dict[str, Any]:
    """Arm j against the baseline: the multiplier along compute and at the target, and how often it is better."""
    rows = []
    for flops in np.append(grid, at):
        here, lanes = (multiplier(law, arms, [f[i] for f in found], j, float(flops)) for i in (0, 1))
        rows.append({"flops": flops, "multiplier": here[0], "interval": bootstrap.interval(lanes, level)})
    losses = [frontier(law, arms[i], found[i][1], at) for i in (0, j)]
    known = np.isfinite(losses[0]) & np.isfinite(losses[1])
    better = float(np.mean(losses[1][known] < losses[0][known])) if known.any() else None
    answer = rows[-1] | {
        "loss": [float(frontier(law, arms[i], found[i][0], at)) for i in (0, j)],
        "probability_better": better,
        "resamples": int(known.sum()),
    }
    names = arms[j].name, arms[0].name
    return {
        "arm": names[0],
        "baseline": names[1],
        "curve": rows[:-1],
        "target": answer,
        "verdict": told(*names, answer),
    }


def frontier(law: Law, arm: Arm, coefficients: Any, flops: Any) -> Any:
    """Loss of the compute-optimal run of an arm."""
    return best_run(law, coefficients, flops, arm.k, arm.fixed)[2]


def multiplier(law: Law, arms: Sequence[Arm], coefficients: Sequence[Any], j: int, flops: float) -> np.ndarray:
    """C / C_j [lanes], C_j the FLOPs on which arm j reaches the baseline's loss at C; NaN where it never does."""
    lanes = [type(c)(*(np.atleast_1d(v)[:, None] for v in c)) for c in coefficients]
    goal = frontier(law, arms[0], lanes[0], np.array([flops]))[:, 0]
    tried = flops * np.geomspace(1 / REACH, REACH, FINE)
    reached = frontier(law, arms[j], lanes[j], tried)
    out = np.full(len(goal), np.nan)
    for lane, (wanted, line) in enumerate(zip(goal, reached, strict=True)):
        if np.isfinite(line).all() and np.all(np.diff(line) < 0) and line[-1] <= wanted <= line[0]:
            out[lane] = flops / np.exp(np.interp(-wanted, -line, np.log(tried)))
    return out


def told(name: str, baseline: str, answer: Mapping[str, Any]) -> str:
    """The verdict on a pair at the target; a tie where the interval holds 1."""
    low, high = answer["interval"]
    at = f"at {answer['flops']:.3g} FLOPs"
    if low is None or high is None or not math.isfinite(answer["multiplier"]):
        return f"{name} against {baseline}: no answer {at}, too few resamples reach an equal loss"
    doubt = f"{answer['multiplier']:.2f} [{low:.2f}, {high:.2f}]"
    if low <= 1 <= high:
        return f"{name} and {baseline} tie {at}: compute multiplier {doubt} holds 1"
    more = "more" if low > 1 else "less"
    return f"a FLOP of {name} is worth {more} than one of {baseline} {at}: compute multiplier {doubt}"
