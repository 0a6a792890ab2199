"""All diagnostics of a fit, in one record."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from sweep.fit.diagnostics.backtest import RESAMPLES, backtest, backtest_block
from sweep.fit.diagnostics.curvature import curvature
from sweep.fit.diagnostics.deltas import deltas
from sweep.fit.diagnostics.fitted import Fitted, nothing
from sweep.fit.diagnostics.floor import floor
from sweep.fit.diagnostics.gap import gap
from sweep.fit.diagnostics.identifiability import identifiability
from sweep.fit.diagnostics.influence import EXACT, influence
from sweep.fit.diagnostics.residuals import residual_patterns
from sweep.fit.diagnostics.suspects import suspects

MOST_ROWS = 2_000  # beyond, the hundreds of refits take longer than a reader waits, and one run no longer decides


def diagnose(fitted: Fitted, record: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    """Every diagnostic by name, as plain data; `status` and `reason` where one has no answer.

    A law of something else than the loss is not asked for a floor, a backtest or a gap between approaches, and says
    `predicted` where the others say `loss`.

    Args:
        record: of the fit, with its three approaches and its target.
        seed: of the backtest's resamples.
    """
    of_loss = fitted.law.target == "loss"
    cheap = {"residuals": residual_patterns(fitted)} | ({"gap": gap(record)} if of_loss else {})
    if len(fitted.runs) > MOST_ROWS:
        left_out = nothing(f"not asked of more than {MOST_ROWS:,} rows; a share of them, by --where, would tell")
        names = ("deltas", "suspects", "influence", "identifiability", *(("floor", "backtest") if of_loss else ()))
        return dict.fromkeys(names, left_out) | cheap
    with np.errstate(all="ignore"):  # an answer beyond the realm of numbers is null in the record
        shape = curvature(fitted)
        even = fitted.runs.weight is None
        unasked = nothing("rows have weights, which it does not know")
        found = {
            "identifiability": identifiability(fitted, shape) if even else unasked,
            "deltas": deltas(fitted) if even else unasked,
            "suspects": suspects(fitted),
            "influence": influence(fitted, shape),
            **cheap,
        }
        if not of_loss:
            return predicted(found)
        return found | {
            "floor": floor(fitted, shape) if even else unasked,
            "backtest": backtest_block(fitted, backtest(fitted, seed)),
        }


def refits(groups: int, rows: int) -> int:
    """About how many lanes of the solver all of them take."""
    if rows > MOST_ROWS:
        return 0
    origins, others = 4, 150  # of the backtest; of the objectives and the floor
    return min(groups, EXACT) + origins * RESAMPLES + others


def predicted(value: Any) -> Any:
    """Plain data with `predicted`, `predicted_range`, … instead of `loss`, `loss_range`, …, at any depth."""
    if isinstance(value, Mapping):
        return {re.sub(r"^loss(?=$|_)", "predicted", key): predicted(item) for key, item in value.items()}
    return [predicted(item) for item in value] if isinstance(value, list) else value
