"""A law that its residuals reject: what other laws of the same inputs say instead, where the answer is asked for.

A bend of the residuals with compute or with tokens per parameter means that the table has a shape which the law has
not. What that does to the answer is seen by laws that have it: the difference between laws is the doubt that no
resampling of one law contains.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sweep import laws
from sweep.fit.approach3 import fit_law
from sweep.fit.diagnostics.fitted import Fitted
from sweep.fit.diagnostics.residuals import residual_patterns
from sweep.fit.result import USABLE

INPUTS = ("params", "tokens")
RIVALS = {"additive_tied": ("additive", "gamma"), "gamma": ()}  # else gamma; none that is a special case of the law


def misfit(fitted: Fitted, residuals: Mapping[str, Any]) -> dict[str, Any] | None:
    """What rejects the law, and what rivals say at the target; None where nothing does, or it has other inputs.

    Args:
        residuals: the block of sweep.fit.diagnostics.residuals.

    Returns:
        by, term, t: the pattern; `laws`, rivals in order of their own worst pattern: law, params, tokens, loss at the
        target (null without an optimum), params_factor and loss_difference against this law's, t of that pattern.
    """
    law = fitted.law
    comparable = law.target == "loss" and tuple(law.inputs) == INPUTS and not law.held
    if residuals["status"] != "ok" or not residuals["pattern"] or not comparable:
        return None
    here = {name: float(np.ravel(x)[0]) for name, x in fitted.at_target(fitted.solution.coefficients).items()}
    told = [answer for id in RIVALS.get(law.id, ("gamma",)) if (answer := rival(fitted, id, here)) is not None]
    return {**residuals["worst"], "laws": sorted(told, key=lambda one: abs(one["t"] or 0.0))}


def rival(fitted: Fitted, id: str, here: Mapping[str, float]) -> dict[str, Any] | None:
    """One other law on the same runs, by the same objective; None where it finds no optimum of its objective."""
    law = laws.get(id)
    solution = fit_law(law, fitted.runs, fitted.objective)
    if solution.status not in USABLE:
        return None
    other = replace(fitted, law=law, solution=solution)
    said = {name: float(np.ravel(x)[0]) for name, x in other.at_target(solution.coefficients).items()}
    worst = residual_patterns(other).get("worst") or {}
    return {
        "law": id,
        **{name: said[name] if np.isfinite(said[name]) else None for name in ("params", "tokens", "loss")},
        "params_factor": finite(said["params"] / here["params"]),
        "loss_difference": finite(said["loss"] - here["loss"]),
        "t": worst.get("t"),
    }


def finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
