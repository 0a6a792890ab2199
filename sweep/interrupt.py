"""Ctrl-C that is neither lost nor takes an answer with it.

Python raises KeyboardInterrupt wherever it happens to be. Within a callback of JAX's (it has one for the collection of
garbage, which runs often while programs are traced) it is printed and dropped; after hours of work, in the last second
before the answer, it takes the answer with it. So within `remembered` an interrupt is also written down, and loops ask
for it by `check`; within `held` it is only written down. A second one is raised at once.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType


@dataclass
class State:
    """Whether an interrupt is `waiting` to be met, and how many blocks hold it back."""

    waiting: bool = False
    holding: int = 0


STATE = State()
SWALLOWS = "_xla_gc_callback"  # of JAX's: what is raised within is printed with its traceback, and dropped


def handler(_number: int, frame: FrameType | None) -> None:
    """What Ctrl-C does."""
    again, STATE.waiting = STATE.waiting, True
    if (again or not STATE.holding) and not dropped(frame):
        raise KeyboardInterrupt


def dropped(frame: FrameType | None) -> bool:
    """Whether what is raised in a frame goes no further than a callback that drops it."""
    while frame is not None:
        if frame.f_code.co_name == SWALLOWS:
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def remembered() -> Iterator[None]:
    """Write interrupts down. Nothing changes outside the main thread, or where somebody else handles them."""
    mine = threading.current_thread() is threading.main_thread()
    mine = mine and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not mine:
        yield
        return
    STATE.waiting, STATE.holding = False, 0
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        STATE.waiting, STATE.holding = False, 0


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Let what is inside come to its end: an interrupt waits for the next `check`."""
    STATE.holding += 1
    try:
        yield
    finally:
        STATE.holding = max(STATE.holding - 1, 0)


def check() -> None:
    """Raise KeyboardInterrupt if one is waiting."""
    if STATE.waiting:
        STATE.waiting = False
        raise KeyboardInterrupt


def met() -> None:
    """An interrupt that was raised has been dealt with."""
    STATE.waiting = False
