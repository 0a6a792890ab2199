"""Which devices will train which cohort, as `sweep preview` tells it."""

import os
from collections.abc import Callable, Mapping, Sequence

from sweep.design.cohorts import Cohort
from sweep.design.placement import Schedule, place
from sweep.design.room import Room
from sweep.devices import size_text
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


def data_of(schedule: Schedule, rooms: Mapping[str, Room] | None = None) -> dict:
    """Plain data; starts and ends as shares of the makespan.

    Args:
        rooms: what each cohort takes of a device's memory, by hash.
    """
    return {
        "devices": schedule.devices,
        "hosts": schedule.hosts,
        "devices_per_host": schedule.per_host,
        "utilisation": schedule.utilisation,
        "makespan_ratio": schedule.ratio,
        "cohorts": [
            {
                "cohort": p.cohort.hash,
                "params_with_head": counting.params(p.cohort.shape).with_head,
                "devices": p.axes.devices,
                "first": p.first,
                "hosts": list(schedule.hosts_of(p)),
                "mesh": str(p.axes),
                "start": p.start / schedule.makespan,
                "end": p.end / schedule.makespan,
            }
            | (memory_of(rooms[p.cohort.hash]) if rooms else {})
            for p in schedule.places
        ],
    }


def memory_of(needs: Room) -> dict:
    """What a cohort takes of each device, by estimate; `fits` is null where the memory of a device is not known."""
    return {"memory_bytes": round(needs.bytes), "fits": needs.fits}


def text_of(data: dict, short: Callable[[float], str]) -> str:
    """A line a cohort, in the order in which they start; `short` writes a number of parameters."""
    several = data["hosts"] > 1
    number = f"{data['devices']} device{'s' * (data['devices'] > 1)}"
    where = f"{data['hosts']} hosts of {data['devices_per_host']}" if several else number
    others = "" if several else "; --devices N for others"
    lines = [
        f"place    on {where}, busy {data['utilisation']:.0%} of the time, "
        f"x{data['makespan_ratio']:.2f} the shortest possible (by a cost model{others})",
        f"    params    mesh  {'hosts  ' if several else 'devices'}      from    to"
        + "   memory a device (estimate)" * any("memory_bytes" in one for one in data["cohorts"]),
    ]
    for one in data["cohorts"]:
        which = numbers(one["hosts"]) if several else numbers(range(one["first"], one["first"] + one["devices"]))
        when = f"{one['start']:>7.0%} {one['end']:>5.0%}"
        lines.append(f"  {short(one['params_with_head']):>8} {one['mesh']:>7}  {which:<9} {when}{memory_text(one)}")
    return "\n".join(lines)


def memory_text(one: dict) -> str:
    """Memory of each device, where it is estimated."""
    if "memory_bytes" not in one:
        return ""
    verdict = {True: "", None: " or more", False: " or more: does not fit"}[one["fits"]]
    return f"   {size_text(one['memory_bytes'])}{verdict}"


def numbers(run: Sequence[int]) -> str:
    """4-7, or 4 alone."""
    return str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"
