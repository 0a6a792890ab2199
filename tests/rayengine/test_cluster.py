"""A sweep on a Ray cluster of three nodes on this machine: a node is lost, the driver is stopped or killed.

RAY_KILLS=10 repeats the loss of a node with as many seeds.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sweep.tables import io
from tests.train.gang.processes import environment_of

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "smoke.py"
ENDS = 400  # seconds, on a machine that does other things
KILLS = int(os.environ.get("RAY_KILLS", "1"))

pytestmark = pytest.mark.slow


def environment() -> dict[str, str]:
    """One CPU device for what runs without Ray, as each task has."""
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_AUTH_MODE": "disabled"}
    return {name: value for name, value in environment_of(1).items() if name != "RAY_ADDRESS"} | quiet


def words(out: Path, *more: str) -> list[str]:
    saves = ["--checkpoint.minutes", "0.001"]
    return [sys.executable, "-m", "sweep", "run", str(CONFIG), "--out", str(out), *saves, *more]


def losses(out: Path) -> dict[str, float]:
    return {row["trial"]: row["loss"] for row in io.read(out / "losses.parquet").to_pylist()}


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict[str, float]:
    """Losses of a sweep that one process trained."""
    out = tmp_path_factory.mktemp("alone") / "run"
    found = subprocess.run(words(out), env=environment(), capture_output=True, text=True, timeout=ENDS)
    assert found.returncode == 0, found.stderr
    return losses(out)


class Nodes:
    """A cluster: a head without CPUs, and nodes of one CPU, each with processes of its own."""

    def __init__(self, folder: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.folder = folder
        self.known: set[int] = set()
        self.raylets: list[int] = []
        head = ["--head", "--port", self.address.rpartition(":")[2], "--num-cpus", "0", "--include-dashboard", "false"]
        self.start(*head, "--temp-dir", str(folder))
        self.raylets.clear()

    def start(self, *more: str) -> None:
        small = ["--object-store-memory", "80000000", "--disable-usage-stats"]
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *more, *small]
        found = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=ENDS)
        assert found.returncode == 0, found.stdout + found.stderr
        ours = self.processes()
        self.raylets += [p.pid for p in ours if p.pid not in self.known and p.name() == "raylet"]
        self.known |= {p.pid for p in ours}

    def join(self) -> int:
        """Another node; returns its raylet."""
        self.start("--address", self.address, "--num-cpus", "1")
        return self.raylets[-1]

    def processes(self) -> list[psutil.Process]:
        """Of this cluster: those that name its folder or its port."""
        found = []
        for process in psutil.process_iter():
            try:
                line = " ".join(process.cmdline())
            except psutil.Error:
                continue
            if process.pid != os.getpid() and (str(self.folder) in line or self.address in line):
                found.append(process)
        return found

    def kill(self, raylet: int) -> None:
        """A machine is lost: all that ran on it, at once."""
        node = psutil.Process(raylet)
        for process in [node, *node.children(recursive=True)]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.raylets.remove(raylet)

    def close(self) -> list[str]:
        """End all of it; returns what is left of workers."""
        for _ in range(3):
            for process in self.processes():
                try:
                    for child in [*process.children(recursive=True), process]:
                        child.kill()
                except psutil.Error:
                    continue
            time.sleep(0.5)
        return [" ".join(p.cmdline()) for p in self.processes() if p.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    made = Nodes(Path(f"/tmp/r{os.getpid()}-{random.randrange(10**6)}"))  # sockets have short names
    try:
        for _ in range(3):
            made.join()
        yield made
    finally:
        assert made.close() == []


@pytest.fixture
def driver(nodes) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    made: list[subprocess.Popen[str]] = []

    def start(out: Path, *more: str) -> subprocess.Popen[str]:
        command = words(out, "--engine", "ray", "--address", nodes.address, *more)
        pipe = subprocess.PIPE
        made.append(subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe, text=True))
        return made[-1]

    yield start
    for process in made:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(true: Callable[[], object]) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < ENDS
        time.sleep(0.05)


def training(out: Path) -> list[tuple[str, int]]:
    """Cohorts that have begun and are not done, and the process that claimed each."""
    found = []
    for folder in out.glob("cohorts/*"):
        leases = sorted(folder.glob("lease-*"))
        log = (folder / "log.jsonl").read_text() if (folder / "log.jsonl").exists() else ""
        if leases and not (folder / "DONE").exists() and '"chunk"' in log:
            found.append((folder.name, json.loads(leases[-1].read_text())["pid"]))
    return [(name, pid) for name, pid in found if psutil.pid_exists(pid)]


def attempts(out: Path) -> int:
    return len(list(out.glob("cohorts/*/lease-*")))


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_node_is_lost_in_the_middle_of_a_cohort(nodes, driver, alone, tmp_path, seed):
    chance, out = random.Random(seed), tmp_path / "run"
    process = driver(out)
    until(lambda: training(out) or process.poll() is not None)
    time.sleep(chance.uniform(0, 2))
    until(lambda: training(out) or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    _, pid = chance.choice(training(out))
    nodes.kill(psutil.Process(pid).ppid())
    nodes.join()  # elastic: another takes its place
    said = process.communicate(timeout=ENDS)
    assert process.returncode == 0, said
    assert "lost its task, it is started anew" in said[1], said
    assert losses(out) == alone
    assert attempts(out) > len(list(out.glob("cohorts/*")))


def test_the_driver_is_stopped_and_killed_and_repeated(nodes, driver, alone, tmp_path):
    out = tmp_path / "run"
    process = driver(out)
    until(lambda: training(out) or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=ENDS)
    assert process.returncode == 3, said
    assert said[1].count("Traceback") == 0
    assert all(beat.read_bytes() == b"released" for beat in out.glob("cohorts/*/beat-*"))  # all have saved
    process = driver(out)
    until(lambda: training(out) or process.poll() is not None)
    pids = [pid for _, pid in training(out)]
    process.kill()
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids))  # tasks end with their driver
    process = driver(out)
    said = process.communicate(timeout=ENDS)
    assert process.returncode == 0, said
    assert losses(out) == alone


def test_what_the_cluster_never_has_is_said(nodes, driver, tmp_path):
    process = driver(tmp_path / "run", "--platform", "gpu", "--patience", "3")
    said = process.communicate(timeout=ENDS)
    assert process.returncode == 2, said
    assert "refused (no_node)" in said[1]
    assert "1 CPU and 1 GPU" in said[1]
