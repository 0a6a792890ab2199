"""`sweep verify-resume` on a tiny sweep: twenty kills and more, and faults that it must find."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sweep.cli import main
from tests.train import corpora
from tests.train.gang.processes import ROOT, environment_of

CONFIG = '''"""Two shapes, each with two seeds of a trunk and two branches; some thirty chunks."""
from sweep.config import Architecture, Data, Prior, Recipe, Sweep

SWEEP = Sweep(
    name="tiny", budgets={budgets}, params={params}, seeds=(0, 1), min_steps=20, curve_points=12,
    data=Data(path={path!r}, val_tokens=512, allow_repeat=True),
    architecture=Architecture(seq_len=16),
    recipe=Recipe(aspect=64.0, head_dim=8, batch_tokens=128),
    prior=Prior(E=1.0, A=8.0, B=15.3, alpha=0.3, beta=0.3, noise=0.01, source="guess"),
)
'''
SHIFTED = '''"""A run that has gone on reads each batch one step late."""
import sys

if "run" in sys.argv or sys.argv[:1] == ["-m"]:
    import sweep.train.cohort as cohort

    read_by = cohort.CohortRun.read_by

    def late(self, work):
        seeds, first, taken = read_by(self, work)
        return seeds, first + int(self.attempt > 1), taken

    cohort.CohortRun.read_by = late
'''
LIMIT = 1500  # seconds; a loaded machine may be slow


@pytest.fixture
def config(tmp_path) -> Path:
    """A config file, and its tokens beside it."""
    corpora.write(tmp_path / "tokens")
    return write(tmp_path, (2.5e9, 5e9), (3e3, 6e3))


def write(folder: Path, budgets: tuple[float, ...], params: tuple[float, ...]) -> Path:
    file = folder / "tiny.py"
    file.write_text(CONFIG.format(path=str(folder / "tokens"), budgets=budgets, params=params))
    return file


def verify(*words: str, path: Path | None = None) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of the command, on two devices unless it says otherwise."""
    own = environment_of(2)
    own.pop("SWEEP_RAISE", None)
    own |= {"PYTHONPATH": os.pathsep.join([str(path), own["PYTHONPATH"]])} if path else {}
    command = [sys.executable, "-m", "sweep", "verify-resume", *words]
    with subprocess.Popen(command, env=own, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        try:
            out, err = run.communicate(timeout=LIMIT)
        except BaseException:
            run.send_signal(signal.SIGTERM)  # it ends its children
            run.communicate()
            raise
    return run.returncode, out, err


@pytest.mark.slow
def test_twenty_kills_change_nothing(config, tmp_path):
    out = tmp_path / "proof"
    code, text, err = verify(str(config), "--kills", "20", "--out", str(out), "--json")
    assert code == 0, text + err
    found = json.loads(text)
    assert found["same"]
    assert found["differences"] == found["skipped"] == []
    kills = [kill for kill in found["kills"] if kill["part"].startswith("killed-")]
    assert len(kills) >= 20
    assert {kill["code"] for kill in kills} <= {-9, -15, 3}
    assert {"SIGKILL", "SIGTERM"} <= {kill["how"] for kill in kills}
    assert any(kill["broken"] for kill in kills)  # between the write of a checkpoint and its mark
    assert any("went on from chunk" in kill["outcome"] for kill in kills)
    by_part = {one["name"]: one for one in found["comparisons"]}
    assert by_part["other-devices"]["moves"]
    assert sum(kill["part"] == "other-processes" for kill in found["kills"]) == 2
    # and by a comparison of our own
    whole = table(out / "uninterrupted")
    for name, one in by_part.items():
        mine = table(out / name)
        if name.startswith("killed-"):
            assert mine["loss"].equals(whole["loss"])
            assert mine["train_loss"].equals(whole["train_loss"])
            assert curves(out / name).equals(curves(out / "uninterrupted"))
        assert mine["steps"].equals(whole["steps"])
        assert mine["loss"].to_pylist() == pytest.approx(whole["loss"].to_pylist(), rel=1e-5)
        attempts = mine["attempts"].to_pylist()
        assert max(attempts) > 1
        assert one["steps"] == sum(steps_of_rows(out / "uninterrupted"))


def table(folder: Path):
    return pq.read_table(folder / "losses.parquet").sort_by("trial")


def curves(folder: Path):
    return pq.read_table(folder / "curves.parquet").sort_by([("trial", "ascending"), ("step", "ascending")])


def steps_of_rows(folder: Path) -> list[int]:
    """Steps of each chunk of a run that nobody interrupted."""
    logs = [log.read_text().splitlines() for log in folder.glob("cohorts/*/log.jsonl")]
    return [event["steps"] for log in logs for event in map(json.loads, log) if "rows" in event]


@pytest.mark.slow
def test_data_read_one_step_late_after_a_kill_is_found(tmp_path):
    corpora.write(tmp_path / "tokens")
    config = write(tmp_path, (2e9,), (3e3,))
    fault = tmp_path / "fault"
    fault.mkdir()
    (fault / "sitecustomize.py").write_text(SHIFTED)
    words = [
        str(config),
        "--kills",
        "1",
        "--seed",
        "2",
        "--devices",
        "0",
        "--processes",
        "0",
        "--out",
        str(tmp_path / "p"),
    ]
    code, text, err = verify(*words, path=fault)
    assert code == 2, text + err
    last = next(line for line in text.splitlines() if line.startswith("NOT the same"))
    trial, step = re.fullmatch(r"NOT the same: trial (\w+) differs at step ([\d,]+): .*", last).groups()  # pyright: ignore
    assert trial in table(tmp_path / "p" / "uninterrupted")["trial"].to_pylist()
    assert int(step.replace(",", "")) > 0
    assert "another mesh" in text


@pytest.mark.slow
def test_an_interrupt_ends_its_children(tmp_path, config):
    out = tmp_path / "proof"
    command = [sys.executable, "-m", "sweep", "verify-resume", str(config), "--out", str(out)]
    run = subprocess.Popen(command, env=environment_of(2), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        limit = time.monotonic() + LIMIT
        while not children(out):
            assert run.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        assert run.communicate(timeout=LIMIT)[1].splitlines()[-1] == "sweep verify-resume: interrupted"
        assert run.returncode == 3
        while children(out):
            assert time.monotonic() < limit
            time.sleep(0.05)
    finally:
        run.kill()
        run.wait()


def children(out: Path) -> list[str]:
    """Processes that train below `out`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if "run" in words and any(word.startswith(str(out)) for word in words):
            found.append(folder.name)
    return found


def test_bad_words_are_one_line(tmp_path, capsys):
    config = str(write(tmp_path, (2e9,), (3e3,)))
    filled = tmp_path / "filled"
    filled.mkdir()
    (filled / "mine").write_text("")
    assert main(["verify-resume", config, "--out", str(filled)]) == 1
    assert main(["verify-resume", config, "--kills", "0"]) == 1
    assert main(["verify-resume", config, "--processes", "-2"]) == 1
    assert main(["verify-resume", config, "--out", "gs://bucket/x"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(": error: ")[2].partition(";")[0] for line in said[:3]] == [
        f"{filled}: not empty",
        "--kills 0: it must be 1 or more",
        "--processes -2: it must be 0 or more",
    ]
    assert len(said) == 4


def test_a_sweep_that_cannot_be_trained_is_told_in_its_own_words(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    config = write(tmp_path, (2e9,), (3e3,))  # its tokens are not there
    assert main(["verify-resume", str(config), "--kills", "1"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert "the run without interruption ended with exit code 1: error: " in last
    assert str(tmp_path / "tokens") in last


NO_JAX = """
import sys
from sweep.cli import main
main(["verify-resume", sys.argv[1], "--kills", "0"])
import sweep.resume.prove
print("jax" in sys.modules)
"""


def test_the_command_itself_imports_no_jax(tmp_path):
    config = str(write(tmp_path, (2e9,), (3e3,)))
    command = [sys.executable, "-c", NO_JAX, config]
    told = subprocess.run(command, env=environment_of(1), capture_output=True, timeout=LIMIT, check=False)
    assert told.stdout.split() == [b"False"]
    assert b"--kills 0: it must be 1 or more" in told.stderr
