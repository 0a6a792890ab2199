"""Cohorts and what trunks save, counted by hand."""

import dataclasses

import pytest

from sweep.design.cohorts import cohorts, trunk_savings
from sweep.design.trial import Trial
from sweep.models import counting
from sweep.models.shape import Shape

SMALL = Shape(vocab=256, width=16, depth=1, heads=1, kv_heads=1, head_dim=16, ffn=44, seq_len=128, batch=8)
LARGE = dataclasses.replace(SMALL, width=32, heads=2, kv_heads=2, ffn=84)


def trial(shape: Shape, steps: int, cooldown: int = 0, trunk: str | None = None, seed: int = 0) -> Trial:
    return Trial(shape, steps, 0.01, 5, cooldown, "wsd", "sqrt", 0.1, 0.9, 0.95, 1.0, seed, 0, "d", trunk)


def test_trials_are_grouped_by_shape_the_most_work_first_and_the_shortest_horizon_first():
    trials = [trial(SMALL, 300), trial(LARGE, 900), trial(SMALL, 100), trial(LARGE, 800), trial(SMALL, 200)]
    large, small = cohorts(trials)
    assert (large.shape, small.shape) == (LARGE, SMALL)
    assert [t.steps for t in small.trials] == [100, 200, 300]
    assert [t.steps for t in large.trials] == [800, 900]
    assert cohorts([]) == []


def test_another_batch_or_dtype_is_another_program():
    shapes = [SMALL, dataclasses.replace(SMALL, batch=16), dataclasses.replace(SMALL, dtype="bfloat16")]
    assert len(cohorts(trial(s, 100) for s in shapes)) == 3


def test_the_hash_knows_the_trials_and_not_their_order():
    a, b, c = trial(SMALL, 100), trial(SMALL, 200), trial(SMALL, 300)
    assert cohorts([a, b])[0].hash == cohorts([b, a])[0].hash
    assert cohorts([a, b])[0].hash != cohorts([a, c])[0].hash


def test_savings_of_two_branches_on_one_trunk():
    step = SMALL.batch_tokens * counting.train_flops_per_token(SMALL)
    saved = trunk_savings([trial(SMALL, 100, 20, "k"), trial(SMALL, 300, 60, "k")])
    assert saved.apart == pytest.approx(400 * step)
    assert saved.shared == pytest.approx((240 + 20 + 60) * step)
    assert saved.fraction == pytest.approx(0.2)
    (cohort,) = cohorts([trial(SMALL, 100, 20, "k"), trial(SMALL, 300, 60, "k")])
    assert cohort.flops == saved.shared


def test_no_savings_between_trunks_alone_or_for_one_branch():
    trials = [trial(SMALL, 100, 20, "a"), trial(SMALL, 300, 60, "b", seed=1), trial(LARGE, 100, 20)]
    assert trunk_savings(trials).fraction == pytest.approx(0, abs=1e-12)
