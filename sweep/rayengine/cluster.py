"""The Ray cluster that a driver is connected to: found in bounded time, quiet, and told from what Ray says of nodes."""

import contextlib
import importlib.util
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from sweep.errors import InputError

INSTALL = "pip install 'isoflop[ray]'"
ANSWER = 60.0  # seconds in which the head of a cluster must answer
OBJECTS = 80_000_000  # bytes of a local object store, about the least that Ray allows: nothing large goes through it
QUIET = {  # Ray's own notes are for its developers; nothing is installed on nodes, nothing is reported to anybody
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def require() -> None:
    """Raise InputError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise InputError(f"--engine ray: Ray is not installed: {INSTALL}")


def refuse_address(address: str) -> None:
    """Raise InputError for an address that cannot be one of a cluster's head."""
    if "://" in address:
        raise InputError(
            f"--address {address}: Ray's client is not supported, since the driver must end with its tasks; run the "
            "command on a node of the cluster with --address auto, or as `ray job submit -- sweep run …`"
        )
    host, _, port = address.rpartition(":")
    if address not in ("", "auto") and not (host and port.isdigit()):
        raise InputError(f"--address {address}: HOST:PORT of the cluster's head, or auto for the one this node is in")


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Be a driver of a cluster within: the one at `address`, or one of this machine alone that is started for it.

    Raises:
        InputError: Ray is not installed, the address does not answer, or its Ray is another version.
    """
    require()
    refuse_address(address)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    if address not in ("", "auto"):
        require_answer(address)
    own = {"num_cpus": len(os.sched_getaffinity(0)), "include_dashboard": False, "object_store_memory": OBJECTS}
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({} if address else own),
        )
    except (ConnectionError, TimeoutError, RuntimeError, ValueError) as error:
        why = " ".join(str(error).split())[:300]
        raise InputError(f"--address {address or '(none)'}: no Ray cluster could be used: {why}") from error
    try:
        yield
    finally:
        ray.shutdown()


def require_answer(address: str) -> None:
    """Raise InputError where no head of a cluster answers. In a process of its own, which Ray may end or let hang."""
    words = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        found = subprocess.run(words, capture_output=True, text=True, timeout=ANSWER, check=False)
        code, said = found.returncode, found.stderr
    except subprocess.TimeoutExpired:
        code, said = 1, ""
    if code and "AuthenticationError" in said:
        raise InputError(
            f"--address {address}: the cluster wants its token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a "
            "file with it where ~/.ray/auth_token is not that of the head"
        )
    if code:
        raise InputError(
            f"--address {address}: no head of a Ray cluster answers there; `ray status --address {address}` on that "
            "machine says whether one runs"
        )


def nodes() -> list[dict[str, float]]:
    """Resources, all of them and not only what is free, of each node that is alive."""
    import ray

    return [dict(node["Resources"]) for node in ray.nodes() if node["Alive"]]


def is_lost(error: BaseException) -> bool:
    """Whether a task ended with its worker or node, so that it is worth starting again; not by what it does."""
    import ray.exceptions as e

    lost: tuple[Any, ...] = (
        e.WorkerCrashedError,
        e.NodeDiedError,
        e.LocalRayletDiedError,
        e.OutOfMemoryError,  # the monitor of a node ended it
        e.ObjectLostError,
        e.RaySystemError,
        e.OutOfDiskError,
    )
    return isinstance(error, lost)
