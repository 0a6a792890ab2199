"""Attention against plain NumPy in float64, and the choice of implementation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.attention import attend, choose

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


def test_shared_keys_equal_repeated_keys():
    q, k, v = tensors(2)
    keys, values = (jnp.repeat(x, 2, axis=2) for x in (k, v))
    np.testing.assert_allclose(attend(q, k, v, "xla"), attend(q, keys, values, "xla"), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("platform", "dtype", "head_dim", "seq_len", "expected"),
    [
        ("cpu", "float32", 64, 1024, "xla"),
        ("cpu", "bfloat16", 128, 1024, "xla"),
        ("gpu", "bfloat16", 64, 1024, "cudnn"),
        ("gpu", "bfloat16", 256, 1024, "cudnn"),
        ("gpu", "float32", 64, 1024, "xla"),  # cuDNN has 16-bit kernels only
        ("gpu", "bfloat16", 12, 1024, "xla"),  # head_dim in steps of 8
        ("gpu", "bfloat16", 264, 1024, "xla"),
        ("gpu", "bfloat16", 64, 256, "xla"),
        ("tpu", "bfloat16", 128, 512, "splash"),
        ("tpu", "float32", 256, 1024, "splash"),
        ("tpu", "bfloat16", 64, 512, "xla"),  # splash wants whole lanes
        ("tpu", "bfloat16", 128, 768, "xla"),
    ],
)
def test_choice(platform, dtype, head_dim, seq_len, expected):
    assert choose(platform, dtype, head_dim, seq_len) == expected


def test_splash_lowers_for_tpu():
    """The kernel and its backward pass lower to TPU's own calls on a machine without one; running it needs the chip."""
    heads = [jax.ShapeDtypeStruct((1, 512, n, 128), jnp.bfloat16) for n in (2, 1, 1)]
    step = jax.grad(lambda q, k, v: attend(q, k, v, "splash").astype(jnp.float32).sum(), argnums=(0, 1, 2))
    text = jax.export.export(jax.jit(step), platforms=["tpu"])(*heads).mlir_module()
    assert "tpu_custom_call" in text
