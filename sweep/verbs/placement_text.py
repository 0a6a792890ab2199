"""Which devices will train which cohort, as `sweep preview` tells it."""

import os
from collections.abc import Callable

from sweep.design.cohorts import Cohort
from sweep.design.placement import Schedule, place
from sweep.errors import InputError
from sweep.models import counting

A_HOST = 8  # accelerators of one host, where this machine is not asked


def schedule_for(groups: list[Cohort], devices: int, platform: str, *, probed: bool) -> Schedule:
    """The schedule of `sweep run` on `devices` devices.

    Args:
        devices: 0 for those of this machine where a probe has asked it (`probed`), else for a device a core on a CPU
            and A_HOST accelerators.

    Raises:
        InputError: a negative number of devices.
    """
    if devices < 0:
        raise InputError(f"--devices is {devices}; it must be at least 1, or 0 for those of this machine")
    memory = None
    if probed:
        import jax

        from sweep.train.devices import memory_bytes

        here = jax.local_devices()
        memory = memory_bytes(here[0]) if platform != "cpu" else None
        devices = devices or len(here)
    return place(groups, devices or (len(os.sched_getaffinity(0)) if platform == "cpu" else A_HOST), platform, memory)


def data_of(schedule: Schedule) -> dict:
    """Plain data; starts and ends as shares of the makespan."""
    return {
        "devices": schedule.devices,
        "utilisation": schedule.utilisation,
        "makespan_ratio": schedule.ratio,
        "cohorts": [
            {
                "cohort": p.cohort.hash,
                "params_with_head": counting.params(p.cohort.shape).with_head,
                "devices": p.axes.devices,
                "first": p.first,
                "mesh": str(p.axes),
                "start": p.start / schedule.makespan,
                "end": p.end / schedule.makespan,
            }
            for p in schedule.places
        ],
    }


def text_of(data: dict, short: Callable[[float], str]) -> str:
    """A line a cohort, in the order in which they start; `short` writes a number of parameters."""
    number = f"{data['devices']} device{'s' * (data['devices'] > 1)}"
    lines = [
        f"place    on {number}, busy {data['utilisation']:.0%} of the time, "
        f"x{data['makespan_ratio']:.2f} the shortest possible (by a cost model; --devices N for others)",
        "    params    mesh  devices      from    to",
    ]
    for one in data["cohorts"]:
        last = one["first"] + one["devices"] - 1
        which = str(one["first"]) if one["devices"] == 1 else f"{one['first']}-{last}"
        when = f"{one['start']:>7.0%} {one['end']:>5.0%}"
        lines.append(f"  {short(one['params_with_head']):>8} {one['mesh']:>7}  {which:<9} {when}")
    return "\n".join(lines)
