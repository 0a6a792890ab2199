"""What every specification says at the target, how its resamples spread, and whether its diagnostics let it pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweep.fit.best import best_run, exponents
from sweep.fit.diagnostics.fitted import robust_sd
from sweep.fit.diagnostics.identifiability import FLAT
from sweep.fit.multiverse.lanes import SHARPEST, Rung, rung
from sweep.fit.multiverse.specifications import Group, Specification
from sweep.fit.multiverse.work import Work

NAMES = ("params", "tokens", "loss")
UNSTABLE = 0.2  # share of the resamples that may end without an optimum
MISFIT = 1.5  # residual scatter over that of the law that leaves least on the same runs
REASONS = {
    "not_run": "interrupted before it was solved",
    "not_converged": "the solver's certificate does not hold",
    "at_bound": "a coefficient is at its bound: the runs do not show that term",
    "no_optimum": "no finite optimum at the target",
    "misfit": f"its residuals scatter more than {MISFIT:g} times as widely as those of another law on the same runs",
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
    scatter = {problem(s): residual_sd(work, s) for s in work.design.specifications if solved(work, s)}
    least: dict[tuple, float] = {}
    for (_, *rest), sd in scatter.items():
        least[tuple(rest)] = min(sd, least.get(tuple(rest), np.inf))
    found = []
    for s in work.design.specifications:
        law, *rest = problem(s)
        misfit = solved(work, s) and scatter[law, *rest] > MISFIT * least[tuple(rest)]
        found.append(answer(work, s, target, level, misfit))
    return found


def problem(s: Specification) -> tuple[str, ...]:
    """The law of a specification, and what else its fit depends on."""
    return tuple(s.choices[axis] for axis in ("law", "objective", "subset", "count", "weights"))


def solved(work: Work, s: Specification) -> bool:
    """Whether there is a fit."""
    return not s.refused and s.group < len(work.full)


def residual_sd(work: Work, s: Specification) -> float:
    """Robust scatter of the residuals of ln loss over the runs that a specification fits."""
    group = work.design.groups[s.group]
    theta = work.full[s.group][rung(group.objectives[s.objective])].theta[s.base]
    with np.errstate(all="ignore"):  # a fit that left the realm of numbers scatters without bound
        predicted = group.law.loss(group.law.coefficients(theta, group.shift), *group.runs.inputs(group.law))
        residual = (np.log(group.runs.loss) - np.log(predicted))[group.bases[s.base].kept]
    return robust_sd(residual, len(group.law.names)) if np.isfinite(residual).all() else np.inf


def answer(work: Work, s: Specification, target: float, level: float, misfit: bool) -> Answer:
    """What one specification says."""
    nothing = np.empty((3, 0))
    if not solved(work, s):
        return Answer(s.choices, s.refused or "not_run", np.full(3, np.nan), nothing)
    group = work.design.groups[s.group]
    objective = group.objectives[s.objective]
    ends = work.full[s.group][rung(objective)]
    bound, values = asked(group, ends.theta[[s.base]], target, s.k)
    resamples = resampled(work, s, rung(objective, SHARPEST), target) if work.resamples else nothing
    if bound[0]:
        status = "at_bound"
    elif not ends.converged[s.base]:
        status = "not_converged"
    elif not np.isfinite(values).all():
        status = "no_optimum"
    else:
        status = "misfit" if misfit else spread_status(resamples, level)
    return Answer(s.choices, status, values[:, 0], resamples)


def resampled(work: Work, s: Specification, at: Rung, target: float) -> np.ndarray:
    """Answers of the resamples [3, lanes], NaN without a certificate; [3, 0] where they did not finish."""
    if s.group >= len(work.drawn) or not work.drawn[s.group].finished[s.base]:
        return np.empty((3, 0))
    drawn = work.drawn[s.group]
    found = asked(work.design.groups[s.group], drawn.theta[at][s.base], target, s.k)[1]
    return np.where(drawn.converged[at][s.base], found, np.nan)


def spread_status(resamples: np.ndarray, level: float) -> str:
    """`passed`, or what the resamples [3, lanes] say against an answer."""
    if not resamples.shape[1]:
        return "passed"
    if 1 - np.isfinite(resamples).all(axis=0).mean() > UNSTABLE:
        return "unstable"
    low, high = interval(resamples[0], level)
    return "flat" if high > FLAT * low else "passed"


def asked(group: Group, theta: np.ndarray, target: float, k: float) -> tuple[np.ndarray, np.ndarray]:
    """(code of the bound [lanes], params, tokens and loss at the target [3, lanes]) of theta [lanes, k].

    Parameters in the unit of all answers, however the group counts them.
    NaN where no finite optimum with k N D = C exists.
    """
    law, coefficients = group.law, group.law.coefficients(theta, group.shift)
    bound = law.bound(coefficients, float(group.runs.loss.min()))
    params, tokens, loss = best_run(law, coefficients, target, k, group.fixed)
    found = np.stack(np.broadcast_arrays(group.convert(np.asarray(params)), tokens, loss))
    a = np.asarray(exponents(law, coefficients, target, k, group.fixed)[0])
    with np.errstate(all="ignore"):
        exists = (a > 0) & (a < 1) & np.isfinite(found).all(axis=0)
    return bound, np.where(exists, found, np.nan)


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
