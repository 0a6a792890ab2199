"""Where many small regressions ended."""

from dataclasses import dataclass, fields

import numpy as np

from sweep.fit.newton import CERTIFIED


@dataclass(frozen=True)
class Lanes:
    """Solutions, one a lane.

    Attributes:
        theta: [lanes, k], in the law's coordinates.
        objective: [lanes], the sum that `newton` minimises; infinite where it has no finite value at the start.
        gradient: [lanes], largest gradient component, each scaled by the root of its curvature times the objective.
        decrement: [lanes], further decrease the Newton step promises, relative to the objective, or to what rounding
            leaves of it (`newton.arithmetic`) in a table without noise.
        steps: [lanes], passes over the rows.
        finished: [lanes], False where an interrupt (Ctrl-C) came before the lane's end.
    """

    theta: np.ndarray
    objective: np.ndarray
    gradient: np.ndarray
    decrement: np.ndarray
    steps: np.ndarray
    finished: np.ndarray

    @property
    def converged(self) -> np.ndarray:
        """[lanes], whether the certificate holds: no further decrease above CERTIFIED, relative."""
        return self.finished & np.isfinite(self.objective) & (self.decrement <= CERTIFIED)


def pick(lanes: Lanes, chosen: np.ndarray) -> Lanes:
    """Some of the lanes."""
    return Lanes(**{field.name: getattr(lanes, field.name)[chosen] for field in fields(lanes)})


def joined(first: Lanes, second: Lanes) -> Lanes:
    """The lanes of both, in order."""
    return Lanes(**{f.name: np.concatenate([getattr(first, f.name), getattr(second, f.name)]) for f in fields(Lanes)})


def unfinished(theta: np.ndarray) -> Lanes:
    """Lanes at their starts [lanes, k]."""
    blank = np.full(len(theta), np.inf)
    return Lanes(theta, blank, blank, blank, np.zeros(len(theta), int), np.zeros(len(theta), bool))


def improved(lanes: Lanes, where: np.ndarray, others: Lanes) -> Lanes:
    """`lanes`, with those of `others` (for the lanes `where`) that are finished and lower."""
    better = others.finished & (others.objective <= lanes.objective[where])
    values = {field.name: getattr(lanes, field.name).copy() for field in fields(lanes)}
    for name, value in values.items():
        value[where[better]] = getattr(others, name)[better]
    return Lanes(**values)
