"""Starting a gang: `sweep run` on every host finds the others, before any device is touched.

    with gang(seat_of(coordinator, processes, process)) as team:
        ...

The processes meet (roll_call), then the watch begins, then jax.distributed. What goes wrong in one of them ends all, by
one line: an exception that leaves the block is told to the others. A block that ends well, or in part, ends when all
have come to its end.
"""

import contextlib
import importlib.metadata
import math
import os
import platform
import signal
import socket
import sys
from collections.abc import Callable, Iterator

import jax

from sweep import platforms
from sweep.errors import Fault, InputError, Partial, SweepError
from sweep.train.gang import cluster
from sweep.train.gang.cluster import Seat
from sweep.train.gang.lines import split
from sweep.train.gang.relay import relay
from sweep.train.gang.roll_call import Greeting, meet
from sweep.train.gang.service import service
from sweep.train.gang.team import ALONE, Team, everyone
from sweep.train.gang.watch import Times, Watch
from sweep.train.watch import left_behind
from sweep.versions import code

PACKAGES = ("isoflop", "jax", "jaxlib", "orbax-checkpoint")


def seat_of(coordinator: str, processes: int, process: int, seconds: float = Times.gather) -> Seat | None:
    """The place of this process: as the command line says, else as a scheduler does; None: it is alone.

    Args:
        coordinator: HOST:PORT of process 0, or "": JAX_COORDINATOR_ADDRESS.
        processes: how many there are; 0: not said.
        process: number of this one, from 0; -1: not said.
        seconds: to wait for what a scheduler still has to find out.

    Raises:
        InputError: some of them are missing or wrong, or a scheduler's answer is.
    """
    address = coordinator or os.environ.get("JAX_COORDINATOR_ADDRESS", "")
    if processes == 1 and not coordinator and process <= 0:
        return None
    if not coordinator and not processes and process == -1:
        found = cluster.detect(seconds)
        if found is None and address:
            raise InputError(
                f"JAX_COORDINATOR_ADDRESS is {address}, and nothing says how many processes there are; give "
                "--processes N --process I, or unset it to train on this process alone"
            )
        return found if found is None or not address else Seat(address, found.processes, found.process, found.local)
    given = {"--coordinator HOST:PORT": address, "--processes N": processes, "--process I": process != -1}
    if absent := [name for name, value in given.items() if not value]:
        here = ", ".join(name.split()[0] for name, value in given.items() if value)
        raise InputError(f"{' and '.join(absent)} missing beside {here}; a process of several needs all three")
    if processes < 1 or not 0 <= process < processes:
        raise InputError(f"--process {process} of --processes {processes}: processes are numbered from 0 to N - 1")
    try:
        split(address)
    except ValueError:
        raise InputError(f"--coordinator {address}: not a HOST:PORT, such as 10.0.0.1:8476") from None
    return Seat(address, processes, process) if processes > 1 else None


@contextlib.contextmanager
def gang(
    seat: Seat | None,
    times: Times = Times(),  # noqa: B008 (frozen)
    tell: Callable[[SweepError], int] | None = None,
    say: Callable[[str], None] | None = None,
) -> Iterator[Team]:
    """Be one of a gang within the block, from its start to its common end. No backend of JAX may have started.

    Args:
        tell: prints an error and returns its exit code, as the command line does.
        say: prints a line; to stderr by default.

    Raises:
        InputError, Refusal: the processes did not all come, or they cannot work together.
        Partial: the block ended well here, and not in another process.
    """
    if seat is None:
        yield ALONE
        return
    say = say or to_stderr
    me = greeting(seat)
    met = meet(me, seat.coordinator, times.gather, os.environ.get("JAX_COORDINATOR_BIND_ADDRESS"), say)
    one_speaks(seat.process == 0)
    watch = Watch(seat.process, met.hosts, met.lines, times, tell)
    try:
        with ended_by_signals():
            initialize(seat, times)
            team = everyone(watch)
            watch.doing("starting its devices")
            what = description()
            if team.leads:
                say(what)
            yield team
        part = None
    except Partial as error:
        part = error
    except BaseException as error:
        left_behind.set()  # no exit of JAX's: it would wait for the others for minutes
        watch.announce(as_error(error), certain=isinstance(error, SweepError | KeyboardInterrupt))
        raise
    finish(watch, part)


@contextlib.contextmanager
def unattended(
    times: Times = Times(),  # noqa: B008 (frozen)
    tell: Callable[[SweepError], int] | None = None,
) -> Iterator[Team]:
    """Be alone within the block, and end where the main thread makes no progress: nobody is there to see it.

    Args:
        tell: prints an error and returns its exit code.
    """
    watch = Watch(hosts=[socket.gethostname()], times=times, tell=tell, unattended=True)
    try:
        yield Team("alone", watch=watch)
    finally:
        watch.close()


def finish(watch: Watch, part: Partial | None) -> None:
    """Wait for all to come to their end, then leave together. Raises Partial where this process or another has it."""
    watch.doing("waiting for the other processes", math.inf)
    end = Team("end", tuple(range(len(watch.hosts))), watch.me, service(), watch)
    try:
        parts = end.gather(str(part) if part else None)
        jax.distributed.shutdown()
    except jax.errors.JaxRuntimeError as error:
        left_behind.set()
        watch.announce(as_error(error), certain=False)
        raise
    watch.close()
    if part is not None:
        raise part
    for rank, text in enumerate(parts):
        if text is not None:
            raise Partial(f"{watch.name(rank)}: {text}")


def greeting(seat: Seat) -> Greeting:
    """What this process says of itself to the others. Raises InputError where a GPU is asked for and not there."""
    asked, here = os.environ.get("JAX_PLATFORMS", ""), platforms.here()
    if here == "cpu" and asked and "cpu" not in asked.split(","):
        raise InputError(f"JAX_PLATFORMS={asked}: no such device is here; `sweep doctor` says what is")
    return Greeting(seat.process, seat.processes, socket.gethostname(), versions(), here)


def versions() -> dict[str, str]:
    """What must be the same on every host."""
    found = {"Python": ".".join(platform.python_version_tuple()[:2]), "the code of sweep": code()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # run from a checkout that is not installed
            found[package] = importlib.metadata.version(package)
    return found


def initialize(seat: Seat, times: Times) -> None:
    """jax.distributed, with the service in process 0. The proxies of the environment are not for it."""
    jax.config.update("jax_enable_preemption_service", False)  # it takes SIGTERM, which is ours
    jax.config.update("jax_check_proxy_envs", False)
    host, port = split(seat.coordinator)
    os.environ["no_grpc_proxy"] = f"127.0.0.1,localhost,{host}"  # noqa: SIM112 (gRPC's name)
    jax.distributed.initialize(
        seat.coordinator if seat.process == 0 else relay(host, port),
        seat.processes,
        seat.process,
        local_device_ids=seat.local,
        cluster_detection_method="deactivate",
        initialization_timeout=math.ceil(times.gather),
        heartbeat_timeout_seconds=math.ceil(times.heartbeat),
        shutdown_timeout_seconds=math.ceil(times.shutdown),
        coordinator_bind_address=os.environ.get("JAX_COORDINATOR_BIND_ADDRESS"),
    )


def to_stderr(line: str) -> None:
    """Print a line by one write, since the watch may write in between."""
    sys.stderr.write(f"{line}\n")


def description() -> str:
    """What was found: "4 processes x 4 TPU v5p, 16 chips". Starts the devices."""
    platform, kind = jax.default_backend(), jax.local_devices()[0].device_kind
    what, unit = {"cpu": ("CPU", "devices"), "tpu": (kind, "chips")}.get(platform, (kind, "GPUs"))
    if kind == "TPU7x":
        unit = "devices"  # JAX has two of them for a chip
    return f"{jax.process_count()} processes x {jax.local_device_count()} {what}, {jax.device_count()} {unit}"


def one_speaks(speaks: bool) -> None:
    """Leave stdout to process 0, and to Python: the library of CPU collectives prints its connections there."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
    if speaks:
        sys.stdout = os.fdopen(kept, "w", encoding=sys.stdout.encoding)
    else:
        os.close(kept)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM, where nobody else handles it, is met as Ctrl-C is, so that the others hear of it."""

    def handle(number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def as_error(error: BaseException) -> SweepError:
    """What the other processes are told."""
    if isinstance(error, SweepError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Partial("interrupted")
    said = " ".join(str(error).split())[:300]
    return Fault(f"a fault of sweep itself, not of your input: {type(error).__name__}: {said}")
