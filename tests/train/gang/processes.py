"""Real processes on this machine that work together, for tests: each with a time limit, all killed at the end.

A test gives a function of its own, which every process calls once jax.distributed has started:

    def worker() -> int:
        return everyone().most(jax.process_index())


    def test_the_largest_number():
        assert values(run(worker, 2)) == [1, 1]

It must be at the top of a module that a process can load by itself; its arguments and what it returns are JSON types.
`run` waits for all; `start` is for tests that kill, freeze or signal a process meanwhile. `sweep_run(..., 2)` starts
`sweep run` on each of two hosts.
"""

import importlib.util
import inspect
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
TIMEOUT = 120.0  # seconds of a whole gang; the machine may be slow
HEARTBEAT, SHUTDOWN, INITIALIZATION = 10, 15, 60  # seconds: those of jax.distributed in `join`
VALUE = "value: "  # begins the line on stdout with what the function returned


@dataclass(frozen=True)
class Ended:
    """One process that has ended: its exit code (minus the signal that killed it) and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """What its function returned."""
        lines = [line for line in self.out.splitlines() if line.startswith(VALUE)]
        assert lines, f"exit code {self.code}\n{self.out}\n{self.err}"
        return json.loads(lines[-1].removeprefix(VALUE))


class Started:
    """Processes that run, in order of their number."""

    def __init__(self, commands: Sequence[Sequence[str]], environments: Sequence[Mapping[str, str]], folder: Path):
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        for rank, (words, environment) in enumerate(zip(commands, environments, strict=True)):
            with self.file(rank, "out").open("wb") as out, self.file(rank, "err").open("wb") as err:
                self.processes.append(
                    subprocess.Popen(
                        words, stdout=out, stderr=err, env=environment, cwd=ROOT, start_new_session=True,
                        stdin=subprocess.DEVNULL,
                    )
                )  # fmt: skip

    def file(self, rank: int, stream: str) -> Path:
        return self.folder / f"{rank}.{stream}"

    def text(self, rank: int, stream: str = "err") -> str:
        """What a process has written so far, to `out` or `err`."""
        return self.file(rank, stream).read_text(errors="replace")

    def send(self, rank: int, number: signal.Signals) -> None:
        """A signal to one process: SIGKILL, SIGSTOP, SIGTERM."""
        self.processes[rank].send_signal(number)

    def until(self, true: Callable[[], object], timeout: float = TIMEOUT) -> None:
        """Wait for something that the processes do, such as a file; it fails where one of them ends before."""
        limit = time.monotonic() + timeout
        while not true():
            ended = [rank for rank, process in enumerate(self.processes) if process.poll() is not None]
            assert not ended, f"process {ended[0]} ended\n{self.text(ended[0], 'out')}\n{self.text(ended[0])}"
            assert time.monotonic() < limit, f"waited for {timeout} s\n{self.all_text()}"
            time.sleep(0.05)

    def says(self, rank: int, what: str, stream: str = "out", timeout: float = TIMEOUT) -> None:
        """Wait until a process has written `what`."""
        self.until(lambda: what in self.text(rank, stream), timeout)

    def wait(self, timeout: float = TIMEOUT, but: Sequence[int] = ()) -> list[Ended]:
        """All of them (`but` those that are frozen) once they have ended; it fails where one has not in `timeout` s."""
        limit = time.monotonic() + timeout
        for rank, process in enumerate(self.processes):
            if rank in but:
                continue
            try:
                process.wait(max(0.1, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise AssertionError(f"process {rank} did not end in {timeout} s\n{self.all_text()}") from None
        codes = [process.poll() for process in self.processes]
        return [
            Ended(code if code is not None else 0, self.text(rank, "out"), self.text(rank))
            for rank, code in enumerate(codes)
        ]

    def all_text(self) -> str:
        ranks = range(len(self.processes))
        return "\n".join(f"--- process {rank}\n{self.text(rank, 'out')}\n{self.text(rank)}" for rank in ranks)

    def kill(self) -> None:
        """All, and what they have started."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # also one that is frozen
                process.wait()


@contextmanager
def start_commands(
    commands: Sequence[Sequence[str]], *, devices: int = 1, environments: Sequence[Mapping[str, str]] = ()
) -> Iterator[Started]:
    """Any commands side by side, each with `devices` CPU devices and, if given, further variables of its own."""
    given = environments or [{}] * len(commands)
    with tempfile.TemporaryDirectory() as folder:
        started = Started(commands, [{**environment_of(devices), **own} for own in given], Path(folder))
        try:
            yield started
        finally:
            started.kill()


@contextmanager
def start(
    function: Callable[..., Any],
    processes: int,
    *arguments: Any,
    devices: int = 1,
    joined: bool = True,
    environments: Sequence[Mapping[str, str]] = (),
) -> Iterator[Started]:
    """`function(*arguments)` in each of several processes of one jax.distributed, each with `devices` CPU devices.

    With one process there is no jax.distributed; with `joined=False` there is none either, and `place()` is for the
    function to start it from.
    """
    file, address = inspect.getfile(function), f"localhost:{free_port()}"
    code = "from tests.train.gang.processes import child; child()"
    words = [file, function.__name__, json.dumps(arguments), json.dumps(joined), address, str(processes)]
    commands = [[sys.executable, "-c", code, *words, str(rank)] for rank in range(processes)]
    with start_commands(commands, devices=devices, environments=environments) as started:
        yield started


def run(
    function: Callable[..., Any],
    processes: int,
    *arguments: Any,
    devices: int = 1,
    joined: bool = True,
    environments: Sequence[Mapping[str, str]] = (),
    timeout: float = TIMEOUT,
) -> list[Ended]:
    """As `start`, until all have ended."""
    with start(function, processes, *arguments, devices=devices, joined=joined, environments=environments) as started:
        return started.wait(timeout)


def values(ended: Sequence[Ended]) -> list[Any]:
    """What the function returned in each process; it fails where one did not end well."""
    bad = [f"process {rank}: {one.code}\n{one.out}\n{one.err}" for rank, one in enumerate(ended) if one.code]
    assert not bad, "\n".join(bad)
    return [one.value for one in ended]


def sweep_run(
    words: Sequence[str],
    processes: int,
    *,
    devices: int = 1,
    port: int = 0,
    environments: Sequence[Mapping[str, str]] = (),
) -> Any:
    """`sweep run WORDS` on each of several hosts, started as `start` does; alone where it is one."""
    together = ["--coordinator", f"localhost:{port or free_port()}", "--processes", str(processes), "--process"]
    command = [sys.executable, "-m", "sweep", "run", *words]
    ranks = [[*command, *together, str(rank)] for rank in range(processes)]
    return start_commands(ranks if processes > 1 else [command], devices=devices, environments=environments)


def free_port() -> int:
    """A port that nobody listens at just now."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def environment_of(devices: int) -> dict[str, str]:
    """Of a process with so many CPU devices."""
    flags = [f for f in os.environ.get("XLA_FLAGS", "").split() if "device_count" not in f]
    flags.append(f"--xla_force_host_platform_device_count={devices}")
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    own = {"XLA_FLAGS": " ".join(flags), "JAX_PLATFORMS": "cpu", "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    return os.environ | own


def child() -> None:
    """What a process of `start` does."""
    file, name, arguments, joined, _, processes, _ = sys.argv[1:]
    if int(processes) > 1 and json.loads(joined):
        join(*place())
    spec = importlib.util.spec_from_file_location("worker", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["worker"] = module  # where dataclasses of the module look for their annotations
    spec.loader.exec_module(module)
    print(f"{VALUE}{json.dumps(getattr(module, name)(*json.loads(arguments)))}", flush=True)


def place() -> tuple[str, int, int]:
    """Of this process: HOST:PORT of process 0, the number of processes, its own number."""
    address, processes, rank = sys.argv[-3:]
    return address, int(processes), int(rank)


def join(address: str, processes: int, rank: int) -> None:
    """Start jax.distributed in this process, with short times."""
    import jax

    jax.config.update("jax_numpy_rank_promotion", "raise")
    jax.distributed.initialize(
        address,
        processes,
        rank,
        cluster_detection_method="deactivate",
        initialization_timeout=INITIALIZATION,
        heartbeat_timeout_seconds=HEARTBEAT,
        shutdown_timeout_seconds=SHUTDOWN,
    )
