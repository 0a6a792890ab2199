"""Stand-ins for `sbatch`, `srun`, `scontrol` and `kubectl`, as far as the scripts of configs/launch use them.

    python fakes.py sbatch [--limit DIRECTORY | --cancel DIRECTORY] --array=0-1 SCRIPT ARGUMENT...
    python fakes.py kubectl [--disrupt DIRECTORY] apply -f -

Tasks and pods are processes of this machine, two at a time. The first one comes to its time limit, is cancelled, or its
pod is lost, once a cohort of the run directory that is named is claimed; SLURM queues it again when the script asks,
JobSet replaces the pod.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ENDS = 240.0  # seconds of all
MOST = 5  # times that one task is started


def option(name: str, words: list[str]) -> tuple[str, list[str]]:
    """The value of an option at the front, "" without it, and the words behind it."""
    return (words[1], words[2:]) if words[0] == name else ("", words)


def claimed(directory: str) -> bool:
    return any(Path(directory).glob("cohorts/*/lease-0001"))


def together(
    start: Callable[[int, int], subprocess.Popen],
    numbers: range,
    victim: Callable[[subprocess.Popen], bool],
    again: Callable[[int, int], bool],
    room: int = 2,
) -> int:
    """Run all tasks to their end, `room` at a time; the worst of their last exit codes.

    Args:
        start: a task by its number and how often it was started before.
        victim: called with the first task until it has done to it what it does.
        again: whether a task that ended with a code is to be started once more.
    """
    began, runs, waiting = time.monotonic(), dict.fromkeys(numbers, 0), list(numbers)
    running: dict[int, subprocess.Popen] = {}
    codes: dict[int, int] = {}
    struck = False
    while waiting or running:
        assert time.monotonic() - began < ENDS, "the tasks do not end"
        while waiting and len(running) < room:
            number = waiting.pop(0)
            running[number] = start(number, runs[number])
        struck = struck or victim(next(iter(running.values())))
        for number, process in list(running.items()):
            if process.poll() is None:
                continue
            del running[number]
            codes[number] = process.returncode
            if again(number, process.returncode) and runs[number] < MOST:
                runs[number] += 1
                waiting.insert(0, number)
        time.sleep(0.05)
    print(f"tasks {len(codes)}, started again {sum(runs.values())}, struck {struck}")
    return max(abs(code) for code in codes.values())


def sbatch(words: list[str]) -> int:
    """Every task of an array runs the script; a task is queued again where the script says so.

    The first one comes to its time limit, or all are cancelled, once a cohort is claimed.
    """
    limit, words = option("--limit", words)
    cancel, words = option("--cancel", words)
    low, high = map(int, re.fullmatch(r"--array=(\d+)-(\d+)", words[0]).groups())  # type: ignore[union-attr]
    script, queue = words[1:], Path(os.environ["FAKE_QUEUE"])
    queue.mkdir(exist_ok=True)

    def start(number: int, before: int) -> subprocess.Popen:
        told = {"SLURM_ARRAY_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": str(number), "SLURM_JOB_ID": str(78 + number)}
        told |= {"SLURM_RESTART_COUNT": str(before)} if before else {}
        return subprocess.Popen(["bash", *script], env=os.environ | told)

    def strike(task: subprocess.Popen) -> bool:
        if not ((limit or cancel) and claimed(limit or cancel)):
            return False
        if limit:
            task.send_signal(signal.SIGUSR1)  # as --signal=B:USR1@300: to the script alone
            return True
        for pid in [*children(task.pid), str(task.pid)]:  # as scancel: to steps and script
            os.kill(int(pid), signal.SIGTERM)
        return True

    def again(number: int, _code: int) -> bool:
        mark = queue / f"77_{number}"
        asked = mark.exists()
        mark.unlink(missing_ok=True)
        return asked

    return together(start, range(low, high + 1), strike, again)


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def srun(words: list[str]) -> int:
    """One task of one step, in place of this process."""
    told = {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NTASKS": "1"}
    os.execvpe(words[0], words, os.environ | told)


def scontrol(words: list[str]) -> int:
    assert words[0] == "requeue", words
    (Path(os.environ["FAKE_QUEUE"]) / words[1]).touch()
    return 0


def kubectl(words: list[str]) -> int:
    """A JobSet of one replicated job: pods that fail are replaced, unless the policy says that the job has failed."""
    directory, words = option("--disrupt", words)
    assert words == ["apply", "-f", "-"], words
    manifest: dict[str, Any] = yaml.safe_load(sys.stdin)
    assert (manifest["apiVersion"], manifest["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
    (job,) = manifest["spec"]["replicatedJobs"]
    spec = job["template"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["restartPolicy"] == "Never"
    assert spec["completionMode"] == "Indexed"
    final = [
        c for r in spec["podFailurePolicy"]["rules"] if r["action"] == "FailJob" for c in r["onExitCodes"]["values"]
    ]

    def start(number: int, _before: int) -> subprocess.Popen:
        told = {"JOB_COMPLETION_INDEX": str(number)} | {e["name"]: e["value"] for e in container["env"]}
        return subprocess.Popen(container["command"], env=os.environ | told, start_new_session=True)

    def disrupt(task: subprocess.Popen) -> bool:
        if not (directory and claimed(directory)):
            return False
        for child in children(task.pid):  # all processes of a pod end at once
            os.kill(int(child), signal.SIGKILL)
        task.kill()
        return True

    return together(start, range(spec["completions"]), disrupt, lambda _, code: code not in (0, *final))


if __name__ == "__main__":
    raise SystemExit(
        {"sbatch": sbatch, "srun": srun, "scontrol": scontrol, "kubectl": kubectl}[sys.argv[1]](sys.argv[2:])
    )
