"""Processes that run `sweep run`, alone or several together; all of them are killed when the block ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweep.errors import InputError

GRACE = 20.0  # seconds that the other processes of a gang have to end by themselves once one was killed
FLAG = "--xla_force_host_platform_device_count"


@dataclass(frozen=True)
class Team:
    """How many processes a child is, and how many devices each takes; None: all that there are."""

    processes: int = 1
    devices: int | None = None

    def __str__(self) -> str:
        many = "1 process" if self.processes == 1 else f"{self.processes} processes"
        return many if self.devices is None else f"{many} with {self.devices} device{'s' * (self.devices != 1)}"


class Child:
    """One start of the command, in a process group of its own each."""

    def __init__(self, words: Sequence[str], team: Team, notes: Path, platform: str):
        """Starts it.

        Args:
            words: of the command, after `sweep`.
            notes: folder for what the processes write to stdout and stderr.
        """
        notes.mkdir(parents=True, exist_ok=True)
        self.errors = [notes / f"stderr-{rank}.txt" for rank in range(team.processes)]
        self.processes: list[subprocess.Popen[bytes]] = []
        self.began = time.monotonic()
        together = ["--coordinator", f"localhost:{free_port()}", "--processes", str(team.processes), "--process"]
        for rank, errors in enumerate(self.errors):
            own = [*together, str(rank)] if team.processes > 1 else []
            with (notes / f"stdout-{rank}.txt").open("wb") as out, errors.open("wb") as err:
                self.processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "sweep", *words, *own],
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=err,
                        env=environment(team.devices, platform),
                        start_new_session=True,
                    )
                )

    @property
    def ended(self) -> bool:
        """Whether any of its processes has."""
        return any(process.poll() is not None for process in self.processes)

    def send(self, number: signal.Signals, rank: int = 0) -> None:
        """A signal to one process."""
        self.processes[rank].send_signal(number)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until all have ended; False where one has not in that time."""
        limit = None if seconds is None else time.monotonic() + seconds
        for process in self.processes:
            try:
                process.wait(None if limit is None else max(0.01, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                return False
        return True

    def stop(self) -> None:
        """Kill what is left of it, also what it has started."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def code(self, rank: int = 0) -> int:
        """Exit code; minus the signal that ended it."""
        return self.processes[rank].wait()

    def said(self, rank: int = 0) -> str:
        """The last line on stderr."""
        lines = self.errors[rank].read_text(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""


@contextlib.contextmanager
def started(words: Sequence[str], team: Team, notes: Path, platform: str) -> Iterator[Child]:
    """A child that does not outlive the block."""
    child = Child(words, team, notes, platform)
    try:
        yield child
    finally:
        child.stop()


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt within the block, so that children are killed with it, too."""

    def handle(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, handle)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def environment(devices: int | None, platform: str) -> dict[str, str]:
    """Of a process with so many devices.

    Raises:
        InputError: they cannot be chosen on this platform.
    """
    own = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if devices is None:
        return own
    if platform == "cpu":
        flags = [flag for flag in own.get("XLA_FLAGS", "").split() if not flag.startswith(FLAG)]
        return own | {"XLA_FLAGS": " ".join([*flags, f"{FLAG}={devices}"])}
    if platform == "gpu":
        seen = [name for name in own.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
        chosen = (seen or [str(i) for i in range(devices)])[:devices]
        return own | {"CUDA_VISIBLE_DEVICES": ",".join(chosen)}
    raise InputError(f"--devices {devices}: a process cannot be given a part of the devices of this host")


def free_port() -> int:
    """A port that nobody listens at just now."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]
