"""The supervisor of a worker: it starts a process that trains, and starts it anew while something is left to train.

It never imports JAX, so that whatever becomes of a device, a compiler or the memory ends the process that trains and
not the worker. That process holds the claims of its cohorts; when it ends, they are free at once on this machine, and
after a minute without a sign of life on any other.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sweep import storage
from sweep.errors import InputError, Partial
from sweep.storage import Location
from sweep.tables.cohorts import FOLDER
from sweep.train.stop import interruptible
from sweep.worker.left import Left, crash, crashes_of, left_of

SUPERVISED = "SWEEP_SUPERVISED"  # in the environment of a process whose end its supervisor tells
TRIES = 3  # of this worker at a cohort that its process did not survive, or could not train
DONE, INPUT, REFUSED, PART = 0, 1, 2, 3


@dataclass(frozen=True)
class Times:
    """In seconds."""

    look: float = 10.0  # between looks at cohorts that others train
    pause: float = 5.0  # before a process that failed is started anew; doubled each time in a row
    longest: float = 300.0  # pause
    away: float = 600.0  # that a store may not answer


@dataclass
class Supervisor:
    """One worker.

    Attributes:
        command: of the process that trains; `--but HASH` is added for cohorts that are left alone.
        say: tells the user one line.
        but: cohorts that are left alone from the start.
    """

    out: Location
    command: Sequence[str]
    say: Callable[[str], None]
    times: Times = Times()
    but: Sequence[str] = ()

    def __post_init__(self):
        self.process = 0  # number of the last one that trained
        self.tries: Counter[str] = Counter()
        self.given_up = set(self.but)
        self.waiting = False

    def work(self) -> int:
        """Until nothing is left; the exit code.

        Raises:
            InputError: no sweep, or a store that does not come back.
            Partial: stopped, or cohorts are left that this worker could not train.
        """
        fails = 0
        with interruptible() as stop:
            left_of(self.out)  # what is wrong from the start is said at once
            while True:
                left = self.look(stop)
                self.leave_damaged(left)
                self.leave_killers(left)
                if not left.stands and not left.damaged:
                    return DONE
                able = [name for name in left.stands if name not in self.given_up]
                if not able or stop.is_set():
                    raise Partial(self.rest(left, stopped=stop.is_set()))
                if not set(able) & set(left.free):
                    self.wait_for_others(left)
                    stop.wait(self.times.look)
                    continue
                self.waiting = False
                code = self.train(stop)
                if stop.is_set():
                    continue
                if code in (INPUT, REFUSED):
                    return code  # it has said why
                fails = fails + 1 if self.count(left, code) else 0
                if fails:
                    stop.wait(min(self.times.pause * 2 ** (fails - 1), self.times.longest))

    def look(self, stop: threading.Event) -> Left:
        """What is left; a store that does not answer is asked again for ten minutes."""
        began = time.monotonic()
        while True:
            try:
                return left_of(self.out)
            except InputError as error:
                if time.monotonic() - began > self.times.away or stop.is_set():
                    raise
                self.say(f"{error}; asking again")
                stop.wait(self.times.look)

    def train(self, stop: threading.Event) -> int:
        """Let a fresh process train what is free; its exit code."""
        more = [word for name in sorted(self.given_up) for word in ("--but", name)]
        with child([*self.command, *more]) as process:
            sent = False
            while process.poll() is None:
                if stop.is_set() and not sent:
                    process.send_signal(signal.SIGTERM)
                    sent = True
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.2)
            self.process = process.pid
            return process.returncode

    def count(self, before: Left, code: int) -> bool:
        """Whether the process failed; cohorts that it began and did not end are counted, and given up in the end."""
        now = self.look(threading.Event())
        began = [
            name
            for name, stand in now.stands.items()
            if stand.state == "free"
            and stand.owner.get("pid") == self.process
            and (name not in before.stands or stand.attempt > before.stands[name].attempt)
        ]
        idle = not began and set(now.stands) == set(before.stands) and bool(set(now.free) - self.given_up)
        crashed = code not in (DONE, PART)
        if crashed:
            where = f" while it trained cohort {' and '.join(began)}" if began else ""
            self.say(f"process {self.process} ended {ending(code)}{where}")
        for name in began:
            if crashed:
                text = json.dumps({"host": socket.gethostname(), "process": self.process, "ended": ending(code)})
                storage.create(self.out / FOLDER / name / crash(now.stands[name].attempt), text.encode())
        for name in began or ["start"] * (crashed or idle):
            self.tries[name] += 1
            if self.tries[name] >= TRIES:
                self.give_up(name)
        return bool(began) or crashed or idle

    def give_up(self, name: str) -> None:
        """Leave a cohort to others; a process that cannot even start ends the worker."""
        if name == "start":
            raise Partial(
                f"the process that trains ended {TRIES} times before it began a cohort; see its messages above"
            )
        self.given_up.add(name)
        self.say(f"cohort {name} was begun {TRIES} times and not ended; this worker leaves it alone")

    def leave_damaged(self, left: Left) -> None:
        """Say once of each cohort why it cannot be claimed."""
        for name in left.damaged.keys() - self.given_up:
            self.given_up.add(name)
            self.say(left.damaged[name])

    def leave_killers(self, left: Left) -> None:
        """Say once of each cohort that has ended enough processes, of whatever worker, that it is left alone."""
        for name in left.free:
            attempts = left.stands[name].attempt
            if name not in self.given_up and attempts >= TRIES and crashes_of(self.out, name, attempts) >= TRIES:
                self.given_up.add(name)
                self.say(
                    f"cohort {name} has ended {TRIES} processes and is left alone; its folder's crash-* say how; "
                    "delete these to try again"
                )

    def wait_for_others(self, left: Left) -> None:
        """Say once that others have the rest."""
        if not self.waiting:
            self.waiting = True
            held = sum(stand.state == "held" for stand in left.stands.values())
            hosts = sorted({str(s.owner.get("host", "?")) for s in left.stands.values() if s.state == "held"})
            cohorts = "cohort" if held == 1 else f"{held} cohorts"
            self.say(f"waiting for the last {cohorts}, which others train ({', '.join(hosts[:4])})")

    def rest(self, left: Left, *, stopped: bool) -> str:
        """Why the worker ends before the sweep does."""
        number = len(left.stands) + len(left.damaged)
        if stopped:
            return f"{number} of {left.cohorts} cohorts are left; start a worker again to go on"
        names = " ".join(sorted({*left.stands, *left.damaged}))
        return f"{number} of {left.cohorts} cohorts are left that this worker could not train: {names}"


def ending(code: int) -> str:
    """How a process ended."""
    if code < 0:
        name = signal.Signals(-code).name
        return f"by {name}" + (" (the system may have run out of memory)" if name == "SIGKILL" else "")
    return f"with exit code {code}"


@contextlib.contextmanager
def child(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process out of reach of the terminal's Ctrl-C, which is the supervisor's to pass on; it never outlives us."""
    process = subprocess.Popen(
        command, start_new_session=True, stdin=subprocess.DEVNULL, env=os.environ | {SUPERVISED: "1"}
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def tell(line: str) -> None:
    print(f"sweep worker: {line}", file=sys.stderr, flush=True)
