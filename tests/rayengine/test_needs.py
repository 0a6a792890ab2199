"""What a task asks Ray for, the order of tasks, and what is said of addresses and nodes that will not do."""

import pytest
import ray.exceptions

from sweep.config import load
from sweep.design import families
from sweep.design.cohorts import Cohort, cohorts
from sweep.errors import InputError, Refusal
from sweep.rayengine import cluster, task
from sweep.rayengine.needs import Need, in_order, kind_of, memory_of, need_of, platform_of

H100 = {"CPU": 64.0, "GPU": 8.0, "accelerator_type:H100": 1.0}
A100 = {"CPU": 64.0, "GPU": 8.0, "accelerator_type:A100": 1.0}
V5E = {"CPU": 100.0, "TPU": 8.0, "accelerator_type:TPU-V5LITEPOD": 1.0}
CPUS = {"CPU": 4.0, "memory": 1e10}


def planned(path: str, platform: str, vocab: int = 32_768) -> list[Cohort]:
    return cohorts(families.plan(load(path), vocab=vocab, data="d", unique_tokens=10**11, platform=platform).trials)


def test_a_cluster_trains_on_the_best_that_it_has():
    assert platform_of([CPUS, H100]) == "gpu"
    assert platform_of([CPUS, H100, V5E]) == "tpu"
    assert platform_of([CPUS, {**CPUS, "GPU": 0.0}]) == "cpu"


def test_kinds_of_accelerators_are_known_by_rays_names():
    assert [kind_of(node) for node in (H100, A100, V5E, CPUS)] == ["h100", "a100-40", "tpu-v5e", None]
    assert kind_of({"accelerator_type:H20": 1.0}) is None  # no H200
    assert memory_of([H100, A100], "GPU") == 40e9
    assert memory_of([H100, {"GPU": 1.0}], "GPU") is None
    assert memory_of([H100, CPUS], "GPU") == memory_of([H100], "GPU")


def test_a_cohort_takes_the_devices_that_it_fits_on():
    small = planned("configs/smoke.py", "cpu", 256)[0]
    assert need_of(small, "cpu", [CPUS]) == Need("cpu", 1)
    assert need_of(small, "cpu", [CPUS], 2).options == {"num_cpus": 2.0, "num_gpus": 0.0}
    assert need_of(small, "gpu", [H100]).options == {"num_cpus": 1.0, "num_gpus": 1.0}
    assert need_of(small, "tpu", [V5E]).options == {"num_cpus": 1.0, "num_gpus": 0.0, "resources": {"TPU": 1.0}}
    with pytest.raises(InputError, match="1, 2, 4 or 8 chips"):
        need_of(small, "tpu", [V5E], 3)
    large = max(planned("configs/pod.py", "gpu"), key=lambda c: c.shape.width)
    tight = {"CPU": 64.0, "GPU": 8.0, "accelerator_type:L4": 1.0}
    assert (
        need_of(large, "gpu", [tight]).devices
        > need_of(large, "gpu", [{**tight, "accelerator_type:?": 1.0}], 1).devices
    )


def test_a_need_is_met_by_one_node():
    need = Need("gpu", 4)
    assert need.fits(H100)
    assert not need.fits({"CPU": 64.0, "GPU": 2.0})
    assert not need.fits({"GPU": 8.0})  # no core for the process
    assert str(need) == "1 CPU and 4 GPU"


def test_what_has_most_work_left_is_first():
    every = planned("configs/smoke.py", "cpu", 256)
    left = {c.hash: 1.0 for c in every}
    largest, *rest = in_order(every, left)
    assert [c.flops for c in [largest, *rest]] == sorted((c.flops for c in every), reverse=True)
    assert in_order(every, left | {largest.hash: 1e-9})[-1] == largest
    assert largest not in in_order(every, {c.hash: 1.0 for c in rest})


def test_only_a_task_that_was_lost_is_started_anew():
    lost = [ray.exceptions.WorkerCrashedError(), ray.exceptions.NodeDiedError("gone")]
    assert all(cluster.is_lost(error) for error in lost)
    ours = ray.exceptions.RayTaskError("train", "Traceback", ValueError("ours"))
    assert not any(cluster.is_lost(error) for error in (ours, ray.exceptions.TaskCancelledError(), ValueError()))


@pytest.mark.parametrize("address", ["head", "head:port", ":6379", "ray://head:10001", "http://head:8265"])
def test_an_address_is_one_of_a_head(address):
    with pytest.raises(InputError, match=r"--address .*(HOST:PORT|Ray's client)"):
        cluster.refuse_address(address)


def test_without_ray_the_way_to_install_it_is_said(monkeypatch):
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'isoflop\[ray\]'"), cluster.connected(""):
        pass


def test_an_address_that_does_not_answer_is_said():
    with pytest.raises(InputError, match="no head of a Ray cluster answers"):
        cluster.require_answer("127.0.0.1:9")


def test_a_node_that_does_not_see_the_directory_says_so(tmp_path):
    (tmp_path / "token").write_bytes(b"")
    task.refuse_unseen(tmp_path, "token")
    with pytest.raises(Refusal, match="does not see") as found:
        task.refuse_unseen(tmp_path, "another")
    assert found.value.code == "unseen"
