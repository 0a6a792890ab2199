"""All diagnostics of a fit, in one record."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sweep.fit.diagnostics.backtest import backtest, backtest_block
from sweep.fit.diagnostics.curvature import curvature
from sweep.fit.diagnostics.deltas import deltas
from sweep.fit.diagnostics.fitted import Fitted, nothing
from sweep.fit.diagnostics.floor import floor
from sweep.fit.diagnostics.gap import gap
from sweep.fit.diagnostics.identifiability import identifiability
from sweep.fit.diagnostics.influence import influence
from sweep.fit.diagnostics.residuals import residual_patterns
from sweep.fit.diagnostics.suspects import suspects

MOST_ROWS = 2_000  # beyond, the hundreds of refits take longer than a reader waits, and one run no longer decides


def diagnose(fitted: Fitted, record: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    """Every diagnostic by name, as plain data; `status` and `reason` where one has no answer.

    Args:
        record: of the fit, with its three approaches and its target.
        seed: of the backtest's resamples.
    """
    cheap = {"residuals": residual_patterns(fitted), "gap": gap(record)}
    if len(fitted.runs) > MOST_ROWS:
        left_out = nothing(f"not asked of more than {MOST_ROWS:,} rows; a share of them, by --where, would tell")
        names = ("deltas", "suspects", "floor", "backtest", "influence", "identifiability")
        return dict.fromkeys(names, left_out) | cheap
    with np.errstate(all="ignore"):  # an answer beyond the realm of numbers is null in the record
        shape = curvature(fitted)
        return {
            "identifiability": identifiability(fitted, shape),
            "deltas": deltas(fitted),
            "floor": floor(fitted, shape),
            "suspects": suspects(fitted),
            "influence": influence(fitted, shape),
            "backtest": backtest_block(fitted, backtest(fitted, seed)),
            **cheap,
        }
