"""`sweep worker` as its users start it: several beside one another, killed, frozen, and on what it must refuse."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweep.cli import main
from sweep.tables import io
from sweep.train.gang import cluster
from sweep.verbs import worker
from tests.train.gang.processes import environment_of

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "smoke.py"
ENDS = 240  # seconds, on a machine that does other things


def words(*more: str) -> list[str]:
    return [sys.executable, "-m", "sweep", *more]


def run(*more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words(*more), env=environment_of(1), capture_output=True, text=True, timeout=ENDS)


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a worker; what is still there at the end of the test is killed."""
    made: list[subprocess.Popen[str]] = []

    def start(out: Path) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        made.append(
            subprocess.Popen(words("worker", str(out)), env=environment_of(1), stdout=pipe, stderr=pipe, text=True)
        )
        return made[-1]

    yield start
    for process in made:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    found = run("run", str(CONFIG), "--out", str(tmp_path / "run"), "--engine", "none", "--checkpoint.minutes", "0.001")
    assert found.returncode == 0, found.stderr
    assert found.stdout.endswith(f"next: sweep worker {tmp_path / 'run'}\n")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict[str, float]:
    """Losses of a sweep that one process trained."""
    out = tmp_path_factory.mktemp("alone") / "run"
    found = run("run", str(CONFIG), "--out", str(out))
    assert found.returncode == 0, found.stderr
    return losses(out)


def losses(out: Path) -> dict[str, float]:
    return {row["trial"]: row["loss"] for row in io.read(out / "losses.parquet").to_pylist()}


def until(true: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < ENDS
        time.sleep(0.02)


def child_of(process: subprocess.Popen[str]) -> int:
    """The process that trains, once it has begun a cohort."""
    return next((owner["pid"] for owner in owners(process)), 0)


def owners(process: subprocess.Popen[str]) -> list[dict]:
    """Owners of claims whose parent is this worker."""
    run_directory = Path(process.args[-1])  # type: ignore[index]
    found = [json.loads(lease.read_text()) for lease in run_directory.glob("cohorts/*/lease-*")]
    return [owner for owner in found if parent(owner["pid"]) == process.pid]


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@pytest.mark.slow
def test_two_workers_train_what_one_process_trains(out, alone, started):
    workers = [started(out), started(out)]
    for one in workers:
        said = one.communicate(timeout=ENDS)
        assert one.returncode == 0, said
    assert losses(out) == alone
    hosts = {json.loads(lease.read_text())["pid"] for lease in out.glob("cohorts/*/lease-*")}
    assert not {one.pid for one in workers} & hosts  # supervisors claim nothing


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["child", "supervisor", "both"])
def test_a_kill_loses_nothing(out, alone, started, whom):
    first = started(out)
    until(lambda: child_of(first) > 0)
    child = child_of(first)
    if whom != "child":
        os.kill(first.pid, signal.SIGKILL)
    if whom != "supervisor":
        os.kill(child, signal.SIGKILL)
    if whom == "child":
        _, said = first.communicate(timeout=ENDS)
        assert first.returncode == 0
        assert f"process {child} ended by SIGKILL" in said
    else:
        first.wait(timeout=ENDS)
        until(lambda: parent(child) == 0 or not alive(child))  # it saves and ends with its supervisor
        second = started(out)
        said = second.communicate(timeout=ENDS)
        assert second.returncode == 0, said
    assert losses(out) == alone
    assert max(row["attempts"] for row in io.read(out / "losses.parquet").to_pylist()) == 2


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_sigterm_saves_and_ends_in_part(out, alone, started):
    first = started(out)
    until(lambda: child_of(first) > 0)
    first.send_signal(signal.SIGTERM)
    _, said = first.communicate(timeout=ENDS)
    assert first.returncode == 3
    assert said.splitlines()[-1].endswith("of 4 cohorts are left; start a worker again to go on")
    again = started(out)
    again.communicate(timeout=ENDS)
    assert again.returncode == 0
    assert losses(out) == alone


@pytest.mark.slow
def test_the_supervisor_does_not_load_jax(out):
    assert run("worker", str(out)).returncode == 0
    text = f"""
import sys
import sweep.cli, sweep.verbs.worker as worker
from sweep.storage import locate
ended = worker.Supervisor(locate({str(out)!r}), [], print).work
assert worker.without_jax(worker.Args({str(out)!r})) and ended() == 0
print("jax" in sys.modules)
"""
    found = subprocess.run(
        [sys.executable, "-c", text], env=environment_of(1), capture_output=True, text=True, timeout=60
    )
    assert found.stdout.splitlines()[-1] == "False"


def test_other_code_and_another_platform_are_refused(out, capsys):
    record = json.loads((out / "sweep.json").read_text())
    assert main(["worker", str(out), "--no-supervise"]) in (0, 3)  # here and now it trains

    def refused(changed: dict) -> str:
        (out / "sweep.json").write_text(json.dumps(record | changed))
        capsys.readouterr()
        assert main(["worker", str(out), "--no-supervise"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "the code of sweep abc, now " in refused({"source": "abc"})
    assert "jax 0.1, now " in refused({"versions": record["versions"] | {"jax": "0.1"}})
    assert "was planned for tpu, and this worker has cpu" in refused({"device": {"platform": "tpu"}})


def test_a_directory_for_other_devices_is_laid_out_here(tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["run", str(CONFIG), "--out", str(out), "--engine", "none", "--platform", "tpu"]) == 0
    assert "laid out for tpu" in capsys.readouterr().out
    assert json.loads((out / "sweep.json").read_text())["device"] == {"platform": "tpu"}
    assert len(list(out.glob("cohorts/*/spec.json"))) == 4
    assert main(["run", str(CONFIG), "--out", str(out), "--platform", "gpu"]) == 1
    assert "--platform gpu goes with --engine none" in capsys.readouterr().err


def test_no_sweep(tmp_path, capsys):
    assert main(["worker", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"holds no sweep; lay one out with `sweep run CONFIG --out {tmp_path} --engine none`")


def test_a_host_of_a_slice_is_sent_to_sweep_run(monkeypatch):
    from sweep.errors import Refusal

    class Slice:
        @staticmethod
        def get_process_count() -> int:
            return 4

    monkeypatch.setattr(cluster, "tpu", lambda: Slice)
    with pytest.raises(Refusal, match="sweep run CONFIG --out DIR` on every host"):
        worker.own_devices()


@pytest.mark.parametrize(("visible", "expected"), [("0,1,2,3", "2,3"), ("GPU-a,GPU-b,GPU-c,GPU-d", "GPU-c,GPU-d")])
def test_tasks_of_a_node_share_its_gpus(monkeypatch, visible, expected):
    told = {
        "SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "n1", "SLURM_NTASKS": "2", "SLURM_PROCID": "1",
        "SLURM_LOCALID": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_TASKS_PER_NODE": "2", "SLURM_NODEID": "0",
        "CUDA_VISIBLE_DEVICES": visible, "SLURM_GPUS_ON_NODE": "4",
    }  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SLURM_GPUS_PER_TASK", raising=False)
    worker.own_devices()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == expected
