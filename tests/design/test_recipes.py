"""From a width to a model: parts that fit together for every width, and the rules as written."""

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.config import Architecture, Recipe, Sweep, load
from sweep.design import families, recipes
from sweep.models import counting


def sweep(recipe: Recipe | None = None, **architecture) -> Sweep:
    return Sweep(name="t", budgets=(1e12,), recipe=recipe or Recipe(), architecture=Architecture(**architecture))


@settings(max_examples=200, deadline=None)
@given(
    rung=st.integers(1, 300),
    head_dim=st.integers(2, 128),
    queries=st.integers(1, 8),
    least=st.integers(1, 6),
    multiple=st.floats(0.5, 6),
)
def test_every_width_gives_a_model_whose_heads_fill_it(rung, head_dim, queries, least, multiple):
    width = 2 * queries * rung
    recipe = Recipe(width_step=2 * queries, head_dim=head_dim, min_heads=least, ffn_multiple=multiple, ffn_step=4)
    shape = recipes.shape_of(width, sweep(recipe, queries_per_kv=queries), vocab=256, platform="cpu")
    assert shape.heads * shape.head_dim == width
    assert shape.heads == queries * shape.kv_heads  # exactly, at every width
    assert shape.ffn % 4 == 0
    assert shape.depth == max(1, round(width / 64))


@settings(max_examples=200, deadline=None)
@given(width=st.integers(1, 500).map(lambda n: 2 * n), head_dim=st.integers(2, 128), least=st.integers(1, 6))
def test_heads_of_own_keys_are_the_most_that_divide_the_width_evenly(width, head_dim, least):
    possible = [h for h in range(1, max(least, width // head_dim) + 1) if width % (2 * h) == 0]
    assert recipes.heads_of(width, head_dim, least) == max(possible)


SHAPES = {  # (width, depth, heads, key heads, head_dim, ffn, batch): a trial's identity, so they must never move
    "configs/smoke.py": [
        (4, 1, 1, 1, 4, 12, 4),
        (8, 1, 1, 1, 8, 20, 4),
        (16, 1, 1, 1, 16, 44, 4),
        (24, 1, 1, 1, 24, 64, 4),
    ],
    "configs/laptop.py": [
        (8, 2, 2, 2, 4, 20, 2),
        (12, 2, 2, 2, 6, 32, 2),
        (16, 2, 2, 2, 8, 44, 2),
        (20, 2, 2, 2, 10, 52, 2),
        (28, 2, 2, 2, 14, 76, 2),
        (36, 2, 2, 2, 18, 96, 2),
        (44, 2, 2, 2, 22, 116, 2),
        (56, 2, 2, 2, 28, 148, 2),
    ],
    "configs/gpu.py": [
        (128, 2, 2, 2, 64, 320, 32),
        (192, 3, 3, 3, 64, 512, 32),
        (256, 4, 4, 4, 64, 704, 64),
        (320, 5, 5, 5, 64, 832, 64),
        (384, 6, 6, 6, 64, 1024, 64),
        (448, 7, 7, 7, 64, 1216, 64),
        (512, 8, 8, 8, 64, 1344, 128),
        (576, 9, 9, 9, 64, 1536, 128),
    ],
}


@pytest.mark.parametrize("path", SHAPES)
def test_shipped_sweeps_keep_their_shapes(path):
    vocab = 8192 if "gpu" in path else 256
    made = families.plan(load(path), vocab=vocab, data="d", unique_tokens=10**12, platform="cpu")
    shapes = {t.shape for t in made.trials}
    names = ("width", "depth", "heads", "kv_heads", "head_dim", "ffn", "batch")
    assert sorted(tuple(getattr(s, n) for n in names) for s in shapes) == SHAPES[path]


def test_the_pod_shares_keys_alike_at_every_size_in_heads_of_one_size():
    made = families.plan(load("configs/pod.py"), vocab=32_768, data="d", unique_tokens=60 * 10**9, platform="tpu")
    shapes = {t.shape for t in made.trials}
    assert len(shapes) >= 9
    assert {(s.heads // s.kv_heads, s.heads % s.kv_heads, s.head_dim) for s in shapes} == {(2, 0, 128)}
    assert {s.width % 256 for s in shapes} == {0}


def test_a_width_below_the_head_dimension_is_one_head():
    shape = recipes.shape_of(12, sweep(), vocab=256, platform="cpu")
    assert (shape.heads, shape.head_dim) == (1, 12)


def test_auto_depends_on_the_platform_and_a_choice_does_not():
    recipe = Recipe(head_dim=64)
    cpu, gpu = (recipes.shape_of(256, sweep(recipe, seq_len=512), vocab=256, platform=p) for p in ("cpu", "gpu"))
    assert (cpu.dtype, cpu.attention) == ("float32", "xla")
    assert (gpu.dtype, gpu.attention) == ("bfloat16", "cudnn")
    fixed = sweep(recipe, seq_len=512, dtype="float32", attention="xla")
    assert recipes.shape_of(256, fixed, vocab=256, platform="gpu") == cpu


def test_an_attention_that_is_only_slow_is_taken():
    short = sweep(Recipe(head_dim=64), seq_len=128, attention="cudnn")
    assert recipes.shape_of(256, short, vocab=256, platform="gpu").attention == "cudnn"


@pytest.mark.parametrize(("params", "sequences"), [(10_000, 8), (40_000, 16), (160_000, 32), (100, 1), (12_000, 8)])
def test_batch_grows_by_the_rule_in_powers_of_two(params, sequences):
    assert recipes.batch_of(params, Recipe(batch_tokens=1024, batch_exponent=0.5), seq_len=128) == sequences


def test_peak_learning_rate_by_the_rule():
    recipe = Recipe(lr=0.01, lr_width=16, lr_batch=1024, lr_tokens=1e6, lr_horizon_exponent=0.25)
    shape = dataclasses.replace(recipes.shape_of(64, sweep(), vocab=256, platform="cpu"), batch=32, seq_len=128)
    expected = 0.01 * math.sqrt(16 / 64) * math.sqrt(4096 / 1024) * (16e6 / 1e6) ** -0.25
    assert recipes.peak_lr(shape, 16e6, recipe) == pytest.approx(expected, rel=1e-5)


def test_steps_spend_the_budget_by_either_convention():
    exact, rule = sweep(), dataclasses.replace(sweep(), flops="6nd")
    shape = recipes.shape_of(32, exact, vocab=256, platform="cpu")
    tokens = recipes.steps_of(shape, 1e12, exact) * shape.batch_tokens
    assert tokens * counting.train_flops_per_token(shape) == pytest.approx(1e12, rel=1e-3)
    tokens = recipes.steps_of(shape, 1e12, rule) * shape.batch_tokens
    assert 6 * counting.params(shape).with_head * tokens == pytest.approx(1e12, rel=1e-3)


@settings(max_examples=30, deadline=None)
@given(target=st.floats(3, 7.5).map(lambda e: 10**e))
def test_nearest_shape_is_the_nearest_of_all(target):
    made = sweep()
    found = counting.params(recipes.nearest_shape(target, made, vocab=256, platform="cpu")).with_head
    every = [counting.params(recipes.shape_of(w, made, vocab=256, platform="cpu")).with_head for w in range(4, 1200, 4)]
    best = min(every, key=lambda n: abs(math.log(n / target)))
    assert abs(math.log(found / target)) == pytest.approx(abs(math.log(best / target)))


def test_ladder_is_distinct_ordered_within_its_bounds_and_the_same_from_any_bounds():
    made = sweep()
    wide = recipes.ladder(2e3, 2e6, made, vocab=256, platform="cpu")
    sizes = [counting.params(s).with_head for s in wide]
    assert sizes == sorted(set(sizes))
    assert min(sizes) >= 2_000
    assert max(sizes) <= 2_000_000
    part = recipes.ladder(2e4, 2e5, made, vocab=256, platform="cpu")
    assert part == [s for s in wide if 20_000 <= counting.params(s).with_head <= 200_000]
