"""The order in which devices are counted, so that those side by side in it are neighbours."""

from collections.abc import Sequence
from itertools import groupby

from sweep.train.devices import Device

Corner = tuple[int, ...]


def by_host(devices: Sequence[Device]) -> list[Device]:
    """`devices` slice by slice and host by host, so that a run of hosts is a box of the torus where it can be.

    A run of a power of two of hosts, from a multiple of that number on, is then a box of chips on a slice whose sides
    are powers of two, and mostly so on others: its collectives stay on the links inside of the box. Devices without
    coordinates (CPUs, GPUs) go by the numbers of their processes.
    """
    ordered = sorted(devices, key=lambda d: (slice_of(d), d.process_index, position(d), d.id))
    hosts = [list(group) for _, group in groupby(ordered, key=lambda d: (slice_of(d), d.process_index))]
    found: list[Device] = []
    for _, group in groupby(hosts, key=lambda host: slice_of(host[0])):
        inside = list(group)
        if not any(position(d) == () for host in inside for d in host):
            inside = halved({corner(host): host for host in inside}, chips(inside[0]))
        found += [device for host in inside for device in host]
    return found


def slice_of(device: Device) -> int:
    """Which slice a TPU is of; devices of different slices have no links but the network."""
    return getattr(device, "slice_index", None) or 0


def position(device: Device) -> tuple[int, ...]:
    """Where a TPU is in its slice, the last side first, and which half of the chip; empty for other devices."""
    coords = getattr(device, "coords", None)
    return () if coords is None else (*reversed(coords), getattr(device, "core_on_chip", None) or 0)


def corner(host: Sequence[Device]) -> Corner:
    """The least coordinates of a host's chips."""
    return tuple(min(d.coords[axis] for d in host) for axis in range(len(host[0].coords)))


def chips(host: Sequence[Device]) -> tuple[int, ...]:
    """Sides of a host's chips."""
    return tuple(len({d.coords[axis] for d in host}) for axis in range(len(host[0].coords)))


def halved(hosts: dict[Corner, list[Device]], sides: tuple[int, ...]) -> list[list[Device]]:
    """Hosts by their corners, in the order of halving the longest side again and again.

    A side of hosts that is no power of two is cut after the largest one below it, so that later runs begin at
    multiples of their size.

    Args:
        sides: of a host, in chips.
    """
    if len(hosts) == 1:
        return list(hosts.values())
    along = [sorted({c[axis] for c in hosts}) for axis in range(len(sides))]
    axis = max(range(len(sides)), key=lambda a: (len(along[a]) > 1, len(along[a]) * sides[a], len(along[a]), a))
    cut = along[axis][2 ** ((len(along[axis]) - 1).bit_length() - 1)]
    first = {c: host for c, host in hosts.items() if c[axis] < cut}
    return halved(first, sides) + halved({c: host for c, host in hosts.items() if c not in first}, sides)
