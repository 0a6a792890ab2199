"""What is compiled just now and for how long; and a compile that a request to stop does not wait for."""

import atexit
import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from sweep.errors import Partial

STOPPED = "what is trained is saved, and the same command continues"
POLL = 0.1  # seconds between looks at the request to stop

T = TypeVar("T")
left_behind = threading.Event()  # a compile of this process was not waited for


class Watch:
    """What one cohort compiles.

    Attributes:
        now: what is compiled, and since when (seconds of the monotonic clock); None: nothing.
        seconds: that compiling has taken so far.
        interruptible: a request to stop does not wait for a compile, which has a thread of its own. False where several
            processes train together: each issues what it asks of JAX from one thread.
    """

    def __init__(self, tell: Callable[..., None] = lambda **event: None):
        """`tell` takes the events `compiling` and `compiled`, as the log of a cohort does."""
        self.tell = tell
        self.stop = threading.Event()  # whoever trains puts the one here that ends the run
        self.now: tuple[str, float] | None = None
        self.seconds = 0.0
        self.interruptible = True

    def over(self, what: str, make: Callable[[], T]) -> T:
        """`make()`, which compiles `what`. Raises whatever `make` raises, and Partial as soon as `stop` is set, where
        that is `interruptible`.
        """
        began = time.monotonic()
        self.now = (what, began)
        self.tell(compiling=what)
        try:
            return unless(self.stop, make) if self.interruptible else make()
        finally:
            self.now = None
            self.seconds += time.monotonic() - began
            self.tell(compiled=what, compile_s=round(time.monotonic() - began, 3))


def unless(stop: threading.Event, make: Callable[[], T]) -> T:
    """`make()` on a thread of its own. XLA cannot be interrupted: when `stop` is set first, the thread is left to end
    by itself, and Partial is raised.
    """
    if stop.is_set():
        raise Partial(STOPPED)
    made: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            made.put((make(), None))
        except BaseException as error:  # for the thread that waits
            made.put((None, error))

    thread = threading.Thread(target=work, name="compiling", daemon=True)
    thread.start()
    try:
        value, error = waited(made, stop)
    except BaseException:  # the request to stop, or a second Ctrl-C: the thread is still in XLA
        left_behind.set()
        atexit.register(thread.join)  # a process that ends with a thread in XLA is aborted
        raise
    if error is not None:
        raise error
    return value


def waited(made: queue.SimpleQueue, stop: threading.Event) -> Any:
    """What comes out of the queue. Raises Partial where `stop` is set first."""
    while True:
        with contextlib.suppress(queue.Empty):
            return made.get(timeout=POLL)
        if stop.is_set():
            raise Partial(STOPPED)


def leave(code: int) -> NoReturn:
    """End the process, without waiting for a compile that was left behind."""
    if left_behind.is_set():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
