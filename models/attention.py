"""Causal attention, with the implementation chosen explicitly and recorded in the shape.

`jax.nn.dot_product_attention` falls back to XLA silently when left to choose, and cuDNN raises where it does not apply;
so the choice is made once, here, from facts known before anything is compiled. No compiler can split a kernel over
devices: the trainer calls each on a device's own rows, inside a shard_map that is manual over every axis.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from sweep.models.shape import Attention

BLOCKS = (
    512,
    256,
    128,
)  # tokens of a splash tile: the largest that divides; a guess until a chip measures
SQUARE_AT_ONCE = 2**24  # scores of one sequence, all heads; above it XLA's attention is cut into chunks of queries
SHORT = 256  # tokens; up to here XLA's attention is as fast as cuDNN's


class Choice(NamedTuple):
    """An implementation, and why this one."""

    implementation: Attention
    reason: str


def choose(platform: str, dtype: str, heads: int, head_dim: int, seq_len: int) -> Choice:
    """The fastest implementation that is legal for `platform` (cpu, gpu, tpu), compute dtype and dimensions."""
    if platform == "gpu":
        illegal = refusal_of_cudnn(dtype, head_dim, seq_len)
        if not illegal:
            return Choice("cudnn", f"the fastest on a GPU that takes {dtype} and head_dim {head_dim}")
    elif platform == "tpu":
        illegal = refusal_of_splash(head_dim, seq_len)
        if not illegal:
            return Choice("splash", f"the fastest on a TPU; blocks of {block_of(seq_len)} tokens")
    else:
        illegal = "no kernel of attention is made for CPUs"
    if heads * seq_len**2 > SQUARE_AT_ONCE:
        return Choice("chunked", f"{illegal}; {heads} heads x {seq_len}^2 scores are too many at once")
    return Choice("xla", illegal)


def refusal(implementation: Attention, platform: str, dtype: str, head_dim: int, seq_len: int) -> str:
    """Why an implementation that is asked for cannot run, or nothing."""
    homes = {"cudnn": "gpu", "splash": "tpu"}
    if homes.get(implementation, platform) != platform:
        return f"{implementation} runs on a {homes[implementation].upper()}, not on a {platform.upper()}"
    if implementation == "splash":
        return refusal_of_splash(head_dim, seq_len)
    return refusal_of_cudnn(dtype, head_dim, max(seq_len, SHORT + 1)) if implementation == "cudnn" else ""


def refusal_of_cudnn(dtype: str, head_dim: int, seq_len: int) -> str:
    """Why cuDNN's attention is not taken, or nothing."""
    if dtype != "bfloat16":
        return f"cuDNN has no {dtype} kernel"
    if head_dim % 8 or head_dim > 256:
        return f"cuDNN takes head_dim in steps of 8 up to 256, not {head_dim}"
    return f"{seq_len} tokens are too few for cuDNN to pay" if seq_len <= SHORT else ""


def refusal_of_splash(head_dim: int, seq_len: int) -> str:
    """Why the TPU's kernel is not taken, or nothing."""
    if head_dim != 64 and head_dim % 128:
        return f"splash takes head_dim 64 or a multiple of 128, not {head_dim}"
    return "" if seq_len % BLOCKS[-1] == 0 else f"splash takes a multiple of {BLOCKS[-1]} tokens, not {seq_len}"


def attend(
    q: Float[Array, "B L H A"], k: Float[Array, "B L K A"], v: Float[Array, "B L K A"], implementation: Attention
) -> Float[Array, "B L H A"]:
    """softmax(q k' / sqrt(A)) v over the past, softmax in float32; heads / kv_heads queries share a key."""
    if implementation == "splash":
        return splash(q, k, v)
    if implementation == "chunked":
        return chunked(q, k, v)
    if implementation == "xla":
        return square(q, k, v)
    return jax.nn.dot_product_attention(q, k, v, is_causal=True, implementation=implementation)


def square(
    q: Float[Array, "B L H A"], k: Float[Array, "B L K A"], v: Float[Array, "B L K A"]
) -> Float[Array, "B L H A"]:
    """The whole square of scores by plain products: what XLA compiles best, above all for a CPU.

    Heads come first, and queries that share a key are rows of one product.
    """
    batch, length, heads, size = q.shape
    shared = k.shape[2]
    q, k, v = (jnp.swapaxes(x, 1, 2) for x in (q * size**-0.5, k, v))
    out = weighted(q.reshape(batch, shared, -1, size), k, v)
    return jnp.swapaxes(out.reshape(batch, heads, length, size), 1, 2)


@jax.custom_vjp
def weighted(
    q: Float[Array, "B K R A"], k: Float[Array, "B K L A"], v: Float[Array, "B K L A"]
) -> Float[Array, "B K R A"]:
    """softmax(q k') v over the past; row r is a query at position r mod L. The gradient is written out below."""
    return weights(q, k).astype(v.dtype) @ v


def weights(q: Float[Array, "B K R A"], k: Float[Array, "B K L A"]) -> Float[Array, "B K R L"]:
    """Softmax over the past, float32."""
    rows, length = q.shape[2], k.shape[2]
    past = (jnp.arange(rows) % length)[:, None] >= jnp.arange(length)[None, :]
    scores = jnp.matmul(q, jnp.swapaxes(k, 2, 3), preferred_element_type=jnp.float32)
    scores = jnp.where(past[None, None], scores, -jnp.inf)
    above = jnp.exp(scores - scores.max(-1, keepdims=True))
    return above / above.sum(-1, keepdims=True)


def weighted_forward(q: Array, k: Array, v: Array) -> tuple[Array, tuple[Array, ...]]:
    p = weights(q, k).astype(v.dtype)
    out = p @ v
    return out, (q, k, v, p, out)


def weighted_backward(saved: tuple[Array, ...], dout: Array) -> tuple[Array, Array, Array]:
    """As in Dao et al. 2022, arXiv 2205.14135, section B.2: the sum over keys of p dp is that over sizes of dout out.

    The rule that JAX derives sums a square for it, and transposes one for k and for v; on a CPU the two take longer
    than all products. Here the narrow operand is transposed.
    """
    q, k, v, p, out = saved
    delta = jnp.sum(dout.astype(jnp.float32) * out.astype(jnp.float32), axis=-1, keepdims=True)
    dp = jnp.matmul(dout, jnp.swapaxes(v, 2, 3), preferred_element_type=jnp.float32)
    ds = (p.astype(jnp.float32) * (dp - delta)).astype(q.dtype)
    dk, dv = (jnp.swapaxes(jnp.swapaxes(x, 2, 3) @ y, 2, 3) for x, y in ((q, ds), (dout, p)))
    return ds @ k, dk, dv


weighted.defvjp(weighted_forward, weighted_backward)


def chunked(
    q: Float[Array, "B L H A"], k: Float[Array, "B L K A"], v: Float[Array, "B L K A"], at_once: int = SQUARE_AT_ONCE
) -> Float[Array, "B L H A"]:
    """XLA's attention for a chunk of queries at a time, scores recomputed in the backward pass.

    Memory falls from the square to one chunk's share of it; the work is that of the whole square, and its scores once
    more in the backward pass.
    """
    batch, length, heads, size = q.shape
    chunk = chunk_of(heads, length, at_once)
    keys = jnp.arange(length)

    @jax.checkpoint
    def one(args):
        start, some = args
        past = (start + jnp.arange(chunk))[:, None] >= keys[None, :]
        return jax.nn.dot_product_attention(some, k, v, mask=past[None, None], implementation="xla")

    queries = jnp.moveaxis(q.reshape(batch, length // chunk, chunk, heads, size), 1, 0)
    out = jax.lax.map(one, (jnp.arange(0, length, chunk), queries))
    return jnp.moveaxis(out, 0, 1).reshape(q.shape)


def chunk_of(heads: int, length: int, at_once: int = SQUARE_AT_ONCE) -> int:
    """Queries of a chunk: the most that divide the sequence and keep the scores of all heads within `at_once`."""
    return max(c for c in range(1, length + 1) if length % c == 0 and (c == 1 or heads * c * length <= at_once))


def block_of(seq_len: int) -> int:
    """Tokens of a splash tile."""
    return next(block for block in BLOCKS if seq_len % block == 0)


def splash(
    q: Float[Array, "B L H A"], k: Float[Array, "B L K A"], v: Float[Array, "B L K A"], *, interpret: bool = False
) -> Float[Array, "B L H A"]:
    """The TPU's block-sparse kernel: never touches the upper half of the square, and shares keys among queries itself.

    Built at each trace and not cached: its block tables are traced values, and would leak from one trace into another.
    """
    from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_kernel, splash_attention_mask

    seq_len, heads, block = q.shape[1], q.shape[2], block_of(q.shape[1])
    names = ("q", "kv", "kv_compute", "q_dkv", "kv_dkv", "kv_dkv_compute", "q_dq", "kv_dq")
    blocks: Any = {f"block_{name}": block for name in names}
    sizes = splash_attention_kernel.BlockSizes(**blocks)
    mask = splash_attention_mask.MultiHeadMask([splash_attention_mask.CausalMask((seq_len, seq_len))] * heads)
    kernel = splash_attention_kernel.make_splash_mha(
        mask=mask, block_sizes=sizes, head_shards=1, q_seq_shards=1, interpret=interpret
    )
    by_head = (jnp.swapaxes(x, 1, 2) for x in (q * q.shape[-1] ** -0.5, k, v))
    return jnp.swapaxes(jnp.asarray(jax.vmap(kernel)(*by_head)), 1, 2)
