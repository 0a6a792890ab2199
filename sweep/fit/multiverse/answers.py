"""What every specification says at the target, how its resamples spread, and whether its own diagnostics let it pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweep.fit.diagnostics.identifiability import FLAT
from sweep.fit.multiverse.lanes import SHARPEST, rung
from sweep.fit.multiverse.specifications import Group, Specification
from sweep.fit.multiverse.work import Work
from sweep.laws import Law
from sweep.laws.inputs import predict

NAMES = ("params", "tokens", "loss")
UNSTABLE = 0.2  # share of the resamples that may end without an optimum
REASONS = {
    "not_run": "interrupted before it was solved",
    "not_converged": "the solver's certificate does not hold",
    "at_bound": "a coefficient is at its bound: the runs do not show that term",
    "no_optimum": "no finite optimum at the target",
    "unstable": f"more than {UNSTABLE:.0%} of the resamples have no optimum",
    "flat": f"the resampled interval of N* spans more than a factor {FLAT:g}",
    "too_few_rows": "too few distinct runs are left for the law",
    "collinear": "params and tokens of the runs that are left are collinear",
    "equal_losses": "the losses that are left are equal",
}


@dataclass(frozen=True)
class Answer:
    """One specification's.

    Attributes:
        status: `passed`, or a key of REASONS.
        values: params, tokens, loss at the target [3]; NaN where there is none.
        resamples: the same of its resamples [3, lanes]; [3, 0] where there are none.
    """

    choices: dict[str, str]
    status: str
    values: np.ndarray
    resamples: np.ndarray


def answers(work: Work, target: float, level: float) -> list[Answer]:
    """Of every specification, in order."""
    return [answer(work, s, target, level) for s in work.design.specifications]


def answer(work: Work, s: Specification, target: float, level: float) -> Answer:
    """What one specification says."""
    nothing = np.full(3, np.nan), np.empty((3, 0))
    if s.refused or s.group >= len(work.full):
        return Answer(s.choices, s.refused or "not_run", *nothing)
    group = work.design.groups[s.group]
    objective = group.objectives[s.objective]
    ends = work.full[s.group][rung(objective)]
    theta, converged = ends.theta[s.base], bool(ends.converged[s.base])
    bound, values = asked(group, theta[None], target, s.k)
    drawn = work.drawn[s.group] if s.group < len(work.drawn) else None
    resamples = nothing[1]
    if drawn and drawn.finished[s.base]:
        at = rung(objective, SHARPEST)
        _, found = asked(group, drawn.theta[at][s.base], target, s.k)
        resamples = np.where(drawn.converged[at][s.base], found, np.nan)
    status = judge(converged, int(bound[0]), values[:, 0], resamples, level)
    return Answer(s.choices, status, values[:, 0], resamples)


def asked(group: Group, theta: np.ndarray, target: float, k: float) -> tuple[np.ndarray, np.ndarray]:
    """(code of the bound [lanes], answers at the target [3, lanes]) of theta [lanes, k]."""
    coefficients = group.law.coefficients(theta, group.shift)
    bound = group.law.bound(coefficients, float(group.runs.loss.min()))
    return bound, at_target(group.law, coefficients, target, k)


def at_target(law: Law, coefficients: Any, flops: float, k: float) -> np.ndarray:
    """Compute-optimal (params, tokens, loss) [3, lanes] for a budget, k N D = C; NaN where there is no optimum."""
    with np.errstate(all="ignore"):  # a lane that left the realm of numbers says so by not being finite
        params, tokens = law.optimum(coefficients, flops, k)
        loss = predict(law, coefficients, {"params": params, "tokens": tokens, "flops": flops})
        a = np.asarray(law.allocation(coefficients, flops, k)[0])
        found = np.stack(np.broadcast_arrays(params, tokens, loss))
        exists = (a > 0) & (a < 1) & np.isfinite(found).all(axis=0)
    return np.where(exists, found, np.nan)


def judge(converged: bool, bound: int, values: np.ndarray, resamples: np.ndarray, level: float) -> str:
    """`passed`, or why a specification does not pass its own diagnostics: a key of REASONS."""
    if bound:
        return "at_bound"
    if not converged:
        return "not_converged"
    if not np.isfinite(values).all():
        return "no_optimum"
    if not resamples.shape[1]:
        return "passed"
    good = np.isfinite(resamples).all(axis=0)
    if 1 - good.mean() > UNSTABLE:
        return "unstable"
    low, high = interval(resamples[0], level)
    return "flat" if high > FLAT * low else "passed"


def interval(values: np.ndarray, level: float) -> tuple[float, float]:
    """(low, high) of the central share of the finite values; NaN where there are none."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return np.nan, np.nan
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def spread(values: np.ndarray) -> float:
    """Standard deviation of ln values that outliers do not move, half of the central 68 percent; NaN without any."""
    finite = values[np.isfinite(values)]
    return float(np.diff(np.quantile(np.log(finite), [0.1587, 0.8413]))[0] / 2) if len(finite) else np.nan


def passed(found: Sequence[Answer]) -> list[Answer]:
    """Those that pass their own diagnostics."""
    return [a for a in found if a.status == "passed"]
