"""The compute-optimal run by any law, at given values of the inputs that compute does not decide.

A law of params and tokens needs a budget alone. One that also reads unique tokens, experts or bits has an optimum at
each value of them: a fit answers at those of its largest run, which it states, and at any others when asked.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sweep.laws import Law
from sweep.laws.inputs import predict
from sweep.tables.load import Runs

BY_COMPUTE = ("params", "tokens", "flops", "tokens_per_param")  # what a budget and a split of it decide


def of_compute(law: Law) -> bool:
    """Whether a law is of compute alone: of the best runs of budgets, which it does not split."""
    return law.inputs == ("flops",) and law.target == "loss"


def fixed_inputs(law: Law, runs: Runs) -> dict[str, float]:
    """Each input that a budget does not decide, of the run of most compute; empty for a law without an optimum."""
    if not law.optimum_kind:
        return {}
    most = int(np.argmax(runs.flops))
    values = zip(law.inputs, runs.inputs(law), strict=True)
    return {name: float(x[most]) for name, x in values if name not in BY_COMPUTE}


def exponents(law: Law, coefficients: Any, flops: Any, k: Any, fixed: Mapping[str, float]) -> tuple[Any, Any]:
    """(a, b) of N* ~ C^a, D* ~ C^b around a budget; NaN of a law without an optimum."""
    if not law.optimum_kind:
        none = nowhere(coefficients)
        return none, none
    with np.errstate(all="ignore"):
        a, b = law.allocation(coefficients, flops, k, **fixed)
    return a, b


def best_run(
    law: Law, coefficients: Any, flops: Any, k: Any, fixed: Mapping[str, float] | None = None
) -> tuple[Any, Any, Any]:
    """(params, tokens, loss) of the optimum for a budget in FLOPs, k N D = C; NaN of a law without one.

    A law of compute alone has the loss of the best run, and no size.

    Args:
        coefficients: numbers, or [lanes] each.
        fixed: of `fixed_inputs`.
    """
    if not law.optimum_kind:
        none = nowhere(coefficients)
        return none, none, law.loss(coefficients, flops) if of_compute(law) else none
    fixed = fixed or {}
    with np.errstate(all="ignore"):  # a lane with an exponent at its bound has no optimum: not finite, left out
        params, tokens = law.optimum(coefficients, flops, k, **fixed)
        loss = predict(law, coefficients, {"params": params, "tokens": tokens, "flops": flops, **fixed})
    return params, tokens, loss


def nowhere(coefficients: Any) -> Any:
    """NaN of the shape of the coefficients."""
    return np.full(np.shape(coefficients[0]), np.nan)[()]
