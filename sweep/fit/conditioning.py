"""Can a table pin a law down at all? The condition of the law's own Jacobian at its optimum.

Columns are the derivatives of ln loss in the solver's coordinates, of unit length. Coordinates at a bound, or that move
no prediction, are left out: the verdict of the fit speaks of those. Where the smallest singular value vanishes within
the accuracy of differences, some combination of coefficients can change freely without a change of any fitted loss.
"""

import numpy as np

from sweep.fit.approach3 import Solution
from sweep.fit.quick import differences
from sweep.laws import Law
from sweep.tables.judge import refusal
from sweep.tables.load import Runs
from sweep.tables.problem import Problem

LIMIT = 1e7  # condition number beyond which central differences tell nothing but that it is too large
STEP = 1e-5
EDGE = 1e-6  # in theta: this near a bound is on it
UNSEEN = 1e-4  # length of a column over that of the longest: it moves no prediction
MEMBER = 0.1  # share in the free combination from which a coefficient is named


def unidentified(law: Law, runs: Runs, solution: Solution) -> Problem | None:
    """The refusal of a law of which a combination of coefficients is not seen by the table, or nothing."""
    number, weak = condition(law, runs, solution.restarts[0])
    if number <= LIMIT:
        return None
    return refusal(
        "unidentified",
        f"{runs.source}: {', '.join(weak)} of law {law.id} cannot be told apart: they can change together without a "
        f"change of any fitted {law.target}; vary the inputs that they belong to, or fit a law without them",
    )


def condition(law: Law, runs: Runs, theta: np.ndarray) -> tuple[float, list[str]]:
    """(condition number, coefficients of the least certain combinations) at theta [k]; 1 where nothing is free."""
    inputs = runs.inputs(law)
    shift = law.features(*inputs)[1]

    def predicted(point: np.ndarray) -> np.ndarray:
        return np.log(law.loss(law.coefficients(point, shift), *inputs))

    with np.errstate(all="ignore"):
        jacobian = differences(predicted, theta, STEP)
    size = np.linalg.norm(jacobian, axis=1)
    inside = (theta > law.lower + EDGE) & (theta < law.upper - EDGE) & np.isfinite(size)
    free = inside & (size > UNSEEN * size[inside].max(initial=0.0))
    if free.sum() < 2:
        return 1.0, []
    _, values, combinations = np.linalg.svd((jacobian[free] / size[free, None]).T, full_matrices=False)
    lost = values <= max(values[0] / LIMIT, values[-1])  # one combination at least, all of those that are not seen
    share = np.linalg.norm(combinations[lost], axis=0)
    names = [name for name, chosen in zip(law.names, free, strict=True) if chosen]
    weak = [name for name, s in zip(names, share, strict=True) if s > MEMBER * share.max()]
    return float(values[0] / max(values[-1], 1e-300)), weak
