"""The request to stop: Ctrl-C, or the signal by which schedulers take a machine back."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Either(threading.Event):
    """Set as soon as one of several events is."""

    def __init__(self, *events: threading.Event):
        super().__init__()
        self.events = events

    def is_set(self) -> bool:
        return super().is_set() or any(event.is_set() for event in self.events)


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second Ctrl-C ends the process at once.

    The event may have been set for another process's signal: the first one here then asks for the same once more.
    """
    stop = threading.Event()
    signals = 0
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, frame: object) -> None:
        nonlocal signals
        signals += 1
        if signals > 1:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
