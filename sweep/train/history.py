"""What the log of a cohort tells of it: what it is doing, and how far it is."""

from collections.abc import Sequence
from typing import Any, Literal

from sweep.train.eta import Stand

Event = dict[str, Any]
Phase = Literal["pending", "compiling", "training", "stopped"]

SILENT = 120.0  # seconds without a sign of its owner, or a line in the log, after which a cohort counts as stopped
COMPILING = 3600.0  # the same, while a program is compiled and nobody has claimed the cohort (older versions)


def last(events: Sequence[Event], name: str, after: int = -1) -> int | None:
    """Index of the last event of a name, behind index `after`."""
    return next((i for i in range(len(events) - 1, after, -1) if name in events[i]), None)


def phase(events: Sequence[Event], now: float, heard: float | None = None) -> Phase:
    """What a cohort does, by its log. A process that was killed shows by its silence alone.

    Args:
        now: seconds since 1970.
        heard: the same, when its owner gave a sign of life (sweep.train.claims); None: not known.
    """
    given = last(events, "given")
    if given is None:  # at most its programs are compiled ahead of its turn
        return "stopped" if last(events, "begun") is not None else "pending"
    limit = COMPILING if heard is None and "compiling" in events[-1] else SILENT
    silence = now - (events[-1]["time"] if heard is None else heard)
    if last(events, "stopped", given) is not None or silence > limit:
        return "stopped"
    ready = last(events, "begun", given) is not None
    return "training" if ready and "compiling" not in events[-1] else "compiling"


def stand_of(events: Sequence[Event], total: float, *, done: bool, now: float, heard: float | None = None) -> Stand:
    """How far a cohort of `total` FLOPs is, with the speed of its last attempt."""
    lefts = [event["left"] for event in events if "left" in event]
    left = 0.0 if done else lefts[-1] if lefts else total
    given = last(events, "given")
    begun = last(events, "begun", given) if given is not None else None
    active = not done and phase(events, now, heard) in ("training", "compiling")
    if given is None or begun is None or "left" not in events[begun]:
        waited = now - events[given]["time"] if active and given is not None else 0.0
        return Stand(left, active=active, ready=done, waited=waited)
    chunks = [event for event in events[begun:] if "chunk" in event and "seconds" in event]
    trained = events[begun]["left"] - left
    waited = events[begun]["time"] - events[given]["time"]
    return Stand(left, trained, sum((event["seconds"] for event in chunks), 0.0), active, True, waited)
