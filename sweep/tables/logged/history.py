"""One run as its logger knows it: what it was started with, what it logged along the way, how it ended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sweep.tables.records import flat

STEP = "step"


class Lost(NamedTuple):
    """What does not go into the table: how many of what, and why; of which run or file."""

    what: str
    n: int
    why: str
    where: str


@dataclass
class History:
    """A run.

    Attributes:
        name: tells it apart.
        config: its settings by name, fields of records joined by points.
        points: what was logged at each step, by name, in the order of steps; `step` is one of the names.
        state: finished, running, crashed, …; empty where the logger does not say.
        lost: what of it could not be read.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    points: list[dict[str, Any]] = field(default_factory=list)
    state: str = ""
    lost: list[Lost] = field(default_factory=list)


def by_step(logged: Iterable[tuple[int, Mapping[str, Any]]]) -> tuple[list[dict[str, Any]], int]:
    """(one point a step, in order; how many values were logged again at a step of before, of which the last counts).

    Names that begin with an underscore are the logger's own clock.
    """
    steps: dict[int, dict[str, Any]] = {}
    again = 0
    for step, values in logged:
        point = steps.setdefault(step, {STEP: step})
        again += sum(name in point for name in values if name != STEP and not name.startswith("_"))
        point.update({name: value for name, value in values.items() if name != STEP})
    return [steps[step] for step in sorted(steps)], again


def with_settings(run: History, config: Mapping[str, Any]) -> None:
    """Give a run the settings that a table can hold: numbers, texts and truth values, those of inner records too."""
    found = {name: value for name, value in flat(dict(config)).items() if not name.startswith("_")}
    run.config = {name: value for name, value in found.items() if isinstance(value, int | float | str | bool)}
    if others := [name for name, value in found.items() if name not in run.config and value is not None]:
        run.lost.append(Lost("settings", len(others), f"neither numbers nor texts: {', '.join(others[:3])}", run.name))
