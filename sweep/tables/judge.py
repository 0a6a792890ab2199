"""Refusals: tables on which no honest answer is possible, each with a code and a cure."""

from collections.abc import Iterator

import numpy as np

from sweep.laws import Law
from sweep.tables.load import Runs
from sweep.tables.problem import Problem
from sweep.tables.structure import distinct

BASE = {"params", "tokens", "flops", "tokens_per_param"}
FLAT = 0.02  # spread of ln N or ln D that tells nothing of an exponent
ALIGNED = 0.05  # scatter of ln D around a rising line in ln N that tells nothing of the second one
FEWEST_RUNS, FEWEST_GROUPS = 7, 4  # below, resampling has too little to draw from


def refusals(runs: Runs, law: Law, bootstrap: int = 0) -> Iterator[Problem]:
    """Why `law` cannot be fitted to `runs`, gravest first; what only its derivatives show is sweep.fit.conditioning's.

    `too_few_rows` (parameters + 2 configurations needed), `equal_losses` (`equal_targets` where the law is of something
    else), `collinear` (tokens follow from params, as in D = 20 N, or one of them does not vary), and, where intervals
    are asked, `few_for_intervals`.
    """
    source, parameters = runs.source, len(law.names)
    count = distinct(*runs.inputs(law))
    if count < parameters + 2:
        yield refusal(
            "too_few_rows",
            f"{source}: {count} configurations < {parameters} parameters + 2; need >= {parameters + 2} distinct "
            f"({', '.join(law.inputs)}) to fit and to judge: add runs",
        )
    if np.ptp(runs.loss) <= 1e-9 * runs.loss.max():
        code, column = ("equal_losses", "final losses") if law.target == "loss" else ("equal_targets", law.output)
        yield refusal(
            code,
            f"{source}: every {law.target} is {runs.loss[0]:.6g}: there is nothing to fit; is this the column of "
            f"{column}?",
        )
    if message := collinear(runs, law):
        yield refusal("collinear", f"{source}: {message}")
    groups = len(np.unique(runs.group))
    if bootstrap and (len(runs) < FEWEST_RUNS or groups < FEWEST_GROUPS):
        yield refusal(
            "few_for_intervals",
            f"{source}: intervals asked of {len(runs)} runs in {groups} independent groups; resampling needs >= "
            f"{FEWEST_RUNS} runs and >= {FEWEST_GROUPS} groups: add runs, or fit without intervals: --bootstrap 0",
        )


def refusal(code: str, message: str) -> Problem:
    """One refusal."""
    return Problem(code, message, level="refusal")


def collinear(runs: Runs, law: Law) -> str:
    """Why the exponents of a law in params, tokens or FLOPs cannot be told apart, or nothing."""
    for name, values in zip(law.inputs, runs.inputs(law), strict=True):
        if name in BASE and np.ptp(np.log(values)) < FLAT:
            return f"every run has the same {name}; its exponent cannot be fitted: vary {name}"
    if len(BASE & set(law.inputs)) < 2 or not np.isfinite(runs.params * runs.tokens).all():
        return ""
    ln_n, ln_d = np.log(runs.params), np.log(runs.tokens)
    for name, values in (("params", ln_n), ("tokens", ln_d)):
        if np.ptp(values) < FLAT:  # of a law that reads FLOPs besides the other one
            return f"every run has the same {name}; {' and '.join(law.inputs)} follow from each other: vary {name}"
    slope, middle = np.polyfit(ln_n - ln_n.mean(), ln_d - ln_d.mean(), 1)
    scatter = np.std(ln_d - ln_d.mean() - slope * (ln_n - ln_n.mean()) - middle)
    if slope <= 0 or scatter >= ALIGNED:
        return ""
    ratio = np.exp(np.median(ln_d - ln_n))
    r = np.corrcoef(ln_n, ln_d)[0, 1]
    held = f"tokens per parameter about {ratio:.3g} in every run" if abs(slope - 1) < 0.05 else f"D ~ N^{slope:.2f}"
    exponents = "alpha and beta" if {"alpha", "beta"} <= set(law.names) else "their exponents"
    return (
        f"params and tokens are collinear (r={r:.3f}, {held}): {exponents} cannot be separated; add runs at other "
        "tokens per parameter"
    )
