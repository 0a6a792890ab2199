"""Which processes of a gang train which cohort, and each process's own cohorts, one after another."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import jax

from sweep.design.placement import Place, Schedule, remaining
from sweep.train.devices import Device
from sweep.train.gang.team import Team
from sweep.train.topology import by_host


def devices_of(gang: Team) -> list[Device]:
    """The devices that a schedule counts: of this process, or those of all, neighbours side by side."""
    if gang.alone:
        return jax.local_devices()
    return by_host(jax.devices())


def shared(schedule: Schedule, left: Callable[[], Mapping[str, float]], gang: Team) -> Schedule:
    """What is left of a schedule, in order, on meshes as before: process 0 decides which hosts take it.

    Args:
        left: share of its work that a cohort has still to do, by hash, from the files that process 0 sees; those that
            are not named are done.
    """
    known = {place.cohort.hash: place for place in schedule.places}
    order = gang.share(lambda: [[p.cohort.hash, p.first] for p in remaining(schedule, left()).places])
    places = tuple(dataclasses.replace(known[name], first=first) for name, first in order)
    return dataclasses.replace(schedule, places=places)


def in_turn(
    schedule: Schedule,
    gang: Team,
    devices: Sequence[Device],
    train: Callable[[Place, list[Device], Team], None],
    teams: dict[str, Team],
) -> None:
    """Call `train`, on this thread, for every place of which this process is part.

    All processes go by the one order of the schedule: among the cohorts that are left, those that come first in it have
    all their processes, so there is no circle in which they wait for one another.

    Args:
        teams: by cohort; they are kept from call to call, because members count what they have told one another.
    """
    for place in schedule.places:
        group = list(devices[place.first : place.first + place.axes.devices])
        members = sorted({device.process_index for device in group})
        if gang.me in members:
            name = place.cohort.hash
            train(place, group, teams.setdefault(name, gang.part(name, members)))
