"""What a shape refuses."""

import dataclasses

import pytest

from sweep.models.shape import Shape

TINY = Shape(vocab=64, width=8, depth=1, heads=2, kv_heads=1, head_dim=4, ffn=12, seq_len=16, batch=2)


@pytest.mark.parametrize(
    "name", ["vocab", "width", "depth", "heads", "kv_heads", "head_dim", "ffn", "seq_len", "batch"]
)
def test_a_dimension_below_one_is_named(name):
    with pytest.raises(ValueError, match=rf"shape: {name} is 0; it must be at least 1"):
        dataclasses.replace(TINY, **{name: 0})


def test_kv_heads_must_divide_heads():
    with pytest.raises(ValueError, match="2 kv_heads do not divide 3 heads"):
        dataclasses.replace(TINY, heads=3, kv_heads=2)


def test_odd_head_dim_cannot_turn():
    with pytest.raises(ValueError, match="head_dim is 3"):
        dataclasses.replace(TINY, head_dim=3)


def test_batch_tokens():
    assert TINY.batch_tokens == 32
