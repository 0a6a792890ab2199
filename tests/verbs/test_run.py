"""`sweep run` by the command line: what it says, and a process that is stopped or killed and repeated."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from sweep.tables import io
from sweep.tables.schema import table_of
from sweep.verbs import run
from tests.train import corpora

ROOT = Path(__file__).parents[2]


def row(budget: float, params: int, loss: float | None, status: str = "done") -> dict:
    reason = None if status == "done" else "it broke"
    return {"trial": f"{budget}{params}", "budget": budget, "params_with_head": params, "tokens": 10 * params,
            "loss": loss, "loss_se": 0.01, "status": status, "reason": reason}  # fmt: skip


def table(*rows: dict) -> pa.Table:
    return table_of(list(rows))


def test_the_best_of_each_family_and_what_failed():
    losses = table(*(row(1e9, n, x) for n, x in ((100, 3.0), (200, 2.5), (400, 2.8))), row(1e9, 800, None, "diverged"),
                   row(2e9, 100, 2.4), row(2e9, 200, 2.3))  # fmt: skip
    output = run.summary(Path("runs/x"), losses)
    assert output.data["statuses"] == {"done": 5, "diverged": 1}
    assert output.data["families"] == [
        {"budget": 1e9, "params": 200, "tokens": 2000, "loss": 2.5, "sizes": 3, "interior": True},
        {"budget": 2e9, "params": 200, "tokens": 2000, "loss": 2.3, "sizes": 2, "interior": False},
    ]
    assert "runs/x: 1 diverged, 5 done" in output.text
    assert output.text.count("at the edge of the grid") == 1
    assert "diverged: it broke" in output.text


def test_a_size_alone_is_at_no_edge():
    assert "at the edge" not in run.summary(Path("runs/x"), table(row(1e9, 100, 3.0))).text


def test_losses_without_a_standard_error_are_said():
    said = "one validation window"
    assert said not in run.summary(Path("runs/x"), table(row(1e9, 100, 3.0), row(1e9, 200, None, "diverged"))).text
    text = run.summary(Path("runs/x"), table(row(1e9, 100, 3.0) | {"loss_se": None})).text
    assert said in text
    assert text.splitlines()[-1].startswith("next: ")


def test_a_family_without_a_finished_trial_is_told_and_is_json():
    output = run.summary(Path("runs/x"), table(row(1e9, 100, None, "diverged"), row(2e9, 100, 2.0)))
    json.dumps(output.data, allow_nan=False)
    assert output.data["families"][0]["loss"] is None
    assert "inf" not in output.text


# As a process


class Home:
    """A folder with a config, its data, and a cache of compiled programs that its commands share."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = corpora.write_config(folder)
        self.env = os.environ | {
            "SWEEP_CACHE": str(folder / "cache"),
            "PYTHONPATH": str(ROOT),
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        }

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "sweep", "run", str(self.config), "--checkpoint.minutes", "1e-6", *words]

    def finish(self, out: str, *words: str) -> subprocess.CompletedProcess:
        command = self.command("--out", out, *words)
        return subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=300)

    def interrupt(self, out: str, number: int) -> int:
        """Start, wait for the first chunk in any log, send the signal; the exit code."""
        process = subprocess.Popen(
            self.command("--out", out),
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(3000):
            logs = [p.read_text() for p in (self.folder / out).glob("cohorts/*/log.jsonl")]
            if any('"steps"' in text for text in logs) or process.poll() is not None:
                break
            time.sleep(0.05)
        process.send_signal(number)
        return process.wait(timeout=120)

    def losses(self, out: str) -> dict:
        rows = io.read(self.folder / out / "losses.parquet").to_pylist()
        return {r["trial"]: (r["status"], r["steps"], r["loss"], r["train_loss"]) for r in rows}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    done = home.finish("whole", "--json")
    assert done.returncode == 0, done.stderr
    (home.folder / "whole.json").write_text(done.stdout)
    return home


@pytest.mark.slow
def test_a_file_of_ones_own_trains_to_the_end(home):
    said = json.loads((home.folder / "whole.json").read_text())
    assert said["statuses"] == {"done": 6}
    assert len(said["families"]) == 2
    best = {f["budget"]: f["loss"] for f in said["families"]}
    rows = io.read(home.folder / "whole" / "losses.parquet").to_pylist()
    assert best == {b: min(r["loss"] for r in rows if r["budget"] == b) for b in best}


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 3), (signal.SIGKILL, -9)], ids=["SIGTERM", "kill -9"])
def test_stopped_or_killed_the_same_command_continues_to_the_same_bits(home, number, code):
    out = f"stopped-{number}"
    assert home.interrupt(out, number) == code
    assert len(list((home.folder / out).glob("cohorts/*/DONE"))) < 4
    again = home.finish(out)
    assert again.returncode == 0, again.stderr
    assert home.losses(out) == home.losses("whole")


@pytest.mark.slow
def test_another_sweep_in_the_same_directory_is_refused(home):
    before = home.losses("whole")
    other = home.finish("whole", "--recipe.lr", "0.5", "--json")
    assert other.returncode == 2
    assert json.loads(other.stdout)["error"]["code"] == "another_sweep"
    assert "recipe.lr" in other.stderr
    assert home.losses("whole") == before
