"""W&B runs, against a stand-in for the package: one a trial, every point once, the row as its summary."""

import dataclasses
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import pytest

from sweep.design.trial import Trial
from sweep.errors import InputError
from sweep.tables import io
from sweep.tables.schema import table_of
from sweep.train.cohort import CohortRun, Settings
from sweep.train.progress import Quiet
from sweep.train.results import planned
from sweep.train.tracker import Tracker
from tests.train import corpora
from tests.train.tiny import cohort_of, make_trial

SWEEP = dataclasses.replace(corpora.sweep_on("tokens"), wandb="scaling")


class Run:
    """What `wandb.init` gives, as far as it is used."""

    def __init__(self, step: int, **given: Any):
        self.given, self.step = given, step
        self.logged: list[tuple[int, dict[str, Any]]] = []
        self.summary: dict[str, Any] = {}
        self.code: int | None = None

    def log(self, values: dict[str, Any], step: int) -> None:
        assert step >= self.step  # W&B drops a step that lies behind
        self.logged.append((step, values))
        self.step = step

    def finish(self, exit_code: int) -> None:
        assert self.code is None
        self.code = exit_code


class Fake:
    """The package: `steps` are those of runs that are continued, by id."""

    __spec__ = ModuleSpec("wandb", None)

    class errors:
        class Error(Exception):
            pass

    def __init__(self, mode: str = "offline", steps: dict[str, int] | None = None):
        self.mode, self.steps, self.runs = mode, steps or {}, {}

    def setup(self) -> SimpleNamespace:
        return SimpleNamespace(settings=SimpleNamespace(mode=self.mode))

    def login(self) -> None:
        raise self.errors.Error("No API key configured. Use `wandb login` to log in.\nmore")

    def Settings(self, **_: Any) -> None:
        return None

    def init(self, **given: Any) -> Run:
        run = Run(self.steps.get(given["id"], 0), **given)
        self.runs[given["name"]] = run
        return run


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    return installed(monkeypatch, Fake())


def installed(monkeypatch: pytest.MonkeyPatch, fake: Fake) -> Fake:
    monkeypatch.setitem(sys.modules, "wandb", fake)
    return fake


@pytest.fixture
def made(data, tmp_path: Path):
    """made(*trials) -> a run that stands at its end, as its cursor says; nothing is trained."""

    def run(*trials: Trial) -> CohortRun:
        run = CohortRun(cohort_of(*trials), jax.devices()[:1], 1, data, Settings(tmp_path / "cohort"))
        for row in run.rows:
            steps = [*range(row.start + 4, row.end, 4), row.end]
            points = [{"trial": row.key, "step": s, "train_loss": 5 - s / 100, "loss": None} for s in steps]
            points[-1]["loss"] = 4.5 - row.end / 100
            run.cursor.curves += points
        rows = [planned(t) | {"status": "done", "loss": 4.5 - t.steps / 100} for t in trials]
        io.write(table_of(rows), run.settings.folder / "rows-001.parquet")
        return run

    return run


def test_a_run_a_trial_with_its_plan_its_curve_and_its_row(fake: Fake, made, tmp_path: Path):
    trials = [make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30)]
    tracker = Tracker(SWEEP, tmp_path, Quiet())
    run = made(*trials)
    with tracker.showing([], {}, {}):
        tracker.update(run)
        tracker.done(run)
    assert set(fake.runs) == {trials[0].id, trials[1].id, trials[0].trunk}
    points = {key: [p for p in run.cursor.curves if p["trial"] == key] for key in fake.runs}
    for key, found in fake.runs.items():
        assert [step for step, _ in found.logged] == [p["step"] for p in points[key]]
        for (step, values), point in zip(found.logged, points[key], strict=True):
            assert values["loss/train"] == point["train_loss"]
            assert values.get("loss/validation") == point["loss"]
            assert values["tokens"] == step * 128
        assert found.code == 0
        assert (found.given["project"], found.given["group"], found.given["resume"]) == ("scaling", "tiny", "allow")
    own, trunk = fake.runs[trials[1].id], fake.runs[trials[0].trunk]
    assert own.given["config"]["steps"] == 30
    assert own.summary["loss"] == pytest.approx(4.2)
    assert own.summary["status"] == "done"
    assert trunk.given["job_type"] == "trunk"
    assert "steps" not in trunk.given["config"]


def test_a_continued_run_gets_no_point_twice(monkeypatch, made, tmp_path: Path):
    trial = make_trial(steps=24)
    fake = installed(monkeypatch, Fake(steps={f"tiny-{trial.id}": 17}))
    run = made(trial)
    tracker = Tracker(SWEEP, tmp_path, Quiet())
    tracker.update(run)
    assert [step for step, _ in fake.runs[trial.id].logged] == [20, 24]
    tracker.update(run)
    assert len(fake.runs[trial.id].logged) == 2


def test_what_failed_and_what_was_stopped_is_said(fake: Fake, made, tmp_path: Path):
    trials = [make_trial(steps=24, seed=seed) for seed in (0, 1)]
    tracker = Tracker(SWEEP, tmp_path, Quiet())
    with tracker.showing([], {}, {}):
        tracker.update(made(trials[0]))
        tracker.update(made(trials[1]))
        tracker.failed(cohort_of(trials[0]), "out of memory")
    broken, left = (fake.runs[t.id] for t in trials)
    assert (broken.code, broken.summary) == (1, {"status": "failed", "reason": "out of memory"})
    assert (left.code, left.summary) == (1, {"status": "partial"})


def test_a_failure_on_the_way_is_told_once_and_ends_nothing(fake: Fake, made, tmp_path: Path, capsys, monkeypatch):
    shown = Quiet()
    updates: list[CohortRun] = []
    monkeypatch.setattr(shown, "update", updates.append)
    tracker = Tracker(SWEEP, tmp_path, shown)

    def broken(**_: Any) -> Run:
        raise fake.errors.Error("the server does not answer\nmore")

    monkeypatch.setattr(fake, "init", broken)
    run = made(make_trial(steps=24))
    with tracker.showing([], {}, {}):
        tracker.update(run)
        tracker.done(run)
    assert updates == [run]
    assert capsys.readouterr().err == "wandb: the server does not answer; the sweep goes on without it\n"


def test_without_the_package_or_an_account_it_says_what_to_do(monkeypatch, tmp_path: Path):
    installed(monkeypatch, Fake("online"))
    with pytest.raises(InputError, match=r"No API key configured.*WANDB_MODE=offline") as told:
        Tracker(SWEEP, tmp_path, Quiet())
    assert "\n" not in str(told.value)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'isoflop\[wandb\]'"):
        Tracker(SWEEP, tmp_path, Quiet())
