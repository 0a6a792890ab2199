"""`sweep status --watch`: the same picture again and again, until the sweep ends."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sweep.errors import Partial
from sweep.verbs.output import Output

FIRST = ("training", "compiling", "failed", "diverged", "stopped", "pending", "done")  # order on a terminal
ENDED = ("done", "diverged", "failed")
ACTIVE = ("training", "compiling")
IDLE = (
    10.0  # seconds in which nothing trains, after which a sweep that was stopped counts as ended: cohorts change over
)
Trial = dict[str, Any]


def watch(look: Callable[[], Output], describe: Callable[[Trial], str], every: float) -> Output:
    """Look until every trial has ended, the sweep was stopped, or Ctrl-C; the last picture, with exit code 3 where it
    was stopped.

    Args:
        look: what `sweep status` returns, now.
        describe: one line of a trial.
        every: seconds between looks.
    """
    states: dict[str, str] = {}
    idle: float | None = None
    seen = look()
    try:
        with shown(describe) as show:
            while True:
                show(seen, states)
                now = time.monotonic()
                states = {t["trial"]: t["state"] for t in seen.data["trials"]}
                if all(state in ENDED for state in states.values()):
                    return seen
                waits = set(states.values()) & set(ACTIVE) or set(states.values()) == {"pending"}  # not begun
                idle = None if waits else idle if idle is not None else now
                if idle is not None and now - idle >= IDLE:
                    return Output(seen.data, seen.text, Partial.exit_code)
                time.sleep(every)
                seen = look()
    except KeyboardInterrupt:
        return seen


@contextmanager
def shown(describe: Callable[[Trial], str]) -> Iterator[Callable[[Output, dict[str, str]], None]]:
    """How a picture is shown on stderr: in place on a terminal, elsewhere a line for each trial that has changed."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda seen, before: changes(seen, before, describe)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda seen, _: live.update(screen(seen, describe, console.height), refresh=True)


def changes(seen: Output, before: dict[str, str], describe: Callable[[Trial], str]) -> None:
    """The heading at first, then a line for each trial whose state is another than before."""
    clock = time.strftime("%H:%M:%S")
    lines = [describe(t) for t in seen.data["trials"] if before and before.get(t["trial"]) != t["state"]]
    for line in [heading(seen)] if not before else lines:
        print(f"{clock}  {line.strip()}", file=sys.stderr, flush=True)


def heading(seen: Output) -> str:
    """The first line: the sweep, how many trials are in which state, the time left."""
    return seen.text.split("\n", 1)[0]


def screen(seen: Output, describe: Callable[[Trial], str], height: int) -> Text:
    """As many trials as a terminal has lines for, those that train first, and the law so far."""
    trials = sorted(seen.data["trials"], key=lambda t: FIRST.index(t["state"]))
    room = max(height - 4, 1)
    more = [f"  … {len(trials) - room} more"] if len(trials) > room else []
    lines = [heading(seen), *map(describe, trials[:room]), *more, seen.data["law"]["text"]]
    return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
