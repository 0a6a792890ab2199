"""A store that goes away for a while: training goes on, and what could not be written is written when it is back."""

import threading
import time
from collections.abc import Callable

from sweep.errors import InputError, Partial
from sweep.storage import passing

LIMIT = 1800.0  # seconds that a cohort which cannot go on without the store waits for it
GRACE = 10.0  # the same, once the sweep was asked to stop: schedulers kill soon after they ask
PAUSE = 1.0  # seconds between two tries of what is waited for
SELDOM = 10.0  # seconds between two tries of what can wait: a try may hold training up


class Away:
    """Whether what a sweep writes to answers; for all its cohorts, from many threads. Says when it goes and returns.

    Only trouble that may pass by itself is waited out (storage.passing); a full disk or a missing right is raised.

    Args:
        alive: called at each try of what is waited for: the process is not stuck.
    """

    def __init__(self, say: Callable[[str], None] = lambda text: None, alive: Callable[[], None] = lambda: None):
        self.say, self.alive = say, alive
        self.lock = threading.Lock()
        self.failing: set[str] = set()
        self.since = self.tried = 0.0  # seconds; when the first of them failed, and the last try that failed
        self.why = ""

    def works(self, name: str, do: Callable[[], None]) -> bool:
        """Try it now; False where the store is away. What does not pass is raised."""
        try:
            do()
        except (InputError, OSError, ValueError) as error:
            if not passing(error):
                raise
            self.fails(name, error)
            return False
        self.back(name)
        return True

    def kept(self, name: str, do: Callable[[], None]) -> bool:
        """As `works`, for what its caller tries again later; not at once after a failure."""
        if name in self.failing and time.monotonic() - self.tried < SELDOM:
            return False
        return self.works(name, do)

    def until(self, name: str, do: Callable[[], None], stop: threading.Event) -> None:
        """Do it, again and again until it works. Raises Partial where the store stays away too long."""
        stopping = None  # when the stop was seen
        while not self.works(name, do):
            now = time.monotonic()
            stopping = stopping or (now if stop.is_set() else None)
            if now - self.since > LIMIT or (stopping is not None and now - stopping > GRACE):
                raise Partial(f"the store stays away ({self.why}); what was saved is kept, repeat the command later")
            self.alive()
            time.sleep(PAUSE)

    def fails(self, name: str, error: Exception) -> None:
        with self.lock:
            first = not self.failing
            self.failing.add(name)
            self.tried = time.monotonic()
            if first:
                self.since, self.why = self.tried, cause(error)
        if first:
            self.say(
                f"the store is away ({self.why}); training goes on, what it keeps is written when the store is back"
            )

    def back(self, name: str) -> None:
        """What failed works."""
        with self.lock:
            last = self.failing == {name}
            self.failing.discard(name)
            seconds = time.monotonic() - self.since
        if last:
            self.say(f"the store is back, it was away for {seconds:.0f} s")


def cause(error: Exception) -> str:
    """What happened, without the advice of its message."""
    return str(error.__cause__ or error).strip().partition("\n")[0]
