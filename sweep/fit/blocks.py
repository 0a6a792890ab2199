"""Approaches 1 and 3 as blocks of the fit's JSON, each with its status, its reason and its intervals."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sweep.fit.approach1 import Envelope
from sweep.fit.approach2 import Line
from sweep.fit.approach3 import VERDICTS, Solution
from sweep.fit.best import exponents
from sweep.fit.bootstrap import interval
from sweep.fit.interval import Doubt
from sweep.fit.refits import Resamples
from sweep.laws import Law


def refused(reason: str) -> dict[str, Any]:
    """A block of an approach that has no answer."""
    empty = [None, None]
    return {
        "status": "refused",
        "reason": reason,
        "a": None,
        "b": None,
        "a_interval": empty,
        "b_interval": empty,
        "n": 0,
    }


def lines_block(params: Line, tokens: Line, n: int, level: float) -> dict[str, Any]:
    """What approaches 1 and 2 share: exponents of their two lines; lane 0 is the table, the rest resamples."""
    return {
        "status": "ok",
        "a": params.slope[0],
        "b": tokens.slope[0],
        "a_interval": interval(params.slope[1:], level),
        "b_interval": interval(tokens.slope[1:], level),
        "n": n,
        "lanes": {
            "ok": int(np.isfinite(params.slope[1:]).sum()),
            "no_line": int((~np.isfinite(params.slope[1:])).sum()),
        },
    }


def lines_target(params: Line, tokens: Line, flops: float, level: float) -> dict[str, Any]:
    """What two lines say at C FLOPs."""
    n, d = params.at(flops), tokens.at(flops)
    spread = {"params_interval": interval(n[1:], level), "tokens_interval": interval(d[1:], level)}
    return {"params": n[0], "tokens": d[0], **spread}


def approach1_block(found: Envelope | None, level: float, reason: str = "") -> dict[str, Any]:
    """Exponents and frontier of the envelope; `reason` where there is none."""
    if found is None or found.reason:
        return {**refused(found.reason if found else reason), "frontier": []}
    points = zip(found.flops, found.params, found.tokens, found.loss, strict=True)
    frontier = [{"flops": c, "params": n, "tokens": d, "loss": loss} for c, n, d, loss in points]
    block = lines_block(found.params_line, found.tokens_line, len(frontier), level)
    return {
        **block,
        "source": found.source,
        "mid_run_excess": found.mid_run_excess,
        "optimism": found.optimism,
        "frontier": frontier,
    }


def approach3_block(
    law: Law,
    solution: Solution,
    lanes: Resamples,
    doubt: Doubt,
    level: float,
    at: tuple[float, float, Mapping[str, float]],
) -> dict[str, Any]:
    """Exponents of the fitted law, its certificate and the verdicts of its resamples.

    Args:
        at: FLOPs, FLOPs per parameter and token, and further inputs (sweep.fit.best) of the exponents.
    """
    a, b = exponents(law, solution.coefficients, *at)
    lane_a, lane_b = exponents(law, lanes.coefficients, *at)
    counts = np.bincount(lanes.verdict, minlength=len(VERDICTS))
    return {
        "status": solution.status,
        "reason": solution.reason,
        "a": a,
        "b": b,
        "a_interval": doubt.interval(lane_a[lanes.usable], level),
        "b_interval": doubt.interval(lane_b[lanes.usable], level),
        "n": doubt.runs,
        "lanes": dict(zip(VERDICTS, counts, strict=True)),
        "starts": {"agree": solution.agree, "of": solution.starts},
        "certificate": {"gradient": solution.gradient, "decrement": solution.decrement},
    }
