"""Approach 2 as a block of the fit's JSON: its families, their verdicts, the line, and the variant by interpolation."""

import math
from typing import Any

import numpy as np

from sweep.fit import approach2
from sweep.fit.approach2 import ENOUGH, IsoFlop
from sweep.fit.approach3 import Solution
from sweep.fit.blocks import lines_block, lines_target, refused
from sweep.fit.bootstrap import interval
from sweep.fit.interpolation import Interpolated
from sweep.fit.parabola_bias import parabola_bias
from sweep.laws import Law
from sweep.tables.load import Runs

REASONS = {
    approach2.OK: "",
    approach2.TOO_FEW: "fewer than three sizes",
    approach2.NOT_UPWARD: "the parabola does not open upward",
    approach2.OUTSIDE: "the minimum lies outside the sizes of the family",
    approach2.UNSURE: f"the curvature is below {approach2.SURE:g} standard errors: the vertex would be mostly noise",
}
CURES = {
    "small": "the loss still falls towards the smallest size: add smaller models",
    "large": "the loss still falls towards the largest size: add larger models",
}
NO_FAMILY = "no isoFLOP family: no `budget` column and no three sizes at equal FLOPs"


def approach2_block(
    found: IsoFlop | None,
    variant: Interpolated | None,
    law: Law,
    runs: Runs,
    solution: Solution,
    level: float,
    target: float,
    reason: str = "",
) -> dict[str, Any]:
    """Exponents and families; fewer than three vertices give no line. `reason`: why the approach does not apply."""
    if found is None or variant is None:
        why, code = reason or NO_FAMILY, "other_inputs" if reason else "no_families"
        empty = {"families": [], "interpolation": {**refused(why), "families": []}}
        return {**refused(why), "code": code, **empty}
    bias = parabola_bias(found, law, runs, solution, target)
    each = np.full(len(found.members), np.nan) if bias is None else bias.families
    families = [family_block(found, i, runs, each[i], level) for i in range(len(found.members))]
    extra = {"families": families, "interpolation": interpolation_block(variant, level, target)}
    good = [family for family in families if family["status"] == approach2.OK]
    if len(good) < ENOUGH:
        code, reason = verdict(families)
        return {**refused(reason), "code": code, **extra}
    biases = [family["bias"] for family in good if np.isfinite(family["bias"])]
    off = None if bias is None else {"flops": target, "params": bias.params, "tokens": bias.tokens, "a": bias.a}
    return {
        **lines_block(found.params, found.tokens, len(good), level),
        "bias": float(np.mean(biases)) if biases else None,
        "bias_at_target": off,
        **extra,
    }


def verdict(families: list[dict[str, Any]]) -> tuple[str, str]:
    """(code, reason and cure) of families that give no line."""
    good = sum(family["status"] == approach2.OK for family in families)
    if len(families) == 1:
        return "one_budget", (
            f"one budget only ({families[0]['budget']:.3g} FLOPs): a line against compute needs three; add two budgets"
        )
    sides = {family["side"] for family in families if family["status"] in (approach2.NOT_UPWARD, approach2.OUTSIDE)}
    if not good and len(sides) == 1 and None not in sides:
        return "one_sided", f"no family has its minimum inside: {CURES[sides.pop()]} to each budget"
    return "few_families", (
        f"{good} of {len(families)} families have a vertex; a line and its doubt need three (two points always lie on "
        "one): add budgets, and sizes on both sides of the optimum"
    )


def family_block(found: IsoFlop, index: int, runs: Runs, bias: float, level: float) -> dict[str, Any]:
    """One family: its parabola, its vertex or its verdict, its runs; `bias` of sweep.fit.parabola_bias."""
    (budget, rows), vertex, precision = found.members[index], found.vertices[index], found.precision[index]
    status = approach2.VERDICTS[vertex.status[0]]
    centre, half = approach2.middle(np.log(runs.params[rows]))
    c0, c1, c2 = vertex.coefficients[0]
    return {
        "budget": found.flops[index] if budget is None else budget,
        "flops": found.flops[index],
        "status": status,
        "reason": REASONS[status],
        "side": side(runs, rows) if status in (approach2.NOT_UPWARD, approach2.OUTSIDE) else None,
        "params": math.exp(vertex.ln_params[0]) if status == approach2.OK else None,
        "tokens": math.exp(vertex.ln_tokens[0]) if status == approach2.OK else None,
        "loss": vertex.loss[0] if status == approach2.OK else None,
        "params_interval": spread(np.exp(vertex.ln_params[1:]), level),
        "params_ln_sd": precision.ln_params_sd if status == approach2.OK else None,
        "curvature": None if status == approach2.TOO_FEW else 2 * c2,
        "curvature_t": precision.curvature_t,
        "residual_sd": precision.residual_sd,
        "half_width": half,
        "off_centre": vertex.ln_params[0] - centre if status == approach2.OK else None,
        "bias": bias if status == approach2.OK else np.nan,
        "coefficients": [c0 - c1 * centre + c2 * centre**2, c1 - 2 * c2 * centre, c2],
        "points": [{"params": runs.params[r], "tokens": runs.tokens[r], "loss": runs.loss[r]} for r in rows],
    }


def spread(values: np.ndarray, level: float) -> list[float | None]:
    """[low, high] of the resampled vertices; nulls where they are all one: a parabola goes through any three points."""
    finite = values[np.isfinite(values)]
    return interval(values, level) if len(finite) and np.ptp(finite) > 1e-9 * finite[0] else [None, None]


def side(runs: Runs, rows: np.ndarray) -> str | None:
    """`small` or `large`: the end of the family at which its least loss lies; None in between."""
    order = rows[np.argsort(runs.params[rows])]
    third = max(1, len(order) // 3)
    at = int(np.argmin(runs.loss[order]))
    return "small" if at < third else "large" if at >= len(order) - third else None


def interpolation_block(found: Interpolated, level: float, target: float) -> dict[str, Any]:
    """The variant: exponents with the interval of the noise of runs, vertices, and its answer at the target."""
    good = np.isfinite(found.ln_params)
    noise = {"noise": found.noise, "noise_from": found.noise_from}
    families = [
        {
            "budget": flops if budget is None else budget,
            "params": math.exp(n) if ok else None,
            "tokens": math.exp(d) if ok else None,
            "loss": loss if ok else None,
            "params_ln_sd": sd if ok else None,
            "reason": ""
            if ok
            else "the least loss lies at the edge of the family, or the family has fewer than three sizes",
        }
        for (budget, _), flops, n, d, loss, sd, ok in zip(
            found.members,
            found.flops,
            found.ln_params,
            found.ln_tokens,
            found.loss,
            found.ln_params_sd,
            good,
            strict=True,
        )
    ]
    if good.sum() < ENOUGH:
        reason = f"{good.sum()} of {len(good)} families have their least loss inside; a line needs three"
        return {**refused(reason), **noise, "families": families, "target": None}
    block = lines_block(found.params, found.tokens, int(good.sum()), level)
    answer = lines_target(found.params, found.tokens, target, level)
    return {**block, **noise, "families": families, "target": answer}
