"""Workers whose process is frozen, or whose device does not answer: others end the sweep, with the same table."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sweep.tables import io
from tests.resume.test_prove import write
from tests.train import corpora
from tests.train.gang.processes import ROOT, environment_of

LIMIT = 200.0  # seconds; a loaded machine may be slow
QUICK = '''"""Claims that expire in seconds. With HANGS, the device does not answer the first attempt of a cohort."""
import os

if "SWEEP_SUPERVISED" in os.environ:
    import dataclasses
    import time

    from sweep.train import hold
    from sweep.train.cohort import CohortRun
    from sweep.train.gang.watch import Watch

    hold.EXPIRY, hold.LOOK = 4.0, 0.2
    make, read_by = Watch.__init__, CohortRun.read_by

    def quick(self, *values, **named):
        make(self, *values, **named)
        self.times = dataclasses.replace(self.times, stuck=4.0)

    def hangs(self, work):
        self.read = getattr(self, "read", 0) + 1
        if self.attempt == 1 and os.environ.get("HANGS") and self.read > 5:
            time.sleep(1000)
        return read_by(self, work)

    Watch.__init__, CohortRun.read_by = quick, hangs
'''


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "sweep", *words]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "sitecustomize.py").write_text(QUICK)
    own = environment_of(1)
    return own | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "quick"), own["PYTHONPATH"]])}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    corpora.write(tmp_path / "tokens")
    return write(tmp_path, (2.5e9, 5e9), (3e3, 6e3))


def ran(words: list[str], environment: dict[str, str]) -> str:
    """What a command that ends well says on stderr."""
    ended = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stderr


def losses(out: Path) -> dict[str, float]:
    return {row["trial"]: row["loss"] for row in io.read(out / "losses.parquet").to_pylist()}


@pytest.fixture
def planned(tmp_path: Path, config: Path, environment: dict[str, str]) -> tuple[Path, dict[str, float]]:
    """A directory that is laid out to save often, and the losses of a run in one piece."""
    ran(command("run", str(config), "--out", str(tmp_path / "alone")), environment)
    words = command("run", str(config), "--out", str(tmp_path / "out"), "--checkpoint.minutes", "0.001")
    ran([*words, "--engine", "none", "--platform", "cpu"], environment)
    return tmp_path / "out", losses(tmp_path / "alone")


def chunks(lease: Path) -> int:
    """That were trained of the cohort of a lease."""
    log = lease.parent / "log.jsonl"
    return log.read_text().count('"chunk"') if log.exists() else 0


@pytest.mark.slow
def test_a_frozen_process_loses_its_cohort_and_changes_nothing_when_it_wakes_up(planned, environment):
    out, alone = planned
    with subprocess.Popen(command("worker", str(out)), env=environment, cwd=ROOT) as frozen:
        try:
            limit = time.monotonic() + LIMIT
            while not (held := [lease for lease in out.glob("cohorts/*/lease-0001") if chunks(lease) > 1]):
                assert frozen.poll() is None
                assert time.monotonic() < limit
                time.sleep(0.02)
            process = json.loads(held[0].read_text())["pid"]
            os.kill(process, signal.SIGSTOP)
            assert not (held[0].parent / "DONE").exists()
            ran(command("worker", str(out)), environment)
            assert (held[0].parent / "lease-0002").exists()
            assert losses(out) == alone
            os.kill(process, signal.SIGCONT)
            assert frozen.wait(LIMIT) == 0
        finally:
            frozen.terminate()
    ran(command("worker", str(out)), environment)  # nothing is left; the tables are merged once more
    assert losses(out) == alone
    assert json.loads((held[0].parent / "DONE").read_text())["attempt"] == 2


@pytest.mark.slow
def test_a_process_whose_device_does_not_answer_ends_and_the_next_one_goes_on(planned, environment):
    out, alone = planned
    said = ran(command("worker", str(out)), environment | {"HANGS": "1"})
    assert "has made no progress for" in said
    assert "it ends, so that its cohorts go on elsewhere" in said
    assert losses(out) == alone
    assert list(out.glob("cohorts/*/lease-0002"))
