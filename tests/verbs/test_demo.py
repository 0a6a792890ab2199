"""`sweep demo` end to end on smaller budgets: every number on the screen is a number in a file, and it repeats."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweep.tables import io
from sweep.train.log import Log
from sweep.verbs import demo

ROOT = Path(__file__).parents[2]
SMALLER = ["--config", "configs/smoke.py", "--budgets", "1e9", "2e9", "4e9", "--target-compute", "1.2e10",
           "--data.max-bytes", "3000000", "--data.val-tokens", "4096", "--bootstrap", "40", "--out", "run"]  # fmt: skip

pytestmark = pytest.mark.slow


class Demo:
    """Two runs of one command in one folder."""

    def __init__(self, folder: Path):
        self.folder, self.out = folder, folder / "run"
        self.first = self.call()
        self.begun = self.trainings()
        self.second = self.call()

    def call(self) -> subprocess.CompletedProcess:
        env = os.environ | {"SWEEP_CACHE": str(self.folder / "cache"), "PYTHONPATH": str(ROOT),
                            "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}  # fmt: skip
        command = [sys.executable, "-m", "sweep", "demo", *SMALLER]
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=500)

    def trainings(self) -> int:
        """How often any cohort was begun, the forecast's run included."""
        return sum(Log(path).count("begun") for path in self.out.rglob("log.jsonl"))

    def json(self, name: str) -> dict:
        return json.loads((self.out / name).read_text())

    def ledger(self) -> list[dict]:
        return [json.loads(line) for line in (self.out / "forecast.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Demo:
    made = Demo(tmp_path_factory.mktemp("demo"))
    assert made.first.returncode == 0, made.first.stderr
    return made


def test_families_on_the_screen_are_those_of_the_table(done):
    rows = io.read(done.out / "losses.parquet").to_pylist()
    assert {row["status"] for row in rows} == {"done"}
    assert f"run: {len(rows)} done" in done.first.stdout
    budgets = {row["budget"] for row in rows}
    assert len(budgets) == 3
    for budget in budgets:
        best = min((r for r in rows if r["budget"] == budget), key=lambda r: r["loss"])
        (line,) = [x for x in done.first.stdout.splitlines() if x.startswith(f"  {budget:.1e} FLOPs")]
        for text in (f"{best['params_with_head']:,}", f"{best['tokens']:,}", f"{best['loss']:.4f}"):
            assert text in line


def test_the_law_on_the_screen_is_that_of_the_file(done):
    fit = done.json("fit/fit.json")
    for name, value in fit["params"].items():
        (line,) = [x for x in done.first.stdout.splitlines() if x.split()[:1] == [name]]
        assert float(line.split()[1]) == pytest.approx(value, rel=1e-4)
    assert f"{fit['n']} runs, {fit['status']}" in done.first.stdout
    assert all(warning["message"] in done.first.stdout for warning in fit["warnings"])


def test_forecast_and_outcome_stand_side_by_side(done):
    forecast, outcome = done.ledger()
    low, high = forecast["interval"]
    screen = done.first.stdout
    assert f"forecast  {forecast['loss']:.4f} [{low:.4f}, {high:.4f}] nats/token" in screen
    assert f"{forecast['params']:,} params on {forecast['tokens']:,} tokens" in screen
    assert f"outcome   {outcome['loss']:.4f} nats/token" in screen
    assert f"{outcome['loss'] - forecast['loss']:+.4f} from the forecast" in screen
    assert ("inside" if low <= outcome["loss"] <= high else "outside") + " the interval" in screen
    assert forecast["date"] <= outcome["date"]


def test_the_run_that_decides_is_larger_and_never_in_the_fit(done):
    forecast, outcome = done.ledger()
    (row,) = io.read(done.out / "forecast" / "losses.parquet").to_pylist()
    assert (row["trial"], row["loss"], row["params_with_head"], row["tokens"]) == (
        outcome["trial"], outcome["loss"], forecast["params"], forecast["tokens"])  # fmt: skip
    assert row["flops_exact"] >= 2.9 * 4e9
    assert row["trial"] not in io.read(done.out / "losses.parquet")["trial"].to_pylist()
    assert done.json("fit/fit.json")["n"] == io.read(done.out / "losses.parquet").num_rows


def test_the_page_is_there_and_it_says_what_it_is(done):
    page = (done.out / "report.html").read_text()
    assert f"{done.ledger()[1]['loss']:.3f}" in page
    assert "report    run/report.html" in done.first.stdout
    assert demo.SAYS_NOTHING in done.first.stdout


def test_the_same_command_trains_nothing_and_prints_the_same(done):
    assert done.second.returncode == 0, done.second.stderr
    assert done.trainings() == done.begun
    assert done.second.stdout == done.first.stdout
    assert len(done.ledger()) == 2
