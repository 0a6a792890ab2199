"""`sweep status` reads any directory: finished, half-way, stopped, and one that broke."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from sweep import storage
from sweep.config import Sweep
from sweep.design import table
from sweep.design.cohorts import cohorts
from sweep.errors import InputError
from sweep.tables import io
from sweep.tables.schema import table_of
from sweep.train import outcome, store
from sweep.train.claims import Claims, Folder
from sweep.train.owner import life
from sweep.train.results import planned
from sweep.verbs import status
from tests.train.tiny import make_trial

SHORT, LONG = (make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30))
ALONE = make_trial(steps=24, seed=1)
TRIALS = [SHORT, LONG, ALONE]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A sweep of three trials in one cohort that has not begun."""
    out = tmp_path / "run"
    store.claim(out, Sweep(name="t", budgets=(1e9,)), {"fingerprint": "f"})
    table.write(TRIALS, out / "plan.parquet")
    (cohort,) = cohorts(TRIALS)
    outcome.write_spec(folder(out), cohort)
    return out


def folder(out: Path) -> Path:
    (cohort,) = cohorts(TRIALS)
    return Path(str(outcome.folder_of(out, cohort)))


def log(out: Path, *events: dict, age: float = 0.0) -> None:
    """Events of the cohort's log, a second apart, the last `age` seconds ago."""
    folder(out).mkdir(parents=True, exist_ok=True)
    now = time.time() - age
    lines = [json.dumps({"time": now - len(events) + i + 1, **event}) for i, event in enumerate(events)]
    (folder(out) / "log.jsonl").write_text("\n".join(lines) + "\n")


def rows(out: Path, *found: dict) -> None:
    folder(out).mkdir(parents=True, exist_ok=True)
    io.write(table_of(list(found)), folder(out) / "rows-001.parquet")


def row(trial, loss: float | None, state: str = "done", **changes) -> dict:
    return {**planned(trial), "status": state, "loss": loss, "steps": trial.steps, "attempts": 1, **changes}


def by_trial(out: Path) -> dict:
    output = status.run(status.Args(str(out)))
    json.dumps(output.data, allow_nan=False)
    return {t["trial"]: t for t in output.data["trials"]}


def test_not_begun(out):
    output = status.run(status.Args(str(out)))
    assert [t["status"] for t in output.data["trials"]] == ["pending"] * 3
    assert output.data["eta_s"] is None
    assert output.data["law"]["params"] is None
    assert f"{out}: sweep t, 3 pending" in output.text
    assert "law so far: none" in output.text


def test_half_way(out):
    log(out, {"given": 1}, {"begun": 1, "left": 68.0}, {"chunk": 1, "seconds": 1.0, "left": 52.0,
        "rows": {SHORT.trunk: 8, ALONE.id: 8}}, {"chunk": 2, "seconds": 1.0, "left": 36.0,
        "rows": {SHORT.trunk: 16, ALONE.id: 16}})  # fmt: skip
    found = by_trial(out)
    assert {t["status"] for t in found.values()} == {"partial"}
    assert {t["state"] for t in found.values()} == {"training"}
    assert (found[ALONE.id]["step"], found[SHORT.id]["step"], found[LONG.id]["step"]) == (16, 16, 16)
    output = status.run(status.Args(str(out)))
    assert output.data["eta_s"] == pytest.approx(36 / (32 / 2))
    assert "3 training, about 0:02 left" in output.text
    assert "training  step 16/24" in output.text


def test_who_trains_is_told(out):
    trial = TRIALS[0].id
    log(out, {"given": 1}, {"begun": 2, "owner": {"host": "node-7", "pid": 41}}, {"chunk": 1, "rows": {trial: 5}})
    seen = by_trial(out)[trial]
    assert (seen["host"], seen["attempts"], seen["step"]) == ("node-7", 2, 5)
    assert "  on node-7" in status.run(status.Args(str(out))).text


def test_compiling(out):
    log(out, {"given": 1}, {"compiling": "training"}, age=200.0)
    found = by_trial(out)[ALONE.id]
    assert (found["status"], found["state"], found["reason"]) == ("pending", "compiling", "training, for 3:20")
    output = status.run(status.Args(str(out)))
    assert "3 compiling" in output.text
    assert output.data["eta_s"] is None


def test_a_run_that_was_killed_while_it_compiled_is_not_compiling(out):
    log(out, {"given": 1}, {"begun": 1, "left": 68.0}, {"left": 52.0, "rows": {ALONE.id: 8}}, {"compiling": "training"})
    process = subprocess.Popen(["sleep", "60"])
    try:
        owner = {"host": "here", "pid": process.pid, "process": life(process.pid)}
        assert Claims(Folder(folder(out)), 60.0).take(owner)
        assert by_trial(out)[ALONE.id]["state"] == "compiling"
    finally:
        process.kill()
        process.wait(10)
    assert by_trial(out)[ALONE.id]["state"] == "stopped"
    assert status.run(status.Args(str(out))).data["eta_s"] is None


def test_rows_of_a_cohort_under_way_are_done(out):
    log(out, {"given": 1}, {"begun": 1, "left": 68.0}, {"chunk": 3, "seconds": 3.0, "left": 10.0, "rows":
        {SHORT.trunk: 24, SHORT.id: 20}})  # fmt: skip
    rows(out, row(SHORT, 2.0))
    found = by_trial(out)
    assert [found[t.id]["state"] for t in TRIALS] == ["done", "training", "training"]
    assert "1 done, 2 training" in status.run(status.Args(str(out))).text


def test_a_branch_speaks_for_itself_once_it_has_left(out):
    log(out, {"given": 1}, {"begun": 1, "left": 1.0}, {"rows": {SHORT.trunk: 24}}, {"rows": {SHORT.id: 18}})
    found = by_trial(out)
    assert (found[SHORT.id]["step"], found[LONG.id]["step"]) == (18, 24)
    assert found[ALONE.id]["step"] == 0


def test_a_branch_that_waits_is_no_further_than_where_it_leaves(out):
    log(out, {"given": 1}, {"begun": 1, "left": 1.0}, {"rows": {SHORT.trunk: 24}})
    assert by_trial(out)[SHORT.id]["step"] == SHORT.steps - SHORT.cooldown == 16


def test_stopped(out):
    log(out, {"given": 1}, {"begun": 1}, {"rows": {ALONE.id: 8}}, {"given": 1}, {"begun": 2},
        {"rows": {ALONE.id: 12}}, age=1000.0)  # fmt: skip
    found = by_trial(out)[ALONE.id]
    assert (found["step"], found["attempts"], found["reason"]) == (12, 2, "the same command continues")
    assert (found["status"], found["state"]) == ("partial", "stopped")
    assert by_trial(out)[SHORT.id]["state"] == "pending"
    assert status.run(status.Args(str(out))).data["eta_s"] is None


def test_what_failed_and_is_tried_again_is_told_as_it_is_now(out):
    rows(out, row(ALONE, None, "failed", reason="too large"))
    assert by_trial(out)[ALONE.id]["state"] == "failed"
    log(out, {"given": 1}, {"begun": 1, "left": 1.0}, {"rows": {ALONE.id: 8}})
    assert by_trial(out)[ALONE.id]["state"] == "training"


def test_a_run_of_an_older_version_has_no_time_left(out):
    spec = json.loads((folder(out) / "spec.json").read_text())
    (folder(out) / "spec.json").write_text(json.dumps({k: v for k, v in spec.items() if k != "flops"}))
    log(out, {"begun": 1}, {"chunk": 1, "seconds": 1.0, "rows": {ALONE.id: 8}})
    assert by_trial(out)[ALONE.id]["step"] == 8
    assert status.run(status.Args(str(out))).data["eta_s"] is None


def test_done_and_diverged(out):
    rows(
        out,
        row(SHORT, 2.0, tokens_per_s=1234.0),
        row(LONG, 1.9),
        row(ALONE, None, "diverged", reason="it broke", steps=7),
    )
    output = status.run(status.Args(str(out)))
    found = by_trial(out)
    assert [found[t.id]["status"] for t in TRIALS] == ["done", "done", "diverged"]
    assert (found[ALONE.id]["step"], found[ALONE.id]["loss"]) == (7, None)
    assert "2 done" in output.text
    assert "1 diverged" in output.text
    assert "loss 2.0000  1,234 tokens/s" in output.text
    assert "step 7/24  it broke" in output.text
    assert output.data["eta_s"] is None


def test_it_only_reads(out):
    rows(out, row(SHORT, 2.0))
    log(out, {"begun": 1})
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    status.run(status.Args(str(out)))
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before


def test_the_law_so_far(out):
    """Losses of a law at many shapes: the same fit as `sweep fit` would make, without a bootstrap."""
    import dataclasses

    from sweep.fit import fit

    shapes = [dataclasses.replace(SHORT.shape, width=w, head_dim=w, ffn=2 * w) for w in (8, 12, 16, 24)]
    trials = [make_trial(s, steps=n, seed=i, budget=float(n)) for i, s in enumerate(shapes) for n in (20, 40, 80, 160)]
    table.write(trials, out / "plan.parquet")
    made = [row(t, 1.5 + 30 * t.params.with_head**-0.4 + 60 * t.tokens**-0.4, tokens=t.tokens) for t in trials]
    rows(out, *made)
    output = status.run(status.Args(str(out)))
    assert output.data["law"]["params"] == fit(out, bootstrap=0).params
    assert output.data["law"]["params"]["alpha"] == pytest.approx(0.4, abs=0.01)
    assert "law so far (16 trials" in output.text


def test_no_run_and_no_plan_are_one_line(out, tmp_path):
    with pytest.raises(InputError, match="not a run directory"):
        status.run(status.Args(str(tmp_path)))
    (out / "plan.parquet").unlink()
    with pytest.raises(InputError, match="no plan"):
        status.run(status.Args(str(out)))


def test_the_files_of_a_cohort_are_read_a_few_times_and_its_rows_once(out, monkeypatch):
    rows(out, *(row(trial, 3.0) for trial in TRIALS))
    read, merged = [], []
    whole = io.merged
    monkeypatch.setattr(status.io, "merged", lambda place: merged.append(place) or whole(place))
    ask = storage.read_many
    monkeypatch.setattr(status.storage, "read_many", lambda places: read.extend(places) or ask(places))
    assert [t["loss"] for t in status.run(status.Args(str(out))).data["trials"]] == [3.0] * 3
    assert merged == [out]
    assert 2 <= len(read) <= 10
