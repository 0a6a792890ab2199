"""Groups of devices in time: which begins where and when, where each waits for a run of devices side by side."""

import heapq
from collections import deque
from collections.abc import Sequence
from functools import cache


def pack(sizes: Sequence[int], times: Sequence[float], devices: int) -> list[tuple[float, int, int]]:
    """(start, task, first device) of tasks that need groups of `sizes` for `times`, in the order in which they start.

    The widest first, then the longest, each as soon as its number of devices is free, side by side and from a multiple
    of that number on. In that order a group that comes free is never too narrow for the next task, where sizes divide
    one another: devices idle only after the last task has started.
    """
    waiting: dict[int, deque[int]] = {}  # size of a group, the widest first -> tasks in order
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i], -times[i], i)):
        waiting.setdefault(sizes[i], deque()).append(i)
    now, free = 0.0, (1 << devices) - 1
    running: list[tuple[float, int]] = []  # (end, its devices as bits)
    begun = []
    while waiting:
        found = next(((s, first) for s in waiting if (first := first_free(free, s, devices)) is not None), None)
        if found is None:
            now, group = heapq.heappop(running)
            free |= group
            continue
        size, first = found
        task = waiting[size].popleft()
        if not waiting[size]:
            del waiting[size]
        free &= ~bits(first, size)
        heapq.heappush(running, (now + times[task], bits(first, size)))
        begun.append((now, task, first))
    return begun


def next_start(sizes: Sequence[int], free: int, devices: int) -> tuple[int, int] | None:
    """(which of the waiting groups of `sizes` starts now, its first device): the first in order that finds a place.

    Args:
        free: devices that are free, as bits.
    """
    for size in dict.fromkeys(sizes):
        first = first_free(free, size, devices)
        if first is not None:
            return sizes.index(size), first
    return None


def first_free(free: int, size: int, devices: int) -> int | None:
    """The first of `size` free devices side by side, of those that begin at a multiple of `size`."""
    run, have = free, 1  # bits from which on `have` devices are free
    while have < size:
        more = min(have, size - have)
        run &= run >> more
        have += more
    run &= multiples(size, devices)
    return (run & -run).bit_length() - 1 if run else None


@cache
def multiples(size: int, devices: int) -> int:
    """Devices where a group of `size` may begin, as bits."""
    return sum(1 << first for first in range(0, devices - size + 1, size))


def bits(first: int, size: int) -> int:
    """Devices `first` to `first + size`, as bits."""
    return ((1 << size) - 1) << first
