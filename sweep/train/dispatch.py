"""Running cohorts side by side: each on a thread and a group of devices of its own, as soon as the group is free."""

import queue
import threading
from collections.abc import Callable, Sequence

from sweep.design.packing import bits, next_start
from sweep.design.placement import Place
from sweep.train.devices import Device


def side_by_side(
    places: Sequence[Place],
    devices: Sequence[Device],
    train: Callable[[Place, list[Device]], None],
    stop: threading.Event,
) -> None:
    """Call `train` once for every place, on devices that no other call holds; returns when all calls have.

    The first place in order that finds its number of devices free, side by side and beginning at a multiple of that
    number, starts. A schedule has the widest first: a narrower one begins before them only on devices that they cannot
    use yet, and none starves, since every place that comes free is offered to the widest first.

    Args:
        train: called on a thread of its own; must not raise.
        stop: once it is set no more calls begin; those under way see it themselves.
    """
    waiting, free = list(places), (1 << len(devices)) - 1
    finished: queue.SimpleQueue[int] = queue.SimpleQueue()
    running = 0

    def one(place: Place, first: int) -> None:
        size = place.axes.devices
        try:
            train(place, list(devices[first : first + size]))
        finally:
            finished.put(bits(first, size))

    while running or (waiting and not stop.is_set()):
        while not stop.is_set() and (found := next_start([p.axes.devices for p in waiting], free, len(devices))):
            index, first = found
            place = waiting.pop(index)
            free &= ~bits(first, place.axes.devices)
            running += 1
            threading.Thread(target=one, args=(place, first), daemon=True).start()
        try:
            free |= finished.get(timeout=0.2)  # in slices, so that signals are seen
        except queue.Empty:
            continue
        running -= 1
