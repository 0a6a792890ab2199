"""Whether a question lies inside the runs that were fitted, or reaches beyond them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

INTERPOLATION, EXTRAPOLATION = "interpolation", "extrapolation"
SAME = 1e-9  # of the width of the table in ln N and ln D: so near a fitted run, or an edge between runs, is inside


def reach(points: Sequence[dict[str, Any]], params: float | int, tokens: float | int) -> str:
    """`interpolation` inside the convex hull of the fitted runs in (ln params, ln tokens), else `extrapolation`.

    Args:
        points: of a fit, with params and tokens each.

    A point is inside where the fitted runs leave no half-plane empty around it: seen from there, no two neighbouring
    directions are more than pi apart.
    """
    runs = np.log([[p["params"], p["tokens"]] for p in points])
    size = np.maximum(np.ptp(runs, axis=0), SAME)
    away = (runs - np.log([params, tokens])) / size
    if (np.hypot(*away.T) < SAME).any():
        return INTERPOLATION
    angles = np.sort(np.arctan2(away[:, 1], away[:, 0]))
    widest = np.diff(angles, append=angles[0] + 2 * math.pi).max()
    return INTERPOLATION if widest <= math.pi + SAME else EXTRAPOLATION
