"""The watch that the processes of a gang keep over one another, and the news that must reach all of them.

A process that is alone has a watch too, so that whoever trains need not know. It does nothing; where nobody looks at
the process, it ends it once a thread makes no progress, so that others may have its cohorts. In a gang a thread of each
process tells process 0 every other second that it lives and what its main thread does; process 0 tells the others
that it lives itself. The gang ends, with one line that names the process and its host,

- at once when a process ends without a word: it was killed, or its host was;
- when one has been silent for `Times.silence`: it is frozen, or its network is gone;
- when a main thread has made no progress for `Times.stuck` (or the patience that it asked for);
- when one fails: an exception leaves `sweep.train.gang.start.gang`, or somebody calls `fail`.

How a main thread uses it, as `watch` of its Team:

    watch.doing("compiling", patience=3600)   # what it does; counts as progress
    watch.moved()                             # progress: a chunk was read back, a file was written
    raise InputError("...")                   # ends this process in the usual way, and the others by the same words

and any other thread: `watch.fail(InputError("..."))`, which ends the process.
"""

import contextlib
import dataclasses
import math
import os
import selectors
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from sweep.errors import Partial, Refusal, SweepError, as_values, of_values
from sweep.train.gang.lines import Line, Message

AGAIN = "repeat the command on every host: it continues from the last checkpoints"
DISAGREE = "hosts_disagree"  # code of a refusal that all processes come to, each by itself, and that names one
NOBODY = -1  # author of news about another process
TICK = 0.2  # seconds in which the thread looks up
GRACE = 5.0  # seconds that a failure waits: it may be what another process's end has caused
LINGER = 3.0  # seconds that a process which fails waits for the others to have heard why


@dataclass(frozen=True)
class Times:
    """Seconds. A process that is frozen is missed after `silence`, before JAX's own heartbeat, which ends processes
    from C++ with a page of text; that is long enough for a host that is busy beyond measure.
    """

    gather: float = 300.0  # for all processes to come, at the start
    beat: float = 2.0  # between signs of life
    silence: float = 25.0
    heartbeat: float = 45.0  # of JAX's coordination service
    stuck: float = 900.0  # a main thread without progress
    shutdown: float = 30.0  # of JAX's coordination service, at a clean end


@dataclass
class Seen:
    """What is known of another process. Times are seconds of this process's monotonic clock."""

    heard: float
    doing: str = "starting"
    moved: int = 0  # steps of progress
    since: float = 0.0  # seconds without progress, at its last sign of life
    patience: float = math.inf  # seconds
    left: bool = False  # it has said that it ends well


@dataclass
class Own:
    """What the main thread of this process does."""

    doing: str = "starting"
    moved: int = 0
    at: float = field(default_factory=time.monotonic)
    patience: float = math.inf


class Watch:
    """The watch of one process. See the module.

    Attributes:
        me: this process's number.
        hosts: of each process, by number.
        lines: to all others in process 0, to process 0 alone in the others; empty in a process that is alone.
        tell: prints an error and returns its exit code, as the command line does.
        unattended: of a process that is alone: it ends where a thread that trains makes no progress.
    """

    def __init__(
        self,
        me: int = 0,
        hosts: Sequence[str] = ("localhost",),
        lines: dict[int, Line] | None = None,
        times: Times = Times(),
        tell: Callable[[SweepError], int] | None = None,
        unattended: bool = False,
    ):
        self.me, self.hosts, self.lines, self.times = me, list(hosts), dict(lines or {}), times
        self.tell = tell or plainly
        self.streams = sys.stdout, sys.stderr  # the main thread may have put others there for a while
        self.own = Own()
        self.each: dict[int, Own] = {}  # of each thread that has said what it does; a cohort has one to itself
        self.seen = {rank: Seen(time.monotonic()) for rank in self.lines}
        self.ending = threading.Lock()  # held by the thread that ends this process
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, name="watch", daemon=True)
        if self.lines or unattended:
            self.thread.start()

    @property
    def alone(self) -> bool:
        """Whether there is nobody to watch."""
        return len(self.hosts) == 1

    def name(self, rank: int) -> str:
        """A process as people find it."""
        return f"process {rank} of {len(self.hosts)} (host {self.hosts[rank]})" if rank < len(self.hosts) else str(rank)

    def doing(self, what: str, patience: float | None = None) -> None:
        """The main thread begins something. The gang ends where it takes longer than `patience` without `moved`.

        Args:
            what: a few words: "compiling", "reading the corpus".
            patience: seconds, `Times.stuck` by default; math.inf while it waits for others, who are watched themselves.
        """
        self.does(what, self.times.stuck if patience is None else patience)

    def moved(self) -> None:
        """The main thread has made progress."""
        mine = self.each.get(threading.get_ident(), self.own)
        self.does(mine.doing, mine.patience)

    def does(self, what: str, patience: float) -> None:
        self.own = self.each[threading.get_ident()] = Own(what, self.own.moved + 1, patience=patience)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Within, the main thread waits for others, which are watched themselves: it may take as long as they do."""
        before = self.own
        self.own = dataclasses.replace(before, patience=math.inf)
        try:
            yield
        finally:
            self.own = dataclasses.replace(before, moved=before.moved + 1, at=time.monotonic())

    def fail(self, error: SweepError) -> NoReturn:
        """End this process, and with it the gang. For threads other than the main one; that one raises the error."""
        self.announce(error)
        self.leave(error)

    def announce(self, error: SweepError, *, certain: bool = True) -> None:
        """Tell all other processes that this one fails, and why; returns once they have heard.

        Args:
            certain: else another process's end may be the cause (a collective that breaks): then the watch has a moment
                to find that out, and ends this process by its own words.
        """
        if self.alone:
            return
        self.doing("ending", math.inf)
        if not certain:
            time.sleep(GRACE)
        self.ending.acquire()
        met_by_all = isinstance(error, Refusal) and error.code == DISAGREE
        self.broadcast(packed(error, NOBODY if met_by_all else self.me))
        self.hang_up()

    def close(self) -> None:
        """A clean end: from here on nobody misses this process."""
        self.over.set()
        if self.thread.is_alive():
            self.thread.join()
        self.broadcast({"left": True})
        for line in self.lines.values():
            line.close()

    def hang_up(self) -> None:
        """Close the lines as soon as the others have closed theirs, having read why, or after a while."""
        for line in self.lines.values():
            line.finish()
        limit = time.monotonic() + LINGER
        for line in self.lines.values():
            while time.monotonic() < limit and line.open():
                time.sleep(TICK / 4)

    def broadcast(self, message: Message, but: int | None = None) -> None:
        for rank, line in self.lines.items():
            if rank != but:
                line.send(message)

    def leave(self, error: SweepError) -> NoReturn:
        """Print the error and end this process, whatever its other threads do."""
        sys.stdout, sys.stderr = self.streams
        if sys.stderr.isatty():
            sys.stderr.write("\n")  # the line of progress stays above
        code = self.tell(error)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def end(self, error: SweepError, author: int) -> None:
        """What the watch's thread does when the gang ends; nothing where the main thread is ending it already."""
        if self.ending.acquire(blocking=False):
            self.broadcast(packed(error, NOBODY), but=author)
            self.hang_up()
            self.leave(error)

    def run(self) -> None:
        """The thread."""
        waiting = selectors.DefaultSelector()
        for rank, line in self.lines.items():
            waiting.register(line, selectors.EVENT_READ, rank)
        beaten, now = -math.inf, time.monotonic()
        while not self.over.is_set():
            for key, _ in waiting.select(TICK):
                if not self.hear(key.data):
                    waiting.unregister(key.fileobj)
            before, now = now, time.monotonic()
            if now - before > self.times.silence / 2:  # it was this process that slept
                for seen in self.seen.values():
                    seen.heard = now
            if now - beaten >= self.times.beat:
                beaten = now
                own = self.own
                beat = {"doing": own.doing, "moved": own.moved, "since": now - own.at, "patience": own.patience}
                self.broadcast({"beat": beat})
                self.judge(now)

    def hear(self, rank: int) -> bool:
        """Take in what a process says; whether more may come."""
        messages = self.lines[rank].receive()
        seen = self.seen[rank]
        if messages is None:
            if not seen.left:
                self.end(Partial(f"{self.name(rank)} has ended without a word (killed, out of memory, or its host is "
                                 f"gone); {AGAIN}"), rank)  # fmt: skip
            return False
        for message in messages:
            seen.heard = time.monotonic()
            if beat := message.get("beat"):
                seen.doing, seen.moved, seen.since, seen.patience = (
                    beat[name] for name in ("doing", "moved", "since", "patience")
                )
            elif "failed" in message:
                self.end(unpacked(message, self.name), message["failed"])
            elif "left" in message:
                seen.left = True
        return True

    def judge(self, now: float) -> None:
        """End the gang where a process is frozen or stuck."""
        for rank, seen in self.seen.items():
            if not seen.left and now - seen.heard > self.times.silence:
                self.end(Partial(f"{self.name(rank)} has not answered for {self.times.silence:.0f} s (frozen, or its "
                                 f"network is gone); end what is left of it, then {AGAIN}"), rank)  # fmt: skip
        if self.me:
            return
        if self.alone:
            return self.judge_threads(now)
        own = self.own
        everyone = self.seen | {0: Seen(now, own.doing, own.moved, now - own.at, own.patience)}
        stuck = [rank for rank, seen in everyone.items() if not seen.left and seen.since > seen.patience]
        if stuck:
            rank = min(stuck, key=lambda rank: (everyone[rank].moved, rank))
            what = f"has made no progress for {everyone[rank].since:.0f} s ({everyone[rank].doing})"
            self.end(Partial(f"{self.name(rank)} {what}; {AGAIN}"), NOBODY)

    def judge_threads(self, now: float) -> None:
        """End a process that is alone where one of its threads is stuck: only with the process does a device let go."""
        living = {thread.ident for thread in threading.enumerate()}
        for thread, own in list(self.each.items()):
            if thread in living and now - own.at > own.patience:
                what = f"has made no progress for {now - own.at:.0f} s ({own.doing})"
                again = "it ends, so that its cohorts go on elsewhere from their checkpoints"
                self.end(Partial(f"process {os.getpid()} on host {self.hosts[0]} {what}; {again}"), NOBODY)


def packed(error: SweepError, author: int) -> Message:
    """An error of a process as a message; NOBODY's is told as it stands."""
    return {"failed": author, "error": as_values(error)}


def unpacked(message: Message, name: Callable[[int], str] = str) -> SweepError:
    """An error as the other processes report it."""
    author, values = message["failed"], message["error"]
    if author != NOBODY:
        values = {**values, "message": f"{name(author)}: {values['message']}"}
    return of_values(values)


def plainly(error: SweepError) -> int:
    """Print an error as the command line does; returns its exit code."""
    print(error, file=sys.stderr)
    return error.exit_code
