"""What schedulers say of a gang: SLURM, TPU pods, Kubernetes; by the variables that they set."""

import importlib.util

import pytest
from jax._src import clusters
from jax._src.clusters import cloud_tpu_cluster

from sweep import platforms
from sweep.errors import InputError
from sweep.train.gang import cluster
from sweep.train.gang.cluster import Seat
from tests.train.gang.processes import free_port, run
from tests.train.gang.test_watch import in_gang

SLURM = {  # as srun sets them for task 5 of 8, on the second of two nodes
    "SLURM_JOB_ID": "1234567", "SLURM_STEP_ID": "0", "SLURM_STEP_NODELIST": "node[017-018]", "SLURM_NTASKS": "8",
    "SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5", "SLURM_LOCALID": "1", "SLURM_NODEID": "1",
    "SLURM_STEP_TASKS_PER_NODE": "4(x2)", "SLURMD_NODENAME": "node018",
}  # fmt: skip


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """No scheduler but the one of the test."""
    for name in [*SLURM, "KUBERNETES_SERVICE_HOST", "JOB_COMPLETION_INDEX", "CUDA_VISIBLE_DEVICES"]:
        monkeypatch.delenv(name, raising=False)


def on_slurm(monkeypatch, **changes: str | None) -> None:
    for name, value in (SLURM | changes).items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)


def test_nothing_is_found_where_there_is_no_scheduler():
    assert cluster.detect(1.0) is None


def test_a_task_of_slurm_knows_its_place(monkeypatch):
    on_slurm(monkeypatch)
    port = 61440 + 1234567 % 4096
    assert cluster.detect(1.0) == Seat(f"node017:{port}", 8, 5)
    monkeypatch.setenv("SLURM_STEP_ID", "1")  # another step, which may be on the same nodes at the same time
    found = cluster.detect(1.0)
    assert found is not None
    assert found.coordinator != f"node017:{port}"
    monkeypatch.setenv("JAX_COORDINATOR_PORT", "8000")
    assert cluster.detect(1.0) == Seat("node017:8000", 8, 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"SLURM_STEP_NODELIST": None, "SLURM_STEP_NUM_TASKS": None, "SLURM_STEP_ID": None},  # a batch script
        {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"},  # a shell of salloc or srun --pty
        {name: None for name in SLURM if name not in ("SLURM_JOB_ID", "SLURM_NTASKS")},  # a login node, after salloc
    ],
)
def test_a_shell_of_a_job_with_many_tasks_is_alone(monkeypatch, changes):
    on_slurm(monkeypatch, **changes)
    assert cluster.detect(1.0) is None


@pytest.mark.parametrize(
    ("changes", "visible", "local"),
    [
        ({"SLURM_STEP_TASKS_PER_NODE": "1(x2)", "SLURM_LOCALID": "0"}, 8, None),  # a task a node: all
        ({}, 4, (1,)),  # a task a GPU
        ({}, 8, (2, 3)),
        ({"SLURM_STEP_TASKS_PER_NODE": "6,2"}, 8, (4, 5, 6, 7)),
        ({"SLURM_STEP_TASKS_PER_NODE": "4(x2),2", "SLURM_NODEID": "2"}, 8, (4, 5, 6, 7)),
        ({"SLURM_GPUS_PER_TASK": "1"}, 1, None),  # SLURM has given each task its own
        ({"SLURM_GPUS_PER_TASK": "a100:2", "SLURM_GPUS_ON_NODE": "8"}, 2, None),
        ({"SLURM_GPUS_PER_TASK": "1"}, 4, (1,)),  # --gpu-bind=none: it has not
        ({"SLURM_GPUS_ON_NODE": "4"}, 1, None),  # --gpu-bind=single:1
        ({"SLURM_GPUS_ON_NODE": "4"}, 4, (1,)),
        ({}, 0, None),  # no GPUs
    ],
)
def test_gpus_of_a_node_are_shared_among_its_tasks(changes, visible, local):
    assert cluster.local_gpus(SLURM | changes, visible) == local


def test_gpus_that_cannot_be_shared_are_refused():
    with pytest.raises(InputError, match="4 tasks on node018 cannot share 6 GPUs equally"):
        cluster.local_gpus(SLURM, 6)
    with pytest.raises(InputError, match="cannot share 2 GPUs"):
        cluster.local_gpus(SLURM, 2)


def test_visible_gpus_are_those_of_the_variables_else_of_the_drivers(monkeypatch):
    nodes = ["/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl"]
    monkeypatch.setattr(platforms, "nodes", lambda: {"cuda": nodes, "rocm": [], "tpu": []})
    assert cluster.visible({}) == nodes[:2]
    assert cluster.visible({"CUDA_VISIBLE_DEVICES": "3,5,GPU-8f"}) == ["3", "5", "GPU-8f"]
    assert cluster.visible({"CUDA_VISIBLE_DEVICES": ""}) == []
    assert cluster.visible({"ROCR_VISIBLE_DEVICES": "0,1"}) == ["0", "1"]


def test_gpus_of_a_task_are_those_that_it_sees(monkeypatch):
    on_slurm(monkeypatch, CUDA_VISIBLE_DEVICES="4,5,6,7,0,1,2,3")
    found = cluster.detect(1.0)
    assert found is not None
    assert found.local == (2, 3)


def total() -> None:
    import jax

    with in_gang() as team:
        print(jax.device_count(), team.gather(team.me))


def test_two_tasks_of_slurm_on_one_node_start():
    tasks = [
        SLURM
        | {
            "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2",
            "SLURM_STEP_TASKS_PER_NODE": "2", "SLURM_NODEID": "0", "SLURM_PROCID": str(n), "SLURM_LOCALID": str(n),
            "JAX_COORDINATOR_PORT": port,
        }
        for port in [str(free_port())]
        for n in range(2)
    ]  # fmt: skip
    first, second = run(total, 2, joined=False, environments=tasks)
    assert (first.code, second.code) == (0, 0), (first, second)
    assert first.out == "2 [0, 1]\n"
    assert first.err == "2 processes x 1 CPU, 2 devices\n"


# TPU pods


@pytest.fixture
def on_tpu(monkeypatch):
    """A TPU VM, as jax sees one."""
    monkeypatch.setattr(platforms, "here", lambda: "tpu")
    monkeypatch.setattr(cloud_tpu_cluster, "running_in_cloud_tpu_vm", True)
    monkeypatch.setattr(clusters.GkeTpuCluster, "wait_for_coordinator", lambda *_: None)
    monkeypatch.setenv("TPU_SKIP_MDS_QUERY", "1")
    monkeypatch.setattr(cloud_tpu_cluster, "get_tpu_env_value_from_metadata", lambda key: None)


def test_a_pod_of_gke_knows_its_place(monkeypatch, on_tpu):
    monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "job-0.set,job-1.set,job-2.set,job-3.set")
    monkeypatch.setenv("TPU_WORKER_ID", "2")
    assert cluster.detect(1.0) == Seat("job-0.set:8482", 4, 2)
    monkeypatch.setenv("MEGASCALE_COORDINATOR_ADDRESS", "slice-0.set:1234")
    monkeypatch.setenv("MEGASCALE_NUM_SLICES", "2")
    monkeypatch.setenv("MEGASCALE_SLICE_ID", "1")
    assert cluster.detect(1.0) == Seat("slice-0.set:8482", 8, 6)


def test_a_host_with_a_tpu_of_its_own_is_alone(monkeypatch, on_tpu):
    monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "localhost")
    monkeypatch.setenv("TPU_WORKER_ID", "0")
    assert cluster.detect(1.0) is None


def test_a_worker_of_a_tpu_vm_asks_its_metadata(monkeypatch, on_tpu):
    told = {"agent-worker-number": "1", "worker-network-endpoints": "a:b:10.0.0.2,c:d:10.0.0.3"}
    monkeypatch.delenv("TPU_SKIP_MDS_QUERY")
    monkeypatch.setattr(cloud_tpu_cluster, "get_metadata", lambda key: (told[key], 200))
    assert cluster.detect(1.0) == Seat("10.0.0.2:8482", 2, 1)


def test_work_on_the_cpu_of_a_tpu_host_is_alone(monkeypatch, on_tpu):
    monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "a,b")
    monkeypatch.setenv("TPU_WORKER_ID", "0")
    monkeypatch.setattr(platforms, "here", lambda: "cpu")
    assert cluster.detect(1.0) is None


def test_a_pod_that_lacks_its_number_is_told_so(monkeypatch, on_tpu):
    monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "a,b")
    monkeypatch.delenv("TPU_WORKER_ID", raising=False)
    with pytest.raises(InputError, match=r"the hosts of this job cannot be found: .*--processes 1"):
        cluster.detect(1.0)


# Kubernetes


def test_a_pod_of_no_indexed_job_is_alone(monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert cluster.detect(1.0) is None


def test_an_indexed_job_needs_the_package_that_asks_kubernetes(monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "kubernetes" else real(name))
    with pytest.raises(InputError, match=r"pip install 'jax\[k8s\]'"):
        cluster.detect(1.0)


def test_an_indexed_job_of_kubernetes_knows_its_place(monkeypatch):
    found = clusters.K8sCluster
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: real("json" if name == "kubernetes" else name))
    monkeypatch.setattr(found, "is_env_present", lambda: True)
    monkeypatch.setattr(found, "get_process_count", lambda: 4)
    monkeypatch.setattr(found, "get_coordinator_address", lambda **_: "job-0.set:55527")
    assert cluster.detect(1.0) == Seat("job-0.set:55527", 4, 1)
