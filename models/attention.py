"""Causal attention, with the implementation chosen explicitly and recorded in the shape.

`jax.nn.dot_product_attention` falls back to XLA silently when left to choose, and cuDNN raises where it does not apply;
so the choice is made once, here, from facts known before anything is compiled.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.shape import Attention


def choose(platform: str, dtype: str, head_dim: int, seq_len: int) -> Attention:
    """The fastest implementation that is legal for `platform` (cpu, gpu, tpu), compute dtype and dimensions."""
    if platform == "gpu" and dtype == "bfloat16" and head_dim % 8 == 0 and head_dim <= 256 and seq_len > 256:
        return "cudnn"
    if platform == "tpu" and head_dim % 128 == 0 and seq_len % 512 == 0:
        return "splash"
    return "xla"


def attend(
    q: Float[Array, "B L H A"], k: Float[Array, "B L K A"], v: Float[Array, "B L K A"], implementation: Attention
) -> Float[Array, "B L H A"]:
    """softmax(q k' / sqrt(A)) v over the past, softmax in float32; heads / kv_heads queries share a key."""
    if implementation == "splash":
        return splash(q, k, v)
    return jax.nn.dot_product_attention(q, k, v, is_causal=True, implementation=implementation)


def splash(
    q: Float[Array, "B L H A"], k: Float[Array, "B L K A"], v: Float[Array, "B L K A"]
) -> Float[Array, "B L H A"]:
    """The TPU's block-sparse kernel: never touches the upper half of the square."""
    from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_kernel, splash_attention_mask

    seq_len, heads = q.shape[1], q.shape[2]
    mask = splash_attention_mask.MultiHeadMask([splash_attention_mask.CausalMask((seq_len, seq_len))] * heads)
    kernel = splash_attention_kernel.make_splash_mha(mask=mask, head_shards=1, q_seq_shards=1)
    share = functools.partial(jnp.repeat, repeats=heads // k.shape[2], axis=2)
    q_BxHxLxA, k_BxHxLxA, v_BxHxLxA = (jnp.swapaxes(x, 1, 2) for x in (q * q.shape[-1] ** -0.5, share(k), share(v)))
    out_BxHxLxA = jnp.asarray(jax.vmap(kernel)(q_BxHxLxA, k_BxHxLxA, v_BxHxLxA))
    return jnp.swapaxes(out_BxHxLxA, 1, 2)
