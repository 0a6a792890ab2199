"""The processes of a gang meet before JAX knows of them.

JAX ends a process from C++, with a page of text, where another one does not come, comes twice or believes in another
number of processes. So process 0 first opens the coordinator's port itself, each other process greets it there, and
whoever has come hears either that all are there or why they cannot work together. The connections stay: they are the
lines of the watch. The port is then free for JAX's coordination service.
"""

import contextlib
import errno
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from sweep.errors import InputError, Refusal, SweepError
from sweep.train.gang.lines import Line, listening, split
from sweep.train.gang.watch import DISAGREE, NOBODY, packed, unpacked

GREETING = "sweep"  # begins a greeting; whatever else connects to the port is sent away
GREETING_SECONDS = 5.0  # that a greeting may take
LATE_SECONDS = 5.0  # that process 0 stays after a refusal, to tell it to those who come late
PAUSE = 0.5  # seconds between tries to reach process 0
SILENT_SECONDS = 30.0  # of waiting, before anything is said


@dataclass(frozen=True)
class Greeting:
    """What a process says of itself: what must agree, or nothing that follows works."""

    process: int
    processes: int
    host: str
    versions: dict[str, str]  # of what is installed, by package
    platform: str  # where it would train: cpu, gpu or tpu

    @property
    def name(self) -> str:
        return f"process {self.process} (host {self.host})"


@dataclass(frozen=True)
class Met:
    """All are there: the host of each process, and the lines that this process has."""

    hosts: list[str]
    lines: dict[int, Line]


def meet(me: Greeting, coordinator: str, seconds: float, bind: str | None, say: Callable[[str], None]) -> Met:
    """Wait for all processes of the gang.

    Args:
        coordinator: HOST:PORT of process 0.
        seconds: to wait.
        bind: HOST:PORT at which process 0 listens, where that is not every address of its own.
        say: prints a line; called where this takes long.

    Raises:
        InputError, Refusal: somebody did not come, or they cannot work together; the same in all that came.
    """
    if me.process == 0:
        return host(me, bind or f"[::]:{split(coordinator)[1]}", seconds, say)
    return guest(me, coordinator, seconds, say)


def host(me: Greeting, bind: str, seconds: float, say: Callable[[str], None]) -> Met:
    """What process 0 does."""
    entrance = opened(bind)
    came: dict[int, tuple[Greeting, Line]] = {}
    began, said = time.monotonic(), False
    with contextlib.closing(entrance):
        while len(came) < me.processes - 1:
            waited = time.monotonic() - began
            if waited > SILENT_SECONDS and not said:
                said = True
                say(f"waiting for {missing(me, came)} to come to port {split(bind)[1]} of {me.host}")
            if waited > seconds:
                problem = InputError(
                    f"{missing(me, came)} did not come to port {split(bind)[1]} of {me.host} within {seconds:.0f} s; "
                    "start the same command on every host, and see that they reach that port"
                )
                raise refused(problem, [line for _, line in came.values()], entrance)
            if (arrived := greeted(entrance)) is None:
                continue
            greeting, line = arrived
            for rank in [rank for rank, (_, other) in came.items() if not other.open()]:  # it may have come again
                came.pop(rank)[1].close()
            if (problem := conflict(me, greeting, came)) is not None:
                raise refused(problem, [line, *(line for _, line in came.values())], entrance)
            came[greeting.process] = greeting, line
    hosts = [me.host, *(came[rank][0].host for rank in range(1, me.processes))]
    for _, line in came.values():
        line.send({"hosts": hosts})
    return Met(hosts, {rank: line for rank, (_, line) in came.items()})


def opened(bind: str) -> socket.socket:
    """The port of process 0. Raises InputError where it cannot be had."""
    try:
        entrance = listening(split(bind))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = "is in use: another sweep, or one that has not quite ended; end it, or take another port"
        else:
            why = f"cannot be opened: {error.strerror or error}"
        raise InputError(f"port {split(bind)[1]} of {socket.gethostname()} {why} (--coordinator HOST:PORT)") from error
    entrance.settimeout(PAUSE)
    return entrance


def greeted(entrance: socket.socket) -> tuple[Greeting, Line] | None:
    """Somebody who has come to the port; None where nobody has, or it is no process of a sweep."""
    try:
        connection, _ = entrance.accept()
    except TimeoutError:
        return None
    line = Line(connection)
    message = line.first(GREETING_SECONDS) or {}
    try:
        return Greeting(**message[GREETING]), line
    except (KeyError, TypeError):  # a stranger, or a version that says other things of itself
        line.close()
        return None


def conflict(me: Greeting, other: Greeting, came: dict[int, tuple[Greeting, Line]]) -> SweepError | None:
    """Why a process that has come cannot work with process 0."""
    if other.processes != me.processes:
        return InputError(
            f"{other.name} was started as one of {other.processes}, {me.name} as one of {me.processes}; give every "
            "process the same --processes"
        )
    if other.process in came or other.process == me.process:
        first = me if other.process == me.process else came[other.process][0]
        return InputError(
            f"two processes are number {other.process}, on host {first.host} and on host {other.host}; give each its "
            "own --process"
        )
    if other.platform != me.platform:
        return InputError(
            f"{other.name} would train on {other.platform}, {me.name} on {me.platform}; `sweep doctor` on each host "
            "says what is there"
        )
    for package in sorted(me.versions | other.versions):
        there, here = (who.versions.get(package, "none") for who in (other, me))
        if there != here:
            return Refusal(
                DISAGREE,
                f"{other.name} has {package} {there}, {me.name} has {here}; install the same on every host",
            )
    return None


def refused(problem: SweepError, lines: list[Line], entrance: socket.socket) -> SweepError:
    """The problem, once all who have come, and those who come a little later, were told it."""
    told = packed(problem, NOBODY)
    for line in lines:
        line.send(told)
    limit = time.monotonic() + LATE_SECONDS
    while time.monotonic() < limit:
        if arrived := greeted(entrance):
            arrived[1].send(told)
            lines.append(arrived[1])
    for line in lines:
        line.close()
    return problem


def guest(me: Greeting, coordinator: str, seconds: float, say: Callable[[str], None]) -> Met:
    """What every other process does."""
    began, said = time.monotonic(), False
    address, error = split(coordinator), ""
    while (waited := time.monotonic() - began) < seconds:
        if waited > SILENT_SECONDS and not said:
            said = True
            say(f"{me.name} is waiting for process 0 at {coordinator} ({error})")
        try:
            line = Line(socket.create_connection(address, timeout=max(PAUSE, min(seconds - waited, SILENT_SECONDS))))
        except OSError as failure:
            error = failure.strerror or str(failure)
            time.sleep(PAUSE)
            continue
        line.send({GREETING: asdict(me)})
        answer = line.first(seconds + LATE_SECONDS)
        if answer is not None and "hosts" in answer:
            return Met(answer["hosts"], {0: line})
        line.close()
        if answer is not None and "failed" in answer:
            raise unpacked(answer)
        error = "it does not answer as a sweep does"
        time.sleep(PAUSE)
    raise InputError(
        f"{me.name} of {me.processes} did not reach process 0 at {coordinator} within {seconds:.0f} s ({error}); start "
        "the same command on every host, and see that they reach that port"
    )


def missing(me: Greeting, came: dict[int, tuple[Greeting, Line]]) -> str:
    """The processes that have not come, in words."""
    absent = [str(rank) for rank in range(1, me.processes) if rank not in came]
    shown = ", ".join(absent[:8]) + (f" and {len(absent) - 8} more" if len(absent) > 8 else "")
    return f"process{'es' * (len(absent) > 1)} {shown} of {me.processes}"
