"""Families: budgets met, both sides covered, identities that last, and designs that cannot answer refused."""

import dataclasses
import subprocess
import sys

import pytest

from sweep import config
from sweep.config import Architecture, Data, Prior, Recipe, Sweep
from sweep.design import families
from sweep.errors import InputError, Refusal

PILOT = Prior(E=0.8, A=5.02, B=15.3, alpha=0.22, beta=0.20, noise=0.01, source="pilot")
SWEEP = Sweep(name="t", budgets=(3e10, 1e11), recipe=Recipe(aspect=32.0), prior=PILOT)
SHIPPED = {"smoke": (256, "cpu"), "laptop": (256, "cpu"), "gpu": (8192, "gpu"), "pod": (32_768, "tpu")}


def plan(sweep: Sweep = SWEEP, **changes) -> families.Plan:
    unique_tokens = changes.pop("unique_tokens", 10**15)
    return families.plan(
        dataclasses.replace(sweep, **changes), vocab=256, data="d", unique_tokens=unique_tokens, platform="cpu"
    )


def ids(made: families.Plan) -> list[str]:
    return [t.id for t in made.trials]


# What a family is


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_configs_meet_their_budgets_on_both_sides(name):
    vocab, platform = SHIPPED[name]
    sweep = config.load(f"configs/{name}.py")
    made = families.plan(sweep, vocab=vocab, data="d", unique_tokens=10**15, platform=platform)
    for family in made.families:
        assert all(abs(t.flops_exact / family.budget - 1) <= 0.01 for t in family.trials)
        assert family.sizes[0] < family.optimum < family.sizes[-1]
        assert 3 <= len(family.sizes) <= sweep.sizes
        assert not family.notes
        reach = sweep.span * sweep.span ** (1 / (sweep.sizes - 1)) * 1.001
        assert family.optimum / reach <= family.sizes[0]
        assert family.sizes[-1] <= family.optimum * reach
    assert len(made.trials) >= 6
    assert len(set(ids(made))) == len(made.trials)


def test_the_demo_has_three_budgets_of_five_sizes():
    made = families.plan(config.load("configs/laptop.py"), vocab=256, data="d", unique_tokens=10**9, platform="cpu")
    assert [len(f.sizes) >= 5 for f in made.families] == [True] * 3


def test_budgets_by_6nd():
    for family in plan(flops="6nd").families:
        assert all(t.flops_6nd == pytest.approx(family.budget, rel=0.01) for t in family.trials)


def test_families_share_shapes():
    first, second = ({t.shape for t in f.trials} for f in plan().families)
    assert len(first & second) >= 4


def test_bracket_and_seeds_multiply_the_trials():
    made = plan(lr_bracket=(0.5, 1.0, 2.0), seeds=(0, 1))
    assert len(made.trials) == 6 * len(plan().trials)
    cell = [t for t in made.families[0].trials if t.shape == made.families[0].trials[0].shape]
    base = plan().families[0].trials[0].lr
    assert sorted({t.lr for t in cell}) == pytest.approx([0.5 * base, base, 2 * base])
    assert {t.seed for t in cell} == {0, 1}
    assert set(ids(plan())) <= set(ids(made))


def test_schedules_without_a_cooldown_have_none():
    assert {t.cooldown for t in plan(schedule="cosine", trunk=False).trials} == {0}


# Trunks


def test_trials_of_a_shape_share_a_trunk_and_all_but_the_horizon():
    made = plan()
    for trial in made.trials:
        same = [t for t in made.trials if t.shape == trial.shape]
        assert {t.trunk for t in same} == {trial.trunk}
        assert trial.trunk is not None
        assert {(t.warmup, t.lr) for t in same} == {(trial.warmup, trial.lr)}
        shortest = min(t.steps for t in same)
        assert trial.warmup == round(0.05 * shortest)


def test_bracket_and_seeds_have_trunks_of_their_own():
    made = plan(lr_bracket=(0.5, 1.0), seeds=(0, 1))
    shapes = {t.shape for t in made.trials}
    assert len({t.trunk for t in made.trials}) == 4 * len(shapes)


def test_without_trunks_each_horizon_warms_up_on_its_own():
    for trial in plan(trunk=False).trials:
        assert trial.trunk is None
        assert trial.warmup == round(0.05 * trial.steps)


# Identity


def test_ids_are_the_same_twice_and_in_another_process():
    code = f"import runpy; m = runpy.run_path({__file__!r}); print(' '.join(m['ids'](m['plan']())))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert ids(plan()) == ids(plan()) == other


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": Recipe(aspect=32.0, lr=0.02)},
        {"recipe": Recipe(aspect=32.0, weight_decay=0.0)},
        {"data_seed": 1},
        {"seeds": (5,)},
    ],
)
def test_what_decides_the_result_decides_the_id(changes):
    assert not set(ids(plan())) & set(ids(plan(**changes)))


@pytest.mark.parametrize("changes", [{"name": "other"}, {"tensorboard": True}, {"curve_points": 3}])
def test_what_does_not_decide_the_result_keeps_the_id(changes):
    assert ids(plan()) == ids(plan(**changes))


def test_other_data_is_another_trial():
    other = families.plan(SWEEP, vocab=256, data="e", unique_tokens=10**15, platform="cpu")
    assert not set(ids(plan())) & set(ids(other))


def test_a_larger_budget_keeps_every_trial_with_and_without_trunks():
    for trunk in (True, False):
        before, after = plan(trunk=trunk), plan(trunk=trunk, budgets=(3e10, 1e11, 3e11))
        assert set(ids(before)) < set(ids(after))


def test_a_smaller_budget_keeps_every_trial_only_without_trunks():
    before, after = plan(trunk=False), plan(trunk=False, budgets=(2e10, 3e10, 1e11))
    assert set(ids(before)) < set(ids(after))
    before, after = plan(), plan(budgets=(2e10, 3e10, 1e11))
    assert set(ids(before)) - set(ids(after))  # the shared warm-up is shorter now, and so is another training


# Refusals


def test_horizons_that_are_too_short_are_dropped_with_the_reason():
    made = plan(min_steps=400)
    assert all(t.steps >= 400 for t in made.trials)
    assert "302 steps, fewer than min_steps 400" in made.families[0].dropped[0]
    assert not made.families[1].dropped


def test_a_dropped_horizon_does_not_set_the_warmup():
    strict, loose = plan(min_steps=400), plan()
    width = loose.families[0].trials[-1].shape.width
    warmup = {
        name: [t.warmup for t in p.families[1].trials if t.shape.width == width]
        for name, p in {"strict": strict, "loose": loose}.items()
    }
    assert warmup["strict"][0] > warmup["loose"][0]


def test_a_family_that_drops_shorten_to_one_side_is_refused_with_the_budget_the_reason_and_the_cure():
    with pytest.raises(Refusal, match=r"budget 3e\+10 has 0 sizes above .*fewer than min_steps.*batch_tokens") as e:
        plan(min_steps=900)
    assert e.value.code == "one_sided"


def test_a_prior_whose_optimum_cannot_be_built_is_refused():
    with pytest.raises(Refusal, match=r"budget 1e\+08 has 0 sizes below the expected optimum of .*prior") as e:
        plan(budgets=(1e8, 1e11))
    assert e.value.code == "one_sided"


def test_a_family_of_two_sizes_is_refused():
    with pytest.raises(Refusal, match="only 2 sizes around"):
        plan(sizes=3, recipe=Recipe(width_step=16), budgets=(4e11,), span=1.8)


def test_a_ramp_that_eats_the_run_is_refused():
    with pytest.raises(Refusal, match=r"warm-up \d+ and cooldown \d+ take 80% of \d+ steps, more than 60%"):
        plan(recipe=Recipe(aspect=32.0, warmup=0.4, cooldown=0.4), trunk=False)


def test_whole_steps_that_miss_the_budget_are_noted():
    made = plan(min_steps=1, recipe=Recipe(aspect=32.0, batch_tokens=65_536), budgets=(1e11,), trunk=False)
    (family,) = made.families
    missed = [t for t in family.trials if abs(t.flops_exact / 1e11 - 1) > 0.01]
    assert missed
    assert len(family.notes) == len(missed)
    assert "whole steps miss the budget" in family.notes[0]


def test_too_few_unique_tokens_are_refused_with_the_epochs():
    longest = max(t.tokens for t in plan().trials)
    with pytest.raises(Refusal, match=rf"{longest:,} tokens of 1,000,000 unique: {longest / 1e6:.1f} epochs") as e:
        plan(unique_tokens=1_000_000)
    assert e.value.code == "repeats_data"
    allowed = plan(unique_tokens=1_000_000, data=Data(allow_repeat=True))
    assert allowed.epochs == pytest.approx(longest / 1e6)
    assert plan(unique_tokens=longest).epochs == 1


def test_budgets_that_ask_for_the_same_steps_are_the_users_mistake():
    with pytest.raises(InputError, match=r"budgets 1e\+11 and 1\.0001e\+11 ask for the same"):
        plan(budgets=(1e11, 1.0001e11), trunk=False)


# One larger run


def single(sweep: Sweep = SWEEP, params=20_000.0, budget=1e12, unique_tokens=10**15):
    return families.single_trial(
        sweep, params, budget, vocab=256, data="d", unique_tokens=unique_tokens, platform="cpu"
    )


def test_a_single_trial_is_the_nearest_model_on_the_whole_budget_in_one_piece():
    trial = single()
    assert trial.flops_exact == pytest.approx(1e12, rel=0.01)
    assert trial.params.with_head == pytest.approx(20_000, rel=0.15)
    assert trial.trunk is None
    assert trial.schedule == "wsd"
    assert trial.warmup == round(0.05 * trial.steps)


def test_a_single_trial_equals_the_planned_one_without_a_trunk():
    for trial in plan(trunk=False).trials:
        alone = single(params=float(trial.params.with_head), budget=trial.budget)
        assert alone.id == trial.id


def test_a_single_trial_that_cannot_be_trained_is_refused():
    with pytest.raises(Refusal, match="fewer than min_steps") as e:
        single(budget=1e9)
    assert e.value.code == "too_short"
    with pytest.raises(Refusal, match="epochs"):
        single(unique_tokens=10)


# Sizes that are decided on


def test_named_sizes_are_trained_at_each_budget_and_nothing_else():
    made = plan(params=(30_000.0, 9_000.0))
    for family in made.families:
        assert family.sizes == pytest.approx([9_000, 30_000], rel=0.2)
        assert all(abs(t.flops_exact / family.budget - 1) <= 0.01 for t in family.trials)
    one = plan(params=(1000.0,), budgets=(1e11,))  # far from the optimum: a model decided on needs no other side
    assert len(one.trials) == 1


def test_a_named_size_that_is_too_large_for_its_budget_is_refused():
    with pytest.raises(Refusal, match="raise the budget") as refusal:
        plan(params=(1e7,), budgets=(3e10,))
    assert refusal.value.code == "too_short"


def test_a_named_size_must_be_positive():
    with pytest.raises(InputError, match="params is"):
        dataclasses.replace(SWEEP, params=(0.0,))


@pytest.mark.parametrize(
    ("chosen", "platform", "why"),
    [
        ("splash", "cpu", "splash runs on a TPU, not on a CPU"),
        ("cudnn", "tpu", "cudnn runs on a GPU"),
        ("splash", "tpu", "head_dim 64 or a multiple of 128, not"),
    ],
)
def test_an_attention_that_cannot_run_is_refused(chosen, platform, why):
    asked = dataclasses.replace(SWEEP, architecture=Architecture(attention=chosen))
    with pytest.raises(InputError, match=why):
        families.plan(asked, vocab=256, data="d", unique_tokens=10**15, platform=platform)


def test_steps_beyond_what_is_counted_are_refused():
    with pytest.raises(Refusal, match=r"more than the 1\.07e\+09 that are counted"):
        plan(params=(1e5,), budgets=(1e22,))
