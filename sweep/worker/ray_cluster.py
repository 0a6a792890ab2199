"""`sweep run CONFIG --engine ray`: one Ray task a cohort, on a laptop, a Ray cluster or KubeRay.

Ray places tasks, starts them anew when a worker or a node dies, and takes nodes that come. It carries no tensors and
keeps no state: a task starts `sweep worker DIR --no-supervise --only HASH`, which claims the cohort, goes on from its
last checkpoint and leaves everything in the run directory. So the driver may die too, and the same command goes on.
"""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.design.cohorts import Cohort
from sweep.design.mesh import options
from sweep.devices import ALIASES, PARTS
from sweep.errors import InputError, Partial, Refusal, SweepError
from sweep.storage import Location
from sweep.train.stop import interruptible

RETRIES = 20  # of a task whose process, worker or node died; each goes on from the last checkpoint
LOOK = 1.0  # seconds between looks at what has ended
GRACE = 600.0  # seconds that tasks have to save after a signal
CONNECT = 10.0  # seconds for a cluster to answer
TOLD = 20.0  # seconds between lines about progress
PLATFORMS = {"GPU": "gpu", "TPU": "tpu"}  # by the name of Ray's resource


class Died(Exception):
    """The process that trained ended without an exit code of its own: Ray tries again."""


@dataclass(frozen=True)
class Result:
    """How a task ended: the exit code of its command, its last line, and the node."""

    code: int
    line: str
    node: str


def require() -> None:
    """Raise InputError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise InputError("--engine ray needs Ray: pip install 'isoflop[ray]'")


class Ray:
    """A connection to a cluster, or to one that lives as long as this command.

    Raises:
        InputError: no Ray here, or no cluster at the address.
    """

    def __init__(self, address: str):
        require()
        if address.startswith("ray://"):
            raise InputError(f"--address {address}: give HOST:6379, or auto on a node of the cluster; not Ray Client")
        answers(address)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # a task without GPUs keeps what it sees
        import ray

        self.ray, self.address = ray, address

    def __enter__(self) -> "Ray":
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "include_dashboard": False}
        if self.address:
            del quiet["include_dashboard"]
        try:
            self.ray.init(address=self.address or "local", **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            said = " ".join(str(error).split())[:200]
            raise InputError(f"--address {self.address or 'local'}: no Ray cluster: {said}") from error
        return self

    def __exit__(self, *problem: object) -> None:
        self.ray.shutdown()

    def nodes(self) -> list[dict[str, float]]:
        """Resources of each node that is alive."""
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    def start(self, out: Location, cohort: str, asked: Mapping[str, Any]) -> Any:
        """Queue a cohort; the reference of its Result."""
        once = self.ray.remote(max_calls=1, max_retries=RETRIES, retry_exceptions=[Died])  # its devices end with it
        task = once(train).options(name=f"sweep {cohort}", **asked)
        return task.remote(str(out), cohort, asked.get("num_cpus", 1))


def answers(address: str) -> None:
    """Raise InputError where nothing listens at HOST:PORT: Ray itself would ask for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT).close()
    except (OSError, ValueError) as error:
        raise InputError(
            f"--address {address}: no Ray cluster answers there ({error}); `ray status` shows one"
        ) from error


def train(out: str, cohort: str, cpus: float) -> Result:
    """The task: train one cohort in a process of its own, which gets the devices that Ray gave this task.

    A cancelled task passes the signal on, and waits until the process has saved.

    Raises:
        Died: the process was killed, or failed by a fault.
    """
    words = [sys.executable, "-m", "sweep", "worker", out, "--no-supervise", "--only", cohort]
    environment = dict(os.environ)
    if "XLA_FLAGS" not in environment:
        environment["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={max(1, int(cpus))}"
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
    said = ""
    while process.poll() is None:
        try:
            _, said = process.communicate(timeout=LOOK)
        except subprocess.TimeoutExpired:
            continue
        except KeyboardInterrupt:
            process.send_signal(signal.SIGTERM)
    node, last = os.uname().nodename, (said.strip().splitlines() or [""])[-1]
    if process.returncode not in (0, 1, 2, 3):
        raise Died(f"{node}: exit code {process.returncode}: {last}")
    return Result(process.returncode, last, node)


def platform_of(nodes: Sequence[Mapping[str, float]]) -> str:
    """What the nodes have: gpu, tpu or cpu."""
    return next((platform for name, platform in PLATFORMS.items() if any(node.get(name) for node in nodes)), "cpu")


def resources(cohort: Cohort, platform: str, nodes: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """What a task asks of its node: the fewest devices on which the cohort fits, all on one node.

    Memory is taken from Ray's accelerator_type; where that says nothing, one GPU. A TPU host is taken whole.

    Raises:
        InputError: no node has such devices.
    """
    name = next((name for name, it in PLATFORMS.items() if it == platform), "CPU")
    most = int(max((node.get(name, 0) for node in nodes), default=0))
    if not most:
        raise InputError(f"--platform {platform}: no node of the Ray cluster has a {name}; add one, or leave it out")
    if platform == "cpu":
        return {"num_cpus": 1}
    if platform == "tpu":
        return {"num_cpus": 1, "resources": {"TPU": most}}
    memory = memory_of(nodes)
    fewest = next(iter(options(cohort, most, platform, memory))).devices if memory else 1
    return {"num_cpus": 1, "num_gpus": fewest}


def memory_of(nodes: Sequence[Mapping[str, float]]) -> int | None:
    """Bytes of one GPU, the least of the kinds that the nodes name; None where one is not known."""
    kinds = {key.partition(":")[2].lower() for node in nodes for key in node if key.startswith("accelerator_type:")}
    parts = [PARTS.get(ALIASES.get(kind, kind)) for kind in kinds]
    return None if not parts or None in parts else int(min(part.most for part in parts if part))


def drive(cluster: Ray, out: Location, left: Sequence[Cohort], platform: str, say: Callable[[str], None]) -> None:
    """Train the cohorts of a run directory; those that take longest are queued first.

    Raises:
        Partial: stopped, or some cohorts failed.
        InputError, Refusal: what a task ended with.
    """
    from ray.exceptions import RayError

    nodes = cluster.nodes()
    asked = {cohort.hash: resources(cohort, platform, nodes) for cohort in left}
    order = sorted(left, key=lambda cohort: -cohort.flops)
    problems: list[SweepError] = []
    with interruptible() as stop:
        waiting = {cluster.start(out, cohort.hash, asked[cohort.hash]): cohort.hash for cohort in order}
        spoken, cancelled = time.monotonic(), None
        while waiting:
            ended, _ = cluster.ray.wait(list(waiting), num_returns=1, timeout=LOOK)
            for reference in ended:
                name = waiting.pop(reference)
                try:
                    problems += problem_of(name, cluster.ray.get(reference))
                except RayError as error:
                    if cancelled is None:
                        problems.append(Partial(f"cohort {name}: {' '.join(str(error).split())[-200:]}"))
            if stop.is_set() and cancelled is None:
                cancelled = time.monotonic()
                for reference in waiting:
                    with contextlib.suppress(RayError):
                        cluster.ray.cancel(reference)
            if cancelled is not None and time.monotonic() - cancelled > GRACE:
                break
            if time.monotonic() - spoken > TOLD:
                spoken = time.monotonic()
                say(f"{len(left) - len(waiting)} of {len(left)} cohorts ended, on {len(cluster.nodes())} nodes")
    if cancelled is not None:
        raise Partial("stopped; the same command continues")
    for problem in sorted(problems, key=lambda p: isinstance(p, Partial)):
        raise problem


def problem_of(name: str, result: Result) -> list[SweepError]:
    """What a task that did not train its cohort to the end ended with."""
    text = f"cohort {name} on {result.node}: {result.line.partition('sweep worker: ')[2] or result.line}"
    kinds = {0: [], 1: [InputError(text)], 2: [Refusal("cohort", text)], 3: [Partial(text)]}
    return list(kinds[result.code])
