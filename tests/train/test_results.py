"""Verdicts and rows from a cursor, without training."""

import math
from types import SimpleNamespace

import pytest

from sweep.models import counting
from sweep.tables.schema import COLUMNS
from sweep.train.cohort import CohortRun
from sweep.train.cursor import Cursor
from sweep.train.program import Execution
from sweep.train.results import Origin, curve_rows, ended_rows, loss_rows, planned, verdict
from sweep.train.rows import rows_of
from tests.train.tiny import TINY, cohort_of, make_trial

TRIALS = [make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30)]
COHORT = cohort_of(*TRIALS)
ROWS = rows_of(COHORT)  # trunk, short, long
RESULT = {"loss": 2.0, "loss_se": 0.1, "train_loss": 1.9}


def run_of(cursor: Cursor) -> CohortRun:
    """A cohort's run as far as rows need one."""
    device = SimpleNamespace(device_kind="NVIDIA H200", platform="gpu")
    mesh = SimpleNamespace(devices=SimpleNamespace(flat=[device]), shape={"trial": 4, "data": 2}, size=8)
    run = object.__new__(CohortRun)
    machine = SimpleNamespace(execution=Execution("vmap", "dots", 2))
    run.__dict__.update(cohort=COHORT, rows=ROWS, cursor=cursor, machine=machine, mesh=mesh)
    return run


def cursor(**changes) -> Cursor:
    made = Cursor([24, 20, 30], [True] * 3, [-1] * 3, [1.0, 2.0, 3.0], [24, 4, 6], {t.id: RESULT for t in TRIALS}, [])
    return Cursor(**made.as_dict() | changes)


def row(made: Cursor, r: int = 1, bytes_per_token: float | None = 4.0) -> dict:
    return loss_rows(run_of(made), Origin("s", "1", 6400, bytes_per_token))[r - 1]


@pytest.mark.parametrize(
    ("changes", "result", "status", "reason"),
    [
        ({}, RESULT, "done", None),
        ({"diverged": [-1, 18, -1]}, {}, "diverged", "non-finite loss or gradient at step 18"),
        ({"diverged": [12, -1, -1], "forked": [True, False, False]}, {}, "diverged", "its trunk diverged at step 12"),
        ({"diverged": [12, 12, 12]}, {}, "diverged", "its trunk diverged at step 12"),
        ({"step": [24, 18, 24]}, {}, "partial", "stopped at step 18 of 20"),
        ({}, RESULT | {"loss": math.nan}, "diverged", "non-finite validation loss at the horizon"),
        ({}, RESULT | {"loss": math.inf}, "diverged", "non-finite validation loss at the horizon"),
    ],
)
def test_verdicts(changes, result, status, reason):
    found, why = verdict(cursor(**changes), ROWS, 1, result)
    assert found == status
    assert why is None if reason is None else (why or "").startswith(reason)


def test_a_finished_row():
    found = row(cursor())
    trial = TRIALS[0]
    assert set(found) <= set(COLUMNS)
    assert (found["trial"], found["status"], found["reason"]) == (trial.id, "done", None)
    assert (found["steps"], found["tokens"], found["epochs"]) == (20, 2560, 0.4)
    assert found["flops_exact"] == trial.flops_exact
    assert found["flops_6nd"] == 6 * counting.params(TINY).with_head * 2560
    assert (found["loss"], found["loss_se"], found["train_loss"]) == (2.0, 0.1, 1.9)
    assert found["bits_per_byte"] == pytest.approx(2.0 / math.log(2) / 4)
    assert (found["mode"], found["device"], found["mesh"], found["attempts"]) == ("vmap", "NVIDIA H200", "4x2", 1)
    assert found["trunk"] == trial.trunk


def test_speed_is_the_rows_own_steps_over_its_own_time():
    found = row(cursor(), 2)
    assert found["tokens_per_s"] == 6 * 128 / 3.0
    work = counting.train_flops_per_token(TINY) * 6 * 128 / 3.0
    assert found["mfu"] == pytest.approx(work / (989e12 * 8))


def test_a_failed_row_keeps_what_it_did_and_claims_no_loss():
    found = row(cursor(diverged=[-1, 18, -1], step=[24, 18, 30]))
    assert (found["status"], found["steps"], found["tokens"]) == ("diverged", 18, 18 * 128)
    assert found["flops_exact"] == counting.train_flops_per_token(TINY) * 18 * 128
    assert [found[k] for k in ("loss", "loss_se", "bits_per_byte")] == [None] * 3


def test_a_branch_that_never_started_has_no_speed():
    found = row(
        cursor(diverged=[12, -1, -1], forked=[True, False, False], step=[12, 0, 0], timed=[12, 0, 0], results={})
    )
    assert [found[k] for k in ("tokens_per_s", "mfu", "loss", "steps", "tokens")] == [None, None, None, 0, 0]
    assert "trunk" in found["reason"]


def test_one_validation_window_has_no_standard_error():
    result = {trial.id: RESULT | {"loss_se": math.nan} for trial in TRIALS}
    found = row(cursor(results=result))
    assert (found["status"], found["loss"], found["loss_se"]) == ("done", 2.0, None)


def test_a_branch_whose_trunk_still_trains_has_not_ended():
    """Rows are written while a cohort trains: those that wait are not taken for rows of a broken trunk."""
    made = cursor(forked=[True, True, False], step=[16, 20, 0], results={TRIALS[0].id: RESULT})
    ended = ended_rows(run_of(made), Origin("s", "1", 6400, 4.0))
    assert [(row["trial"], row["status"]) for row in ended] == [(TRIALS[0].id, "done")]


def test_unknown_bytes_give_no_bits():
    assert row(cursor(), bytes_per_token=None)["bits_per_byte"] is None


def test_the_plan_alone_fills_no_result():
    found = planned(TRIALS[0])
    assert set(found) <= set(COLUMNS)
    assert found["data"] == "test"
    assert not {"loss", "status", "wall_s"} & set(found)


def test_curve_points_carry_tokens_and_flops():
    point = {"trial": "k", "step": 10, "train_loss": 1.0, "loss": None}
    (found,) = curve_rows(run_of(cursor(curves=[point])))
    assert found == point | {"tokens": 1280, "flops_exact": counting.train_flops_per_token(TINY) * 1280}
