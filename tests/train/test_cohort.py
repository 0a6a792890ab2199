"""A cohort from its first step to its last: alone, together, on any mesh, stopped, broken and branched."""

import errno
import itertools
import math
import shutil
import threading
from pathlib import Path

import jax
import numpy as np
import pytest

from sweep.config import Memory
from sweep.errors import Partial, Refusal
from sweep.train import effort
from sweep.train.checkpoint import Checkpoints
from sweep.train.cohort import CohortRun, Settings, pad_to
from sweep.train.log import Log
from sweep.train.machine import Machine
from sweep.train.results import Origin, loss_rows
from tests.train.tiny import cohort_of, losses, make_trial

ORIGIN = Origin("test", "0", 8000, 1.0)
BRANCHES = [make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30)]  # and their trunk: three rows
ALONE = [
    make_trial(steps=13, seed=1, data_seed=1),
    make_trial(steps=20, seed=2, lr=0.03, weight_decay=0.0),
    make_trial(steps=24, seed=3, schedule="cosine", cooldown=0),
    make_trial(steps=27, seed=4, schedule="constant", cooldown=0, beta2=0.99),
    make_trial(steps=16, seed=5, cooldown_shape="linear", grad_clip=0.1),
]
EIGHT = [*BRANCHES, *ALONE]  # trials; eight rows with the trunk
MESHES = [8, 4, 1]  # trial axes over eight devices


def by_trial(run: CohortRun) -> dict:
    return {row["trial"]: row for row in loss_rows(run, ORIGIN)}


def stopped(train, folder: Path, chunks: int, **settings) -> None:
    """Train until `chunks` chunks are read back, then stop as a signal would."""
    stop, seen = threading.Event(), []

    def count(run: CohortRun) -> None:
        seen.append(1)
        if len(seen) == chunks:
            stop.set()

    with pytest.raises(Partial, match="the same command continues"):
        train(*EIGHT, folder=folder, on_chunk=count, stop=stop, **settings)


@pytest.fixture(scope="module")
def together(train) -> CohortRun:
    """All of them on one device, row after row."""
    return train(*EIGHT)


@pytest.fixture(scope="module")
def on_mesh(train):
    """Final losses on eight devices, by the trial axis of the mesh; each trained once."""
    found: dict[int, dict[str, float]] = {}

    def get(trial: int) -> dict[str, float]:
        if trial not in found:
            found[trial] = losses(train(*EIGHT, devices=8, trial_devices=trial))
        return found[trial]

    return get


# Alone and together


@pytest.mark.parametrize("trial", ALONE[:2], ids=["a", "b"])
def test_map_equals_training_it_alone_bit_by_bit(train, together, trial):
    assert losses(train(trial)) == {trial.id: losses(together)[trial.id]}


@pytest.mark.parametrize("branch", BRANCHES, ids=["short", "long"])
def test_trunk_and_branch_equal_the_run_in_one_piece_bit_by_bit(train, together, branch):
    alone = make_trial(steps=branch.steps, cooldown=branch.cooldown)
    assert alone.trunk is None
    assert alone.id == branch.id
    assert losses(train(alone)) == {branch.id: losses(together)[branch.id]}


@pytest.mark.slow
def test_vmap_equals_map_closely(train, together):
    vmapped = train(*EIGHT, mode="vmap")
    assert vmapped.mode == "vmap"
    assert losses(vmapped) == pytest.approx(losses(together), rel=0, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("trial", MESHES)
def test_a_mesh_does_not_change_losses(on_mesh, together, trial):
    assert losses(together) == pytest.approx(on_mesh(trial), rel=0, abs=1e-5)


def test_horizons_end_exactly(together):
    rows = by_trial(together)
    for trial in EIGHT:
        row = rows[trial.id]
        assert (row["status"], row["steps"], row["tokens"]) == ("done", trial.steps, trial.steps * 128)
        points = [p for p in together.cursor.curves if p["trial"] == trial.id]
        assert points[-1]["step"] == trial.steps
        assert points[-1]["loss"] == row["loss"]


def test_it_learns(together):
    """Every trial is below the uniform guess, which is where a model of 64 symbols starts."""
    assert all(loss < math.log(64) for loss in losses(together).values())


def test_the_log_tells_the_story(together):
    events = Log(together.settings.folder / "log.jsonl").events()
    (begun,) = [event for event in events if "begun" in event]
    assert begun["begun"] == 1
    compiled = [event["compiled"] for event in events if "compiled" in event]
    assert compiled == ["training", "validation", "batches", "branching", "first weights"]
    assert events.index(begun) == 2 * len(compiled)  # nothing is compiled later
    assert begun["left"] == together.cohort.flops
    left = [event["left"] for event in events if "chunk" in event and "left" in event]
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0
    last = {}
    for event in events:
        last |= event.get("rows", {})
    assert last == {row.key: row.end for row in together.rows}
    assert sum(e.get("steps", 0) for e in events) == sum(row.end - row.start for row in together.rows)


# Stopped and continued


@pytest.mark.slow
@pytest.mark.parametrize(("trial", "chunks"), [(8, 1), (8, 3), (4, 2), (1, 2)])
def test_resume_equals_uninterrupted(train, on_mesh, tmp_path, trial, chunks):
    stopped(train, tmp_path, chunks, devices=8, trial_devices=trial)
    again = train(*EIGHT, folder=tmp_path, devices=8, trial_devices=trial)
    assert losses(again) == on_mesh(trial)
    assert again.cursor.attempts == 2
    steps = sum(e.get("steps", 0) for e in again.log.events())
    assert steps == sum(row.end - row.start for row in again.rows)  # nothing was trained twice


@pytest.mark.slow
@pytest.mark.parametrize(("first", "then"), [(8, 1), (1, 4), (4, 8)])
def test_resume_on_another_mesh(train, on_mesh, tmp_path, first, then):
    stopped(train, tmp_path, 2, devices=8, trial_devices=first)
    again = train(*EIGHT, folder=tmp_path, devices=8, trial_devices=then)
    assert losses(again) == pytest.approx(on_mesh(then), rel=0, abs=1e-5)


def test_resume_twice_on_one_device(train, together, tmp_path):
    stopped(train, tmp_path, 2)
    stopped(train, tmp_path, 1)
    again = train(*EIGHT, folder=tmp_path)
    assert losses(again) == losses(together)
    assert by_trial(again)[EIGHT[0].id]["attempts"] == 3
    assert again.cursor.curves == together.cursor.curves


def test_what_ran_out_of_memory_on_this_mesh_is_not_tried_again(data, tmp_path):
    """A gang ends where one process runs out: the next command begins with the choice that comes then."""
    settings = Settings(tmp_path, mode="map", steps=8)
    first = CohortRun(cohort_of(ALONE[0]), jax.devices()[:1], 1, data, settings)
    first.log.write(**first.out_of_memory())
    again = CohortRun(cohort_of(ALONE[0]), jax.devices()[:1], 1, data, settings)
    again.compile()
    assert first.machine.execution.remat == "none"
    assert again.machine.execution.remat == "dots"
    other = CohortRun(cohort_of(ALONE[0]), jax.devices()[:2], 2, data, settings)
    assert other.ran_out() is None


def test_saves_by_the_clock(train, together, tmp_path):
    run = train(*EIGHT, folder=tmp_path, checkpoint_minutes=1e-9, keep=1)
    assert run.log.count("saved") >= 3
    assert len([p for p in (tmp_path / "checkpoints").iterdir() if p.is_dir()]) == 1
    assert losses(run) == losses(together)


def test_a_corrupt_newest_checkpoint_costs_one_interval(train, together, tmp_path):
    stopped(train, tmp_path, 1)
    stopped(train, tmp_path, 1)
    older, newest = sorted(
        (p.name for p in (tmp_path / "checkpoints").iterdir()), key=lambda name: int(name.partition("-")[0])
    )
    shutil.rmtree(tmp_path / "checkpoints" / str(newest) / "state")
    again = train(*EIGHT, folder=tmp_path)
    assert losses(again) == losses(together)
    (warning,) = [e["warning"] for e in again.log.events() if "warning" in e]
    assert f"checkpoint {newest}" in warning
    assert [e["chunk"] for e in again.log.events() if "begun" in e][-1] == int(older)


def test_a_resume_never_holds_a_second_state(train, together, tmp_path, monkeypatch):
    stopped(train, tmp_path, 1)
    monkeypatch.setattr(Machine, "init", None)
    assert losses(train(*EIGHT, folder=tmp_path)) == losses(together)


def test_every_validation_window_counts_whatever_the_mesh_and_the_memory(train, data, tmp_path):
    def loss(name: str, devices: int, micro_batches: int) -> float:
        settings = Settings(tmp_path / name, 4, steps=8, mode="map", memory=Memory("none", micro_batches))
        few = data[0], data[1][:7]  # fewer than a batch, and than eight devices
        run = CohortRun(cohort_of(make_trial()), jax.devices()[:devices], 1, few, settings)
        run.run(threading.Event())
        return next(iter(losses(run).values()))

    expected = loss("alone", 1, 1)
    assert loss("parts", 1, 2) == pytest.approx(expected, rel=1e-5)
    assert loss("mesh", 8, 1) == pytest.approx(expected, rel=1e-5)


def test_a_lost_checkpoint_never_starts_from_zero(train, tmp_path):
    stopped(train, tmp_path, 1)
    shutil.rmtree(tmp_path / "checkpoints")
    with pytest.raises(Refusal) as refusal:
        train(*EIGHT, folder=tmp_path)
    assert refusal.value.code == "checkpoint_missing"


def test_a_save_that_never_reached_the_disk_is_not_claimed(train, together, tmp_path, monkeypatch):
    """Killed, or out of room, while the first save was under way: the same command starts again and does not refuse."""

    def full(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", lambda *_: None)
        patch.setattr(Checkpoints, "wait", full)
        with pytest.raises(OSError, match="No space left"):
            train(*EIGHT, folder=tmp_path, checkpoint_minutes=1e-9)
    assert not Log(tmp_path / "log.jsonl").has("saved")
    assert losses(train(*EIGHT, folder=tmp_path)) == losses(together)


def test_stopped_before_its_first_chunk(train, together, tmp_path):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Partial):
        train(*EIGHT, folder=tmp_path, stop=stop)
    assert losses(train(*EIGHT, folder=tmp_path)) == losses(together)


def slow_from(number: int, begun: threading.Event, release: threading.Event):
    """A compiler whose compile `number` and those after it last until `release`."""
    real, count = effort.compile, itertools.count(1)

    def compile(*args, **kwargs):
        if next(count) >= number:
            begun.set()
            assert release.wait(60)
        return real(*args, **kwargs)

    return compile


@pytest.mark.parametrize("number", [1, 2], ids=["training", "validation"])
def test_a_stop_does_not_wait_for_a_compiler(train, together, tmp_path, monkeypatch, number):
    begun, release, stop = threading.Event(), threading.Event(), threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(effort, "compile", slow_from(number, begun, release))
        threading.Thread(target=lambda: begun.wait(60) and stop.set()).start()
        with pytest.raises(Partial, match="the same command continues"):
            train(*EIGHT, folder=tmp_path, stop=stop)
    assert not release.is_set()
    release.set()
    assert "stopped" in Log(tmp_path / "log.jsonl").events()[-1]
    assert losses(train(*EIGHT, folder=tmp_path)) == losses(together)


def test_a_stop_while_a_later_program_is_compiled_saves_what_is_trained(train, tmp_path, monkeypatch):
    """With vmap a smaller program is compiled when rows have ended: the chunks before it are kept."""
    trials = [make_trial(steps=n, seed=n) for n in (8, 16, 16, 24)]
    expected = losses(train(*trials, mode="vmap"))
    begun, release, stop = threading.Event(), threading.Event(), threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(effort, "compile", slow_from(4, begun, release))
        threading.Thread(target=lambda: begun.wait(60) and stop.set()).start()
        with pytest.raises(Partial):
            train(*trials, folder=tmp_path, stop=stop, mode="vmap")
    release.set()
    before = [event for event in Log(tmp_path / "log.jsonl").events() if "steps" in event]
    assert before
    again = train(*trials, folder=tmp_path, mode="vmap")
    assert losses(again) == expected
    assert sum(event.get("steps", 0) for event in again.log.events()) == sum(trial.steps for trial in trials)


# Broken


HOT = 3e38  # a learning rate that float32 still holds and no model survives


def test_a_diverging_trial_leaves_its_neighbours_alone(train, together):
    hot = make_trial(steps=20, seed=2, lr=HOT, weight_decay=0.0)
    run = train(*BRANCHES, ALONE[0], hot, *ALONE[2:])
    rows = by_trial(run)
    assert rows[hot.id]["status"] == "diverged"
    assert rows[hot.id]["loss"] is None
    assert "non-finite loss or gradient at step" in rows[hot.id]["reason"]
    assert rows[hot.id]["steps"] < hot.steps
    expected = losses(together)
    assert losses(run) == {t.id: expected[t.id] for t in [*BRANCHES, ALONE[0], *ALONE[2:]]}


def test_a_diverged_trunk_takes_its_branches_with_it(train, together):
    hot = [make_trial(steps=n, cooldown=n // 5, lr=HOT, trunk=True) for n in (20, 30)]
    run = train(*hot, *ALONE)
    rows = by_trial(run)
    for trial in hot:
        assert rows[trial.id]["status"] == "diverged"
        assert rows[trial.id]["loss"] is None
        assert "trunk diverged at step" in rows[trial.id]["reason"]
    assert run.left == 0  # nothing is waited for
    expected = losses(together)
    assert losses(run) == {t.id: expected[t.id] for t in ALONE}


def test_a_diverged_trial_stays_so_after_a_resume(train, tmp_path):
    trials = [make_trial(steps=20, seed=2, lr=HOT, weight_decay=0.0), *ALONE[:1], *ALONE[2:], *BRANCHES]
    stop = threading.Event()
    with pytest.raises(Partial):
        train(*trials, folder=tmp_path, stop=stop, on_chunk=lambda run: stop.set())
    rows = by_trial(train(*trials, folder=tmp_path))
    assert sorted(row["status"] for row in rows.values()) == ["diverged"] + ["done"] * 6


# Small parts


def test_padding():
    assert pad_to(np.array([3, 1]), 4, 9).tolist() == [3, 1, 9, 9]
    assert pad_to(np.array([True]), 2, 0).dtype == bool
