"""The three approaches as blocks of the fit's JSON, each with its status, its reason and its intervals."""

import math
from typing import Any

import numpy as np

from sweep.fit import approach2
from sweep.fit.approach1 import Envelope
from sweep.fit.approach2 import IsoFlop, Line
from sweep.fit.approach3 import VERDICTS, Resamples, Solution
from sweep.fit.bootstrap import interval
from sweep.fit.interval import Doubt
from sweep.laws import Law
from sweep.tables.load import Runs


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


def approach1_block(found: Envelope, level: float) -> dict[str, Any]:
    """Exponents and frontier of the envelope."""
    if found.reason:
        return {**refused(found.reason), "frontier": []}
    points = zip(found.flops, found.params, found.tokens, found.loss, strict=True)
    frontier = [{"flops": c, "params": n, "tokens": d, "loss": loss} for c, n, d, loss in points]
    block = lines_block(found.params_line, found.tokens_line, len(frontier), level)
    return {**block, "source": found.source, "frontier": frontier}


def approach2_block(found: IsoFlop | None, runs: Runs, solution: Solution, level: float) -> dict[str, Any]:
    """Exponents and families; without at least two vertices there is no line."""
    if found is None:
        return {**refused("no isoFLOP family: no `budget` column and no three sizes at equal FLOPs"), "families": []}
    families = [family_block(found, i, runs, solution, level) for i in range(len(found.members))]
    good = sum(family["status"] == approach2.OK for family in families)
    if good < 2:
        reason = f"{good} of {len(families)} families have a minimum inside; a line needs two"
        return {**refused(reason), "families": families}
    return {**lines_block(found.params, found.tokens, good, level), "families": families}


def family_block(found: IsoFlop, index: int, runs: Runs, solution: Solution, level: float) -> dict[str, Any]:
    """One family: its parabola, its vertex or its verdict, its runs."""
    (budget, rows), vertex = found.members[index], found.vertices[index]
    status = approach2.VERDICTS[vertex.status[0]]
    x = np.log(runs.params[rows])
    half, centre = np.ptp(x) / 2, (x.min() + x.max()) / 2
    c0, c1, c2 = vertex.coefficients[0]
    law = solution.coefficients
    known = hasattr(law, "alpha") and hasattr(law, "beta")
    return {
        "budget": found.flops[index] if budget is None else budget,
        "flops": found.flops[index],
        "status": status,
        "reason": approach2.REASONS[status],
        "params": math.exp(vertex.ln_params[0]) if status == approach2.OK else None,
        "tokens": math.exp(vertex.ln_tokens[0]) if status == approach2.OK else None,
        "loss": vertex.loss[0],
        "params_interval": interval(np.exp(vertex.ln_params[1:]), level),
        "curvature": None if status == approach2.TOO_FEW else 2 * c2,
        "half_width": half,
        "bias": approach2.bias(law.alpha, law.beta, half) if known else None,
        "coefficients": [c0 - c1 * centre + c2 * centre**2, c1 - 2 * c2 * centre, c2],
        "points": [{"params": runs.params[r], "tokens": runs.tokens[r], "loss": runs.loss[r]} for r in rows],
    }


def approach3_block(law: Law, solution: Solution, lanes: Resamples, doubt: Doubt, level: float) -> dict[str, Any]:
    """Exponents of the fitted law, its certificate and the verdicts of its resamples."""
    a, b = law.allocation(solution.coefficients)
    lane_a, lane_b = law.allocation(lanes.coefficients)
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
