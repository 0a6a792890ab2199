"""Attention against plain NumPy in float64, and the choice of implementation."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sweep.models.attention import attend, choose, chunked, splash

B, L, H, A = 2, 12, 4, 8


def tensors(kv_heads: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    return tuple(jnp.asarray(rng.normal(size=(B, L, n, A)), jnp.float32) for n in (H, kv_heads, kv_heads))


def reference(q, k, v):
    """softmax(q k' / sqrt(A)) v over the past, float64, one query at a time."""
    q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
    out = np.zeros_like(q)
    for b, i, h in np.ndindex(B, L, H):
        shared = h // (H // k.shape[2])
        scores = k[b, : i + 1, shared] @ q[b, i, h] / np.sqrt(A)
        weights = np.exp(scores - scores.max())
        out[b, i, h] = weights @ v[b, : i + 1, shared] / weights.sum()
    return out


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_against_numpy(kv_heads):
    q, k, v = tensors(kv_heads)
    np.testing.assert_allclose(attend(q, k, v, "xla"), reference(q, k, v), rtol=0, atol=2e-6)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_gradients_are_those_that_jax_derives(kv_heads):
    """Of a loss that weighs every output differently; ours writes the gradient out by hand."""
    q, k, v = tensors(kv_heads)
    weight = jax.random.normal(jax.random.key(9), q.shape)

    def loss(implementation):
        return lambda *qkv: jnp.sum(weight * jnp.sin(implementation(*qkv)))

    ours = jax.grad(loss(functools.partial(attend, implementation="xla")), (0, 1, 2))(q, k, v)
    derived = functools.partial(jax.nn.dot_product_attention, is_causal=True, implementation="xla")
    for found, expected in zip(ours, jax.grad(loss(derived), (0, 1, 2))(q, k, v), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_shared_keys_equal_repeated_keys():
    q, k, v = tensors(2)
    keys, values = (jnp.repeat(x, 2, axis=2) for x in (k, v))
    np.testing.assert_allclose(attend(q, k, v, "xla"), attend(q, keys, values, "xla"), rtol=0, atol=1e-6)


@pytest.mark.parametrize("at_once", [1, H * L * 3, H * L * 4, 10**9])
@pytest.mark.parametrize("kv_heads", [1, 4])
def test_chunks_equal_the_square_and_so_do_their_gradients(at_once, kv_heads):
    inputs: Any = tensors(kv_heads)

    def both(attention: Any):
        return jax.jit(jax.value_and_grad(lambda *x: jnp.sin(attention(*x)).sum(), argnums=(0, 1, 2)))(*inputs)

    np.testing.assert_allclose(chunked(*inputs, at_once=at_once), reference(*inputs), rtol=0, atol=2e-6)
    found, expected = both(lambda *x: chunked(*x, at_once=at_once)), both(lambda *x: attend(*x, implementation="xla"))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=3e-6), found, expected)


@pytest.mark.slow
def test_chunks_hold_no_square():
    heads = [jax.ShapeDtypeStruct((1, 1024, n, 16), jnp.float32) for n in (16, 16, 16)]

    def temp(attention: Any) -> int:
        step = jax.jit(jax.grad(lambda *x: jnp.sin(attention(*x)).sum(), argnums=(0, 1, 2)))
        account: Any = step.lower(*heads).compile().memory_analysis()
        return account.temp_size_in_bytes

    square = 16 * 1024**2 * 4
    assert temp(lambda *x: attend(*x, implementation="xla")) > square
    assert temp(lambda *x: chunked(*x, at_once=2**20)) < square / 2


@pytest.mark.parametrize(
    ("platform", "dtype", "heads", "head_dim", "seq_len", "expected", "reason"),
    [
        ("cpu", "float32", 4, 64, 1024, "xla", "no kernel of attention is made for CPUs"),
        ("cpu", "bfloat16", 4, 128, 1024, "xla", "no kernel of attention is made for CPUs"),
        ("cpu", "float32", 17, 64, 1024, "chunked", "for CPUs; 17 heads x 1024^2 scores are too many at once"),
        ("gpu", "bfloat16", 64, 64, 1024, "cudnn", "takes bfloat16 and head_dim 64"),
        ("gpu", "bfloat16", 4, 256, 1024, "cudnn", "GPU"),
        ("gpu", "float32", 4, 64, 1024, "xla", "no float32 kernel"),
        ("gpu", "float32", 8, 64, 2048, "chunked", "no float32 kernel"),
        ("gpu", "bfloat16", 4, 12, 1024, "xla", "steps of 8"),
        ("gpu", "bfloat16", 4, 264, 1024, "xla", "up to 256, not 264"),
        ("gpu", "bfloat16", 4, 64, 256, "xla", "too few"),
        ("tpu", "bfloat16", 64, 128, 2048, "splash", "blocks of 512"),
        ("tpu", "bfloat16", 4, 64, 768, "splash", "blocks of 256"),
        ("tpu", "float32", 4, 256, 1024, "splash", "TPU"),
        ("tpu", "bfloat16", 4, 96, 512, "xla", "head_dim 64 or a multiple of 128, not 96"),
        ("tpu", "bfloat16", 4, 128, 192, "xla", "multiple of 128 tokens, not 192"),
        ("tpu", "bfloat16", 8, 96, 2048, "chunked", "head_dim"),
    ],
)
def test_choice(platform, dtype, heads, head_dim, seq_len, expected, reason):
    choice = choose(platform, dtype, heads, head_dim, seq_len)
    assert choice.implementation == expected
    assert reason in choice.reason


@pytest.mark.slow
@pytest.mark.parametrize(("head_dim", "kv_heads"), [(64, 2), (128, 1)])
def test_splash_equals_the_square_in_interpret_mode(head_dim, kv_heads):
    """Values and gradients, keys shared among queries by the kernel itself."""
    rng = np.random.default_rng(0)
    inputs: Any = [jnp.asarray(rng.normal(size=(2, 256, n, head_dim)), jnp.float32) for n in (2, kv_heads, kv_heads)]

    def both(attention: Any):
        return jax.jit(jax.value_and_grad(lambda *x: jnp.sin(attention(*x)).sum(), argnums=(0, 1, 2)))(*inputs)

    found = both(functools.partial(splash, interpret=True))
    expected = both(lambda *x: attend(*x, implementation="xla"))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=5e-5), found[1], expected[1])


@pytest.mark.parametrize(("head_dim", "kv_heads"), [(128, 1), (64, 2)])
def test_splash_lowers_for_tpu(head_dim, kv_heads):
    """The kernel and its backward pass lower to TPU's own calls on a machine without one; running it needs the chip."""
    heads = [jax.ShapeDtypeStruct((1, 512, n, head_dim), jnp.bfloat16) for n in (2, kv_heads, kv_heads)]
    step = jax.grad(lambda q, k, v: attend(q, k, v, "splash").astype(jnp.float32).sum(), argnums=(0, 1, 2))
    text = jax.export.export(jax.jit(step), platforms=["tpu"])(*heads).mlir_module()
    assert "tpu_custom_call" in text
