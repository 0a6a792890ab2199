"""What a process hears of the others while its main thread trains: that they stop, that one ran out of memory."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax

from sweep.train.gang.team import Team

LOOK = 0.5  # seconds between looks
HEARD = 10.0  # seconds in which a leader that is alive answers


@contextmanager
def every(seconds: float, look: Callable[[], object]) -> Iterator[None]:
    """Call `look` again and again on a thread of its own, until the block or the coordination service ends."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(seconds):
            try:
                look()
            except jax.errors.JaxRuntimeError:  # the service is gone, and with it process 0: the watch tells it
                return

    thread = threading.Thread(target=work, name="news", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def stopping_together(gang: Team, stop: threading.Event) -> Iterator[None]:
    """Within, whoever is asked to stop asks all."""
    service, name = gang.service, f"{gang.name}/stop"
    if service is None:
        yield
        return

    def look() -> None:
        if stop.is_set():
            service.put(name, "stop")
        elif service.get(name):
            stop.set()

    with every(LOOK, look):
        yield


@contextmanager
def heeding(team: Team, write: Callable[..., None]) -> Iterator[None]:
    """Within, the leader writes to the log what a member leaves with `leave_word`."""
    service = team.service
    if team.alone or not team.leads or service is None:
        yield
        return
    held: list[str] = []

    def look() -> None:
        if not held and (word := service.get(f"{team.name}/word")):
            held.append(word)
            write(**json.loads(word))
            service.put(f"{team.name}/heard", "yes")

    with every(LOOK, look):
        yield


def leave_word(team: Team, **event: Any) -> None:
    """An event for the log, from a member of a team that cannot go on: the leader writes it, before the gang ends."""
    assert team.service is not None
    team.service.put(f"{team.name}/word", json.dumps(event))
    limit = time.monotonic() + HEARD
    while not team.service.get(f"{team.name}/heard") and time.monotonic() < limit:
        time.sleep(LOOK)
