"""What a scheduler says of the processes that it has started together: on TPU pods, GKE, Kubernetes and SLURM.

JAX knows how each of them tells it; those detectors are private to JAX and touched here alone. Their answer is not
taken as it is: on SLURM JAX gives each task one GPU, and would wait for tasks that an interactive shell does not have.
"""

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jax._src.clusters import GceTpuCluster, GkeTpuCluster, K8sCluster, SlurmCluster

from sweep import platforms
from sweep.errors import InputError

ALONE = "`--processes 1` trains on this process alone"
FLAGS = "or give --coordinator HOST:PORT --processes N --process I to each of them"
PORTS = 4096  # of SLURM jobs, the last ones that there are, as JAX has them
FIRST_PORT = 65536 - PORTS


@dataclass(frozen=True)
class Seat:
    """The place of this process in a gang."""

    coordinator: str  # HOST:PORT
    processes: int
    process: int
    local: tuple[int, ...] | None = None  # which of the GPUs that it sees are its own; None: all of them


def detect(seconds: float) -> Seat | None:
    """The place that a scheduler gave this process; None where there is no scheduler, or one process only.

    Args:
        seconds: to wait for the name of the coordinator to be known.

    Raises:
        InputError: there is a gang, and it cannot be made out.
    """
    environment = os.environ
    if on_slurm(environment):
        return slurm(environment)
    try:
        cluster = tpu() or kubernetes(environment)
        if cluster is None or cluster.get_process_count() == 1:
            return None
        port = environment.get("JAX_COORDINATOR_PORT")
        address = cluster.get_coordinator_address(timeout_secs=int(seconds), override_coordinator_port=port)
        return Seat(address, cluster.get_process_count(), cluster.get_process_id())
    except (RuntimeError, KeyError, ValueError, OSError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"the hosts of this job cannot be found: {said}; mend that, {FLAGS}; {ALONE}") from error


def tpu() -> Any:
    """JAX's detector of a TPU slice; None off a TPU, and where the work is to be done on something else."""
    if platforms.here() != "tpu":
        return None
    return next((cluster for cluster in (GkeTpuCluster, GceTpuCluster) if cluster.is_env_present()), None)


def kubernetes(environment: Mapping[str, str]) -> Any:
    """JAX's detector of an indexed Job; None in other pods.

    Raises:
        InputError: the package that asks Kubernetes is not installed.
    """
    if not {"KUBERNETES_SERVICE_HOST", "JOB_COMPLETION_INDEX"} <= environment.keys():
        return None
    if importlib.util.find_spec("kubernetes") is None:
        raise InputError(
            "this pod is one of an indexed Job, and without the package `kubernetes` the others cannot be found: "
            f"pip install 'jax[k8s]', {FLAGS}; {ALONE}"
        )
    return K8sCluster if K8sCluster.is_env_present() else None


def on_slurm(environment: Mapping[str, str]) -> bool:
    """Whether this is one of several tasks that `srun` has started.

    A batch script, and a shell of `salloc`, have the job's SLURM_NTASKS too, but no step, or one of a single task.
    """
    return SlurmCluster.is_env_present() and environment.get("SLURM_STEP_NUM_TASKS", "1") != "1"


def slurm(environment: Mapping[str, str]) -> Seat:
    """The place of a task. Two steps of one job get different ports: they may share a node."""
    job, step = (int(environment.get(name, "0")) for name in ("SLURM_JOB_ID", "SLURM_STEP_ID"))
    port = environment.get("JAX_COORDINATOR_PORT") or str(FIRST_PORT + (job + 61 * step) % PORTS)
    address = SlurmCluster.get_coordinator_address(timeout_secs=None, override_coordinator_port=port)
    tasks = int(environment["SLURM_STEP_NUM_TASKS"])
    return Seat(address, tasks, int(environment["SLURM_PROCID"]), local_gpus(environment, len(visible(environment))))


def local_gpus(environment: Mapping[str, str], visible: int) -> tuple[int, ...] | None:
    """Which of the `visible` GPUs belong to this task: an equal part for each task on the node.

    None means all: where there is one task a node, where SLURM has given each task GPUs of its own, and without GPUs.

    Raises:
        InputError: they cannot be shared equally.
    """
    tasks = tasks_here(environment)
    own, on_node = (number(environment.get(name, "")) for name in ("SLURM_GPUS_PER_TASK", "SLURM_GPUS_ON_NODE"))
    narrowed = (own is not None and visible <= own) or (on_node is not None and visible < on_node)
    if tasks == 1 or visible == 0 or narrowed:
        return None
    if visible % tasks:
        node = environment.get("SLURMD_NODENAME", "this node")
        raise InputError(
            f"{tasks} tasks on {node} cannot share {visible} GPUs equally; give srun --ntasks-per-node=1, or as many "
            "tasks as GPUs"
        )
    each, mine = visible // tasks, int(environment["SLURM_LOCALID"])
    return tuple(range(mine * each, (mine + 1) * each))


def visible(environment: Mapping[str, str]) -> list[str]:
    """GPUs that this process may use, before they are shared among the tasks of a node."""
    for name in ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        if (listed := environment.get(name)) is not None:
            return [part for part in listed.split(",") if part.strip() not in ("", "-1", "NoDevFiles")]
    return [node for node in platforms.nodes()["cuda"] if node[-1].isdigit()]


def tasks_here(environment: Mapping[str, str]) -> int:
    """Tasks of this step on this node, from SLURM's words for it, such as "4(x2),3": 4, 4 and 3."""
    told = environment.get("SLURM_STEP_TASKS_PER_NODE") or environment.get("SLURM_TASKS_PER_NODE", "1")
    counts: list[int] = []
    for tasks, times in re.findall(r"(\d+)(?:\(x(\d+)\))?", told):
        counts += [int(tasks)] * int(times or 1)
    node = int(environment.get("SLURM_NODEID", "0"))
    return counts[node] if node < len(counts) else 1


def number(text: str) -> int | None:
    """A count such as 2 or, with a type before it, a100:2."""
    last = text.rpartition(":")[2]
    return int(last) if last.isdigit() else None
