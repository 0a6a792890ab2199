"""`--engine ray`: what tasks ask for, how they end, and a cluster of three nodes that loses one."""

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.cli import main
from sweep.design.cohorts import Cohort, cohorts
from sweep.errors import InputError, Partial, Refusal
from sweep.tables import io
from sweep.worker import ray_cluster
from sweep.worker.ray_cluster import Result, memory_of, platform_of, problem_of, resources
from tests.train.tiny import make_trial

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "smoke.py"
ENDS = 400  # seconds, on a machine that does other things
CPUS, H100 = {"CPU": 16.0}, {"CPU": 64.0, "GPU": 8.0, "accelerator_type:H100": 1.0}


def eight() -> Cohort:
    """A cohort of eight trials."""
    (cohort,) = cohorts([make_trial(steps=20, seed=seed) for seed in range(8)])
    return cohort


def test_platforms():
    assert platform_of([CPUS, CPUS]) == "cpu"
    assert platform_of([CPUS, H100]) == "gpu"
    assert platform_of([CPUS, {"TPU": 4.0}]) == "tpu"


def test_a_task_asks_for_the_fewest_devices_that_hold_it(monkeypatch):
    cohort = eight()
    assert resources(cohort, "cpu", [CPUS]) == {"num_cpus": 1}
    assert resources(cohort, "gpu", [CPUS, H100]) == {"num_cpus": 1, "num_gpus": 1}
    assert resources(cohort, "tpu", [{"TPU": 4.0}]) == {"num_cpus": 1, "resources": {"TPU": 4}}
    monkeypatch.setattr(ray_cluster, "memory_of", lambda nodes: 1)  # a byte: no number of devices holds it, so all
    assert resources(cohort, "gpu", [CPUS, H100])["num_gpus"] == 8
    with pytest.raises(InputError, match="--platform gpu: no node of the Ray cluster has a GPU"):
        resources(cohort, "gpu", [CPUS])


def test_memory_is_that_of_the_smallest_kind():
    assert memory_of([H100]) == 84_942_979_072
    assert memory_of([H100, {"accelerator_type:L4": 1.0}]) == 24 * 10**9
    assert memory_of([H100, {"accelerator_type:NOBODY-KNOWS": 1.0}]) is None
    assert memory_of([CPUS]) is None


@pytest.mark.parametrize(
    ("code", "line", "kind", "says"),
    [
        (1, "sweep worker: error: /x: holds no sweep", InputError, "cohort abc on node-7: error: /x: holds no sweep"),
        (2, "sweep worker: refused (too_large): it", Refusal, "refused (too_large): it"),
        (3, "sweep worker: stopped: saved", Partial, "stopped: saved"),
    ],
)
def test_how_a_task_ended_is_told(code, line, kind, says):
    (problem,) = problem_of("abc", Result(code, line, "node-7"))
    assert isinstance(problem, kind)
    assert says in str(problem)
    assert problem_of("abc", Result(0, "", "node-7")) == []


def test_without_ray_it_says_how_to_install_it(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(ray_cluster.importlib.util, "find_spec", lambda name: None)
    assert main(["run", str(CONFIG), "--out", str(tmp_path / "run"), "--engine", "ray"]) == 1
    assert "--engine ray needs Ray: pip install 'isoflop[ray]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_options_that_do_not_go_together(capsys, tmp_path):
    assert main(["run", str(CONFIG), "--out", str(tmp_path / "run"), "--address", "auto"]) == 1
    assert "--address auto goes with --engine ray" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "says"), [("127.0.0.1:1", "no Ray cluster answers"), ("ray://x:1", "not Ray Client")]
)
def test_no_cluster_is_told_at_once(capsys, tmp_path, address, says):
    assert main(["run", str(CONFIG), "--out", str(tmp_path / "run"), "--engine", "ray", "--address", address]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--address {address}: " in line
    assert says in line


CLUSTER = """
import json, os, sys, time
from ray.cluster_utils import Cluster
made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
nodes = [made.add_node(num_cpus=1) for _ in range(2)]
print(made.address, flush=True)
for line in sys.stdin:
    if line.strip() == "kill":
        made.remove_node(nodes.pop(), allow_graceful=False)
        print("killed", flush=True)
    else:
        break
made.shutdown()
"""


def environment() -> dict[str, str]:
    """One CPU device for each process, so that all have the meshes of one process."""
    told = {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    return os.environ | told | {"XLA_FLAGS": "--xla_force_host_platform_device_count=1"}


@contextlib.contextmanager
def cluster() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Three nodes of one CPU each, and their keeper, who kills one when told to."""
    pipe = subprocess.PIPE
    keeper = subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        env=environment(),
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert keeper.stdout is not None
        yield keeper.stdout.readline().strip(), keeper
    finally:
        with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
            keeper.communicate("end\n", timeout=60)
        if keeper.poll() is None:
            keeper.kill()


def losses(out: Path) -> dict[str, float]:
    return {row["trial"]: row["loss"] for row in io.read(out / "losses.parquet").to_pylist()}


@pytest.mark.slow
def test_a_cluster_that_loses_a_node_trains_what_one_process_trains(tmp_path):
    seed = int(os.environ.get("SWEEP_SEED", "0"))
    words = [sys.executable, "-m", "sweep", "run", str(CONFIG), "--checkpoint.minutes", "0.001", "--out"]
    alone = subprocess.run([*words, str(tmp_path / "alone")], env=environment(), capture_output=True, timeout=ENDS)
    assert alone.returncode == 0
    out = tmp_path / "ray"
    with cluster() as (address, keeper):
        assert keeper.stdin is not None
        driver = subprocess.Popen(
            [*words, str(out), "--engine", "ray", "--address", address],
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            began = time.monotonic()
            while not list(out.glob("cohorts/*/lease-0001")):
                assert driver.poll() is None, driver.communicate()
                assert time.monotonic() - began < ENDS
                time.sleep(0.05)
            time.sleep(random.Random(seed).uniform(0.0, 6.0))
            keeper.stdin.write("kill\n")
            keeper.stdin.flush()
            said = driver.communicate(timeout=ENDS)
        finally:
            driver.kill()
    assert driver.returncode == 0, said
    assert losses(out) == losses(tmp_path / "alone")
