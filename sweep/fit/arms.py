"""Arms of a table (architectures, optimisers, data mixes) side by side: what is one's compute worth in the other's?

One law for all arms. Whether they share its shape (exponents) is tested: the objective of a fit with common exponents
against that of separate fits, 2 (E psi' / E psi^2) times the rise of the summed objective, about chi-squared with one
degree of freedom for each exponent that is tied (Ronchetti 1982); rows that share a run count as one. Where nothing
speaks against common exponents the arms are compared with them, which is steadier, else apart.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sweep import laws
from sweep.errors import InputError, Refusal
from sweep.fit import bootstrap
from sweep.fit.approach3 import Solution, fit_law
from sweep.fit.best import fixed_inputs, of_compute
from sweep.fit.diagnostics.curvature import moments
from sweep.fit.efficiency import Arm, pair
from sweep.fit.fit import check_loss
from sweep.fit.joint import fit_joint, of_arm
from sweep.fit.objective import Objective, huber
from sweep.fit.record import flops_per_param_token
from sweep.fit.refits import refit
from sweep.fit.result import plain, warning
from sweep.laws import Law
from sweep.nearest import nearest
from sweep.tables.judge import refusals
from sweep.tables.load import Runs, load, read_source
from sweep.tables.numbers import plain as column_of
from sweep.tables.problem import enforce
from sweep.tables.request import evenly
from sweep.tables.units import PER_BYTE, TOKENS

OVERLAP = 2.0  # factor of compute that all arms must share
REJECTED = 0.05  # probability below which common exponents are given up
POINTS = 7  # of a multiplier's curve
CONVENTION = 1.2  # factor between arms in FLOPs per parameter and token that is worth a word


def compare_arms(
    source: Any,
    by: str,
    *,
    law: str = "additive",
    objective: Objective | None = None,
    target: float | None = None,
    level: float = 0.9,
    seed: int = 0,
    count: int = 100,
    columns: Mapping[str, str] | None = None,
    where: str | None = None,
    **units: Any,
) -> dict[str, Any]:
    """Arms by what their compute buys, as plain data.

    Args:
        by: column of the arms; the one with the most runs is the baseline.
        target: FLOPs at which they are judged; default: the largest compute that all arms reach.
        count: resamples of runs.

    Returns:
        `arms`, `overlap` [low, high] FLOPs, `shared` (the test of common exponents), `pairs` against the baseline with
        `curve` and `target`, `warnings`, `verdict`.

    Raises:
        InputError: no such column, fewer than two arms, or a law without a linear block or an optimum.
        Refusal: `no_overlap`; `different_tokens`, losses per token of several tokenizers; or an arm whose runs cannot
            be fitted (its code).
    """
    form, goal = laws.get(law), objective or Objective()
    check_loss(form)
    if not (form.linear and form.shape and (form.optimum_kind or of_compute(form))):
        raise InputError(f"compare: law {law} has no scales apart from its shape, or no optimum: try additive")
    evenly(columns)
    runs = load(source, columns, where, law=form, by=by, **units)
    check_tokens(runs, by)
    arms = arms_of(runs, labels(source, by, runs), form, goal, by)
    low = max(float(a.runs.flops.min()) for a in arms)
    high = min(float(a.runs.flops.max()) for a in arms)
    if high < OVERLAP * low:
        told = ", ".join(f"{a.name} {a.runs.flops.min():.2g} to {a.runs.flops.max():.2g}" for a in arms)
        raise Refusal(
            "no_overlap",
            f"{runs.source}: the arms of {by} share less than a factor {OVERLAP:g} of compute ({told} FLOPs): any "
            "difference would be extrapolated: train them at common budgets",
        )
    at = float(target or high)
    weights = [bootstrap.draw(a.runs.group, count, seed + i) for i, a in enumerate(arms)]
    shared, found = fits(form, arms, goal, weights)
    grid = np.geomspace(low, high, POINTS)
    pairs = [pair(form, arms, found, j, grid, at, level) for j in range(1, len(arms))]
    return plain(
        {
            "source": runs.source,
            "by": by,
            "law": law,
            "level": level,
            "seed": seed,
            "resamples": count,
            "units": runs.units.statement,
            "unit": runs.units.unit,
            "arms": [described(form, a, coefficients) for a, (coefficients, _) in zip(arms, found, strict=True)],
            "overlap": [low, high],
            "target": at,
            "shared": shared,
            "pairs": pairs,
            "warnings": [*warnings(arms, at, high), *chosen(runs)],
            "verdict": "; ".join(p["verdict"] for p in pairs),
        }
    )


def check_tokens(runs: Runs, by: str) -> None:
    """Refuse losses per token of arms whose tokens differ: a token that stands for more text has a larger loss."""
    if by.lower() in TOKENS and runs.units.unit != PER_BYTE:
        raise Refusal(
            "different_tokens",
            f"{runs.source}: losses per token of several values of {by} do not compare; compare in bits/byte: --units "
            "bpb for such a column, or state --units nats (or bits) and --bytes-per-token X, a column",
        )


def labels(source: Any, by: str, runs: Runs) -> list[str]:
    """The arm of each run. Raises InputError for a column that is not there, or has gaps."""
    table = read_source(source)[0]
    if by not in table.column_names:
        hint = nearest(by, table.column_names) or f"; columns: {', '.join(table.column_names)}"
        raise InputError(f"{runs.source}: no column {by!r} for --by{hint}")
    values = column_of(table[by])[runs.row - 1]
    for value, row in zip(values, runs.row, strict=True):
        if value is None or value != value or value == "":
            raise InputError(f"{runs.source}: row {row}, column {by}: missing; every run needs its arm, see --where")
    return [f"{value:g}" if isinstance(value, float) else str(value) for value in values]


def arms_of(runs: Runs, names: Sequence[str], law: Law, objective: Objective, by: str) -> list[Arm]:
    """The arms, the one with the most runs first, each fitted apart; a Refusal where one cannot be."""
    distinct, counts = np.unique(names, return_counts=True)
    if len(distinct) < 2:
        raise InputError(f"{runs.source}: column {by} has one value, {str(distinct[0])!r}; two arms are needed")
    arms = []
    for name in distinct[np.argsort(-counts, kind="stable")]:
        mine = runs.take(np.flatnonzero(np.array(names) == name))
        mine = replace(mine, source=f"{runs.source}, arm {name}")
        enforce(refusals(mine, law), ())
        arms.append(
            Arm(str(name), mine, fit_law(law, mine, objective), flops_per_param_token(mine), fixed_inputs(law, mine))
        )
    return arms


def fits(
    law: Law, arms: Sequence[Arm], objective: Objective, weights: Sequence[np.ndarray]
) -> tuple[dict[str, Any], list[tuple[Any, Any]]]:
    """(the test of common exponents, for each arm its coefficients and those of its resamples [lanes])."""
    together = stacked([a.runs for a in arms])
    joint, common = fit_joint(law, [a.runs for a in arms], together, objective, [a.solution for a in arms])
    test = tested(law, arms, together, common, objective)
    if test["common"]:
        spread = np.concatenate(weights, axis=1)
        lanes = usable(refit(joint, together, objective, common, spread))
        found = [(of_arm(law, common.coefficients, i), of_arm(law, lanes, i)) for i in range(len(arms))]
    else:
        found = [
            (a.solution.coefficients, usable(refit(law, a.runs, objective, a.solution, w)))
            for a, w in zip(arms, weights, strict=True)
        ]
    return test, found


def stacked(parts: Sequence[Runs]) -> Runs:
    """The runs of all arms, one after the other, with the further input `arm`; groups stay apart between arms."""
    arrays = ("params", "tokens", "flops", "loss", "budget", "row")
    group = [np.unique(p.group, return_inverse=True)[1] for p in parts]
    offset = np.cumsum([0, *(g.max() + 1 for g in group)])
    further = {name: np.concatenate([p.further[name] for p in parts], axis=-1) for name in parts[0].further}
    arm = np.repeat(np.arange(float(len(parts))), [len(p) for p in parts])
    return replace(
        parts[0],
        **{name: np.concatenate([getattr(p, name) for p in parts]) for name in arrays},
        group=np.concatenate([g + o for g, o in zip(group, offset, strict=False)]),
        further={**further, "arm": arm},
    )


def usable(lanes: Any) -> Any:
    """Coefficients of resamples with NaN where they gave no answer, so that arms stay paired by lane."""
    return type(lanes.coefficients)(*(np.where(lanes.usable, v, np.nan) for v in lanes.coefficients))


def tested(law: Law, arms: Sequence[Arm], together: Runs, common: Solution, objective: Objective) -> dict[str, Any]:
    """Common exponents against separate ones, by the rise of the objective."""

    def residual(predicted: np.ndarray, loss: np.ndarray) -> np.ndarray:
        return predicted - loss if objective.in_loss else np.log(predicted) - np.log(loss)

    delta = objective.deltas[-1]
    apart = np.concatenate([residual(a.solution.predicted, a.runs.loss) for a in arms])
    rise = float(huber(residual(common.predicted, together.loss), delta).sum() - huber(apart, delta).sum())
    slope, square = moments(apart, delta, len(arms) * len(law.names))
    clusters = len(np.unique(together.group)) / len(together)
    statistic, freedom = 2 * slope / square * max(rise, 0.0) * clusters, (len(arms) - 1) * len(law.shape)
    p = chi_squared(statistic, freedom)
    return {
        "exponents": list(law.shape),
        "statistic": statistic,
        "degrees_of_freedom": freedom,
        "p": p,
        "common": bool(p >= REJECTED),
        "status": common.status,
        "separate": {a.name: {x: getattr(a.solution.coefficients, x) for x in law.shape} for a in arms},
        "together": {x: getattr(common.coefficients, x) for x in law.shape},
    }


def chi_squared(x: float, freedom: int) -> float:
    """P(chi-squared > x), by the finite series (Abramowitz and Stegun 26.4.4 and 26.4.5)."""
    if freedom % 2 == 0:
        terms = [(x / 2) ** i / math.factorial(i) for i in range(freedom // 2)]
        return math.exp(-x / 2) * sum(terms)
    term, total = math.sqrt(2 * x / math.pi), 0.0
    for i in range(freedom // 2):
        total += term
        term *= x / (2 * i + 3)
    return math.erfc(math.sqrt(x / 2)) + math.exp(-x / 2) * total


def described(law: Law, arm: Arm, coefficients: Any) -> dict[str, Any]:
    """One arm for a reader."""
    return {
        "arm": arm.name,
        "n": len(arm.runs),
        "groups": len(np.unique(arm.runs.group)),
        "flops": [float(arm.runs.flops.min()), float(arm.runs.flops.max())],
        "flops_per_param_token": arm.k,
        "status": arm.solution.status,
        "params": dict(zip(law.names, coefficients, strict=True)),
    }


def chosen(runs: Runs) -> list[dict[str, str]]:
    """What the runs were chosen from, if they were."""
    return [warning(p.code, p.message) for p in runs.remarks if p.code == "best_of"]


def warnings(arms: Sequence[Arm], at: float, high: float) -> list[dict[str, str]]:
    """What a reader of the arms must be told."""
    found = []
    if at > 1.001 * high:
        found.append(warning("extrapolation", f"the target is {at / high:.3g} x the largest compute of all arms"))
    ks = [a.k for a in arms]
    if max(ks) > CONVENTION * min(ks):
        listed = ", ".join(f"{a.name} {a.k:.3g}" for a in arms)
        found.append(warning("flops_convention", f"FLOPs per parameter and token differ: {listed}; is that meant?"))
    for a in arms:
        if a.solution.status != "converged":
            found.append(warning(a.solution.status, f"arm {a.name}: {a.solution.reason}"))
    return found
