"""A trial's numbers and identity."""

import dataclasses

from sweep.design.trial import Trial, plain, trunk_key
from sweep.models.shape import Shape

SHAPE = Shape(vocab=256, width=16, depth=2, heads=1, kv_heads=1, head_dim=16, ffn=44, seq_len=128, batch=8)
TRIAL = Trial(SHAPE, 500, 0.01, 25, 100, "wsd", "sqrt", 0.1, 0.9, 0.95, 1.0, 0, 0, "d", budget=1e10)


def test_tokens_flops_and_the_step_a_branch_starts():
    assert TRIAL.tokens == 500 * 8 * 128
    assert TRIAL.flops_6nd == 6 * TRIAL.params.with_head * TRIAL.tokens
    assert TRIAL.branch_step == 400


def test_the_family_and_the_trunk_are_not_in_the_identity_and_all_else_is():
    assert dataclasses.replace(TRIAL, budget=2e10, trunk="k").id == TRIAL.id
    other = {"steps": 501, "lr": 0.02, "warmup": 26, "seed": 1, "data": "e", "cooldown_shape": "linear"}
    changed = {dataclasses.replace(TRIAL, **{name: value}).id for name, value in other.items()}
    assert len(changed | {TRIAL.id}) == len(other) + 1


def test_a_trunk_is_shared_over_horizons_and_nothing_else():
    longer = dataclasses.replace(TRIAL, steps=5000, cooldown=1000, budget=1e11)
    assert trunk_key(longer) == trunk_key(TRIAL)
    assert trunk_key(dataclasses.replace(TRIAL, warmup=26)) != trunk_key(TRIAL)
    assert trunk_key(dataclasses.replace(TRIAL, seed=1)) != trunk_key(TRIAL)


def test_the_plain_fields_are_those_of_the_dataclass_and_the_identity_is_that_of_earlier_tables():
    assert plain(TRIAL) == dataclasses.asdict(TRIAL)
    assert TRIAL.id == "9ec1f4692b18"
