"""Trials to rows: which trunks are made, and where branches leave them."""

import numpy as np

from sweep.train.rows import FOREVER, hyper_of, rows_of
from tests.train.tiny import cohort_of, make_trial


def test_trials_without_a_trunk_are_rows_of_their_own():
    trials = [make_trial(steps=n, seed=n) for n in (20, 30)]
    rows = rows_of(cohort_of(*trials))
    assert [r.key for r in rows] == [t.id for t in trials]
    assert all(r.source is None and r.start == 0 for r in rows)
    assert [r.stops for r in rows] == [(t.steps,) for t in trials]


def test_a_shared_trunk_comes_first_and_stops_where_each_branch_leaves():
    short, middle, long = (make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30, 50))
    trunk, *branches = rows_of(cohort_of(long, short, middle))
    assert (trunk.trial, trunk.source, trunk.start, trunk.key) == (None, None, 0, short.trunk)
    assert trunk.stops == (16, 24, 40)
    assert trunk.end == 40
    assert [b.trial for b in branches] == [short, middle, long]
    assert [(b.source, b.start, b.stops) for b in branches] == [(0, 16, (20,)), (0, 24, (30,)), (0, 40, (50,))]


def test_two_branches_from_one_step_share_a_stop():
    a = make_trial(steps=20, cooldown=4, trunk=True)
    b = make_trial(steps=20, cooldown=4, cooldown_shape="linear", trunk=True)
    trunk, *branches = rows_of(cohort_of(a, b))
    assert trunk.stops == (16,)
    assert [b.start for b in branches] == [16, 16]


def test_a_trunk_for_one_is_not_made():
    lonely, (a, b) = make_trial(seed=1, trunk=True), (make_trial(steps=n, trunk=True) for n in (20, 40))
    rows = rows_of(cohort_of(lonely, a, b))
    assert len(rows) == 4
    alone = next(r for r in rows if r.trial == lonely)
    assert (alone.source, alone.start, alone.stops) == (None, 0, (20,))


def test_trunks_that_differ_are_kept_apart():
    rows = rows_of(cohort_of(*(make_trial(steps=n, lr=lr, trunk=True) for n in (20, 40) for lr in (0.01, 0.02))))
    assert [r.trial is None for r in rows] == [True, False, False, True, False, False]
    assert [r.source for r in rows] == [None, 0, 0, None, 3, 3]
    for row in rows:
        assert row.source is None or row.hyper.peak == rows[row.source].hyper.peak


def test_hyper_parameters_are_scalars_of_fixed_types():
    hyper = hyper_of(make_trial(schedule="cosine", cooldown_shape="linear", seed=3, data_seed=4))
    assert (hyper.seed, hyper.data_seed, hyper.schedule, hyper.cooldown_shape) == (3, 4, 1, 1)
    assert (hyper.horizon, hyper.warmup, hyper.cooldown) == (20, 4, 4)
    assert {np.asarray(getattr(hyper, n)).dtype.name for n in ("peak", "weight_decay", "beta1", "grad_clip")} == {
        "float32"
    }


def test_a_trunk_never_cools():
    trunk = rows_of(cohort_of(*(make_trial(steps=n, trunk=True) for n in (20, 40))))[0]
    assert (trunk.hyper.horizon, trunk.hyper.cooldown) == (FOREVER, 1)
