"""What a reader of approach 2 must be told about its families (after arXiv 2603.22339)."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sweep.fit.result import warning

BIASED = 0.05  # of ln N*
OFF_CENTRE = 1.5  # factor between a vertex and the geometric centre of its family
DRIFT_T = 3.0  # t-ratio of the slope of ln(vertex / centre) against ln C
DRIFT = 0.05  # least change of the exponent that a drifting centre is worth a word for


def about_isoflop(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """Bias, families off their optimum, a centre that drifts with compute, families without a vertex."""
    block = record["approach2"]
    families = [family for family in block["families"] if family["status"] == "ok"]
    odd = [family for family in block["families"] if family["status"] != "ok"]
    found = []
    found += bias(block, families)
    off = [family for family in families if abs(family["off_centre"]) > math.log(OFF_CENTRE)]
    if off:
        furthest = max(off, key=lambda family: abs(family["off_centre"]))
        message = (
            f"approach 2: {len(off)} of {len(families)} vertices lie more than {OFF_CENTRE:g} x from the middle of "
            f"their family, up to {math.exp(abs(furthest['off_centre'])):.2g} x at {furthest['budget']:.3g} FLOPs: "
            "parabolas there are biased; centre the sizes on the optimum"
        )
        found.append(warning("off_centre", message))
    slope, t = drift(families)
    if abs(t) > DRIFT_T and abs(slope) > DRIFT:
        message = (
            f"approach 2: the middle of the families drifts off the optimum by a factor {10 ** abs(slope):.2g} per "
            "decade of compute, which biases its exponents; trust approach 3"
        )
        found.append(warning("drift", message))
    if odd:
        listed = ", ".join(f"{f['budget']:.3g} ({f['reason']})" for f in odd[:3]) + (", …" if len(odd) > 3 else "")
        message = f"approach 2 leaves out {len(odd)} of {len(odd) + len(families)} families: {listed}"
        found.append(warning("families_without_minimum", message))
    return found


def bias(block: Mapping[str, Any], families: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    """A word where parabolas through these sizes miss the law's own optimum."""
    worst = max((family["bias"] or 0.0 for family in families), key=abs, default=0.0)
    there = block.get("bias_at_target") or {}
    off = there.get("params") or 0.0
    if max(abs(worst), abs(math.log1p(off))) <= BIASED:
        return []
    message = f"approach 2: parabolas through these sizes put N* up to {math.expm1(worst):+.0%} off within the families"
    message += f", {off:+.0%} at {there['flops']:.3g} FLOPs" if off else ""
    return [warning("parabola_bias", f"{message}, by the fitted law; trust approach 3")]


def drift(families: list[Mapping[str, Any]]) -> tuple[float, float]:
    """(slope, t-ratio) of ln(vertex / centre) against ln C; zeros where fewer than four families say."""
    if len(families) < 4:
        return 0.0, 0.0
    x = np.log([family["flops"] for family in families])
    y = np.array([family["off_centre"] for family in families])
    dx = x - x.mean()
    slope = float(dx @ y / (dx @ dx))
    residual = y - y.mean() - slope * dx
    error = math.sqrt(max(float(residual @ residual), 1e-24) / (len(x) - 2) / float(dx @ dx))
    return slope, slope / error
