"""The plan of chunks as a pure function: no device, no clock."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.train.cursor import Cursor, Work, absorb, next_work
from sweep.train.program import Report, Validation
from sweep.train.rows import Row, rows_of
from tests.train.tiny import cohort_of, make_trial


class Device:
    """Trains perfectly, but for rows planned to break: `breaks` maps a row to the update that is not finite."""

    def __init__(self, breaks: dict[int, int]):
        self.breaks, self.broken = breaks, {}

    def run(self, work: Work) -> tuple[Report, Validation]:
        n, steps = len(work.active), int(max(work.end - work.start))
        if work.source is not None:  # copies carry the mark of a broken row with them
            self.broken |= {r: self.broken[s] for r, s in enumerate(work.source) if s in self.broken}
        for r in work.active:
            if r not in self.broken and work.start[r] <= self.breaks.get(r, -1) < work.end[r]:
                self.broken[r] = self.breaks[r]
        reached = np.array([self.broken.get(r, work.end[r]) for r in work.active], np.int32)
        losses = np.full((steps, n), np.nan, np.float32)
        for i, r in enumerate(work.active):
            losses[: max(0, reached[i] - work.start[r]), i] = 1.0
        val = np.where(work.wanted[work.active], 2.0 + work.active, np.nan).astype(np.float32)
        diverged = np.array([r in self.broken for r in work.active])
        return Report(losses, reached, diverged), Validation(val, val / 10)


def play(rows: list[Row], *, steps=7, at_once=99, curve_points=4, breaks=None):
    """Every chunk to the end, each read back only after the next was planned, as the trainer does."""
    cursor, works, pending, device = Cursor.start(rows), [], None, Device(breaks or {})
    while True:
        work = next_work(rows, cursor, steps=steps, at_once=at_once, curve_points=curve_points)
        if work is None and pending is None:
            return cursor, works
        works += [work] if work else []
        sent = (work, *device.run(work)) if work else None
        if pending is not None:
            absorb(rows, cursor, *pending, 1.0)
        pending = sent


def steps_trained(works, r: int) -> list[int]:
    """Every update number that row `r` was asked for, in order."""
    return [s for w in works if r in w.active for s in range(w.start[r], w.end[r])]


TREE = rows_of(
    cohort_of(*(make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30, 50)), make_trial(seed=9, steps=60))
)


@pytest.mark.parametrize("steps", [1, 3, 7, 100])
@pytest.mark.parametrize("at_once", [1, 2, 99])
def test_every_row_trains_each_of_its_steps_once(steps, at_once):
    cursor, works = play(TREE, steps=steps, at_once=at_once)
    for r, row in enumerate(TREE):
        assert steps_trained(works, r) == list(range(row.start, row.end))
        assert cursor.step[r] == row.end
        assert cursor.timed[r] == row.end - row.start
    assert cursor.finished(TREE)
    assert set(cursor.results) == {row.key for row in TREE if row.trial}
    assert all(len(w.active) <= at_once and (w.end - w.start).max() <= steps for w in works)
    assert cursor.chunks == len(works)


def test_no_chunk_crosses_a_stop():
    _, works = play(TREE, steps=100)
    trunk = [(int(w.start[0]), int(w.end[0])) for w in works if 0 in w.active]
    assert trunk == [(0, 16), (16, 24), (24, 40)]
    for work in works:
        assert (work.end <= work.until).all()


def test_a_branch_is_copied_once_and_exactly_where_it_leaves():
    _, works = play(TREE)
    copies = {r: [w for w in works if w.source is not None and w.source[r] != r] for r in range(len(TREE))}
    for r, row in enumerate(TREE):
        if row.source is None:
            assert not copies[r]
            continue
        (work,) = copies[r]
        assert work.source[r] == row.source
        assert work.start[r] == work.start[row.source] == row.start
        assert all(w.start[r] >= row.start for w in works if r in w.active)


def test_rows_that_do_not_run_stand_still():
    _, works = play(TREE, at_once=2)
    for work in works:
        idle = np.setdiff1d(np.arange(len(TREE)), work.active)
        assert (work.end[idle] == work.start[idle]).all()
        assert not work.wanted[idle].any()


def test_trunks_go_first():
    rows = rows_of(cohort_of(make_trial(steps=500, seed=9), *(make_trial(steps=n, trunk=True) for n in (20, 30))))
    cursor = Cursor.start(rows)
    work = next_work(rows, cursor, steps=5, at_once=1, curve_points=4)
    assert work is not None
    assert rows[work.active[0]].trial is None


def test_validation_is_asked_at_the_horizon_and_along_the_way():
    rows = rows_of(cohort_of(make_trial(steps=40)))
    for points, expected in [(1, [40]), (4, [10, 20, 30, 40]), (3, [15, 30, 40])]:
        _, works = play(rows, steps=5, curve_points=points)
        assert [int(w.end[0]) for w in works if w.wanted[0]] == expected


def test_curves_and_results_hold_what_was_reported():
    cursor, _ = play(TREE)
    for r, row in enumerate(TREE):
        own = [p for p in cursor.curves if p["trial"] == row.key]
        assert [p["step"] for p in own] == sorted({p["step"] for p in own})
        assert own[-1]["step"] == row.end
        assert all(p["train_loss"] == 1.0 and p["loss"] in (None, 2.0 + r) for p in own)
        if row.trial:
            assert cursor.results[row.key] == {
                "loss": 2.0 + r,
                "loss_se": pytest.approx((2 + r) / 10),
                "train_loss": 1.0,
            }


def test_time_is_shared_out_by_steps():
    cursor, works = play(TREE)
    assert sum(cursor.wall_s) == pytest.approx(len(works))
    alone = [w for w in works if len(w.active) == 1]
    assert cursor.wall_s[int(alone[-1].active[0])] >= 1.0


def test_a_broken_row_ends_and_hurts_no_other():
    cursor, works = play(TREE, breaks={4: 9})
    assert cursor.diverged == [-1, -1, -1, -1, 9]
    assert (cursor.step[4], cursor.timed[4]) == (9, 9)
    assert set(cursor.results) == {row.key for row in TREE[1:4]}
    assert steps_trained(works, 4) == list(range(21))  # the chunk that was in flight when it was seen, and no more
    for r in (1, 2, 3):
        assert steps_trained(works, r) == list(range(TREE[r].start, TREE[r].end))


@pytest.mark.parametrize("steps", [2, 7, 8, 100])
def test_branches_of_a_broken_trunk_have_no_result(steps):
    """Whether it breaks well before a branch leaves, or in the chunk that takes it there, which the host plans past."""
    cursor, _ = play(TREE, breaks={0: 20}, steps=steps)
    assert cursor.diverged[0] == 20
    assert set(cursor.results) == {TREE[1].key, TREE[4].key}
    assert all(not cursor.forked[r] or cursor.diverged[r] == 20 for r in (2, 3))
    assert cursor.finished(TREE)


def test_the_cursor_travels_as_json():
    cursor, _ = play(TREE)
    assert Cursor.load(json.loads(json.dumps(cursor.as_dict()))) == cursor


def test_the_progress_of_other_rows_is_known():
    """A checkpoint of old has no keys, and all trunks before all trials."""
    trees = rows_of(cohort_of(*(make_trial(steps=n, lr=lr, trunk=True) for n in (20, 30) for lr in (0.01, 0.02))))
    alone = [make_trial(steps=20, seed=3), make_trial(steps=40, seed=4)]
    for rows, before in ((trees, False), (TREE, True), (rows_of(cohort_of(*alone)), True)):
        now = Cursor.start(rows)
        assert now.of(rows)
        assert not now.of(rows[::-1])
        old = {name: value for name, value in now.as_dict().items() if name != "keys"}
        assert Cursor.load(old).of(rows) == before


def test_any_chunk_may_be_the_last_before_a_stop():
    """Stopped after any number of chunks and continued from the JSON, the same steps are trained."""
    _, whole = play(TREE, steps=6)
    for cut in range(1, len(whole)):
        cursor, works = Cursor.start(TREE), []
        while (work := next_work(TREE, cursor, steps=6, at_once=99, curve_points=4)) is not None:
            works.append(work)
            absorb(TREE, cursor, work, *Device({}).run(work), 1.0)
            if len(works) == cut:
                cursor = Cursor.load(json.loads(json.dumps(cursor.as_dict())))
        for r, row in enumerate(TREE):
            assert steps_trained(works, r) == list(range(row.start, row.end))


@settings(max_examples=40, deadline=None)
@given(
    horizons=st.lists(st.integers(5, 60), min_size=1, max_size=5, unique=True),
    steps=st.integers(1, 70),
    at_once=st.integers(1, 6),
    points=st.integers(1, 12),
)
def test_any_tree_ends_exactly(horizons, steps, at_once, points):
    rows = rows_of(cohort_of(*(make_trial(steps=n, warmup=1, cooldown=1 + n // 5, trunk=True) for n in horizons)))
    cursor, works = play(rows, steps=steps, at_once=at_once, curve_points=points)
    assert cursor.finished(rows)
    assert len(cursor.results) == len(horizons)
    for r, row in enumerate(rows):
        assert steps_trained(works, r) == list(range(row.start, row.end))
