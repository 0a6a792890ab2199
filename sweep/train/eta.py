"""How long a sweep still takes: the same rule for the board of `sweep run` and for `sweep status`."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stand:
    """How far a cohort is.

    Attributes:
        left: FLOPs to train.
        trained, seconds: FLOPs trained since it was last started, and the time of them.
        active: it has its devices now.
        ready: its programs are compiled and its state is there; true of a cohort that is done.
        waited: seconds that it took, or has taken so far, to get ready; 0 before its turn.
    """

    left: float
    trained: float = 0.0
    seconds: float = 0.0
    active: bool = False
    ready: bool = False
    waited: float = 0.0


def seconds_left(stands: Sequence[Stand]) -> float | None:
    """Seconds until every cohort is trained, compiling included; None before any has trained.

    Each cohort goes on at its own speed so far, or at that of all; one that is not ready takes as long to get ready as
    those before it. Cohorts run side by side as many as now.
    """
    trained, seconds = sum(s.trained for s in stands), sum(s.seconds for s in stands)
    if trained <= 0 or seconds <= 0:
        return None
    known = [s.waited for s in stands if s.ready and s.trained > 0]
    setup = sum(known) / len(known)
    each = []
    for s in stands:
        if s.left > 0:
            speed = s.trained / s.seconds if s.trained > 0 and s.seconds > 0 else trained / seconds
            each.append(s.left / speed + (0.0 if s.ready else max(setup - s.waited, 0.0)))
    return max(max(each), sum(each) / max(1, sum(s.active for s in stands))) if each else 0.0
