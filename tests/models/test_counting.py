"""Counts against the real parameter tree, XLA's cost model, sums by hand and published tables."""

import dataclasses

import jax
import numpy as np
import pytest

from sweep.models import counting, functional
from sweep.models.shape import Shape
from sweep.models.transformer import SCAN_FROM

BASE = Shape(vocab=100, width=16, depth=2, heads=4, kv_heads=4, head_dim=4, ffn=40, seq_len=16, batch=2)
VARIANTS = {
    "tied": {},
    "untied": {"tied": False},
    "gqa": {"kv_heads": 2},
    "one key head": {"kv_heads": 1, "tied": False},
    "odd ffn": {"ffn": 37},
    "gelu": {"activation": "gelu"},
    "no qk_norm": {"qk_norm": False},
    "inner width is not width": {"head_dim": 6, "heads": 3, "kv_heads": 1},
    "scanned": {"depth": SCAN_FROM},
    "bfloat16": {"dtype": "bfloat16"},
}
WIDE = Shape(vocab=512, width=128, depth=2, heads=2, kv_heads=2, head_dim=64, ffn=384, seq_len=64, batch=4)


@pytest.mark.parametrize("name", VARIANTS)
def test_params_equal_the_tree(name):
    shape = dataclasses.replace(BASE, **VARIANTS[name])
    tree = jax.eval_shape(lambda: functional.init(shape, jax.random.key(0)))
    sizes = {
        jax.tree_util.keystr(path): int(np.prod(leaf.shape))
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    }
    ends = sum(n for key, n in sizes.items() if "embed" in key)
    found = counting.params(shape)
    assert found.total == sum(sizes.values())
    assert found.non_embedding == sum(sizes.values()) - ends
    assert found.with_head == found.non_embedding + shape.vocab * shape.width
    assert counting.norm_params(shape) == sum(n for key, n in sizes.items() if "norm" in key)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tied": False},
        {"kv_heads": 1},
        {"activation": "gelu", "width": 256, "ffn": 1023},
        {"batch": 2, "seq_len": 128},
    ],
    ids=str,
)
def test_exact_flops_within_two_percent_of_xla(changes):
    """The whole square of attention, since that is what this implementation computes. What is left is elementwise."""
    shape = dataclasses.replace(WIDE, **changes)
    params = jax.eval_shape(lambda: functional.init(shape, jax.random.key(0)))
    window = jax.ShapeDtypeStruct((shape.batch, shape.seq_len + 1), np.int32)
    step = jax.jit(jax.value_and_grad(lambda p, w: functional.token_losses(shape, p, w).mean()))
    counted = counting.train_flops_per_token(shape, causal=False) * shape.batch_tokens
    cost = step.lower(params, window).compile().cost_analysis()
    assert cost is not None
    assert cost["flops"] == pytest.approx(counted, rel=0.02)


def test_flops_by_hand():
    """One product at a time: 2 FLOPs a weight and token forward, keys 1 to L seen by the causal queries."""
    shape = dataclasses.replace(BASE, kv_heads=2)
    projections = 2 * (16 * 16 + 16 * 8 + 16 * 8 + 16 * 16)
    feed_forward = 2 * 3 * 16 * 40
    scores = np.mean([2 * 2 * keys * 4 * 4 for keys in range(1, 17)])
    forward = 2 * (projections + feed_forward + scores) + 2 * 100 * 16
    assert counting.forward_flops_per_token(shape) == forward
    assert counting.train_flops_per_token(shape) == 3 * forward
    square = 2 * (2 * 2 * 16 * 4 * 4)
    assert counting.forward_flops_per_token(shape, causal=False) == forward + square - 2 * scores


def test_6nd_counts_the_head():
    assert counting.flops_6nd(BASE, 1000.0) == 6 * 1000 * counting.params(BASE).with_head


def test_6nd_is_exact_without_attention_and_norms():
    """At a short sequence and large width the two conventions meet."""
    shape = Shape(vocab=1000, width=512, depth=4, heads=8, kv_heads=8, head_dim=64, ffn=1536, seq_len=2, batch=1)
    assert counting.flops_6nd(shape, 1.0) == pytest.approx(counting.train_flops_per_token(shape), rel=2e-3)


# Hoffmann et al. 2022: depth, width, ffn, head_dim, heads of table A9; its label in millions; the ratio of table A4
CHINCHILLA = [
    ((10, 640, 2560, 64, 10), 73.7, 1.026),
    ((20, 1024, 4096, 64, 16), 305.4, 1.102),
    ((24, 1280, 5120, 128, 10), 552.1, 1.084),
    ((26, 1792, 7168, 128, 14), 1142.8, 1.045),
    ((28, 2048, 8192, 128, 16), 1592.3, 1.033),
    ((40, 3584, 14336, 128, 28), 6794.1, 0.994),
]


@pytest.mark.parametrize(("dimensions", "millions", "ratio"), CHINCHILLA)
def test_published_counts(dimensions, millions, ratio):
    params = counting.chinchilla_params(*dimensions)
    flops = counting.chinchilla_flops_per_sequence(*dimensions, include_embed=False, include_logits=False)
    assert params / 1e6 == pytest.approx(millions, abs=0.05)
    assert flops / (6 * params * 2048) == pytest.approx(ratio, abs=6e-4)


def test_appendix_formula_with_both_ends_is_another_count():
    """With the embedding and the logits, as the appendix writes it, the ratios run from 1.60 to 1.03."""
    ratios = [
        counting.chinchilla_flops_per_sequence(*d) / (6 * counting.chinchilla_params(*d) * 2048)
        for d, _, _ in CHINCHILLA
    ]
    assert [ratios[0], ratios[-1]] == pytest.approx([1.60, 1.03], abs=0.02)
