"""A decoder-only transformer in Flax NNX: RMSNorm before each part, rotary positions, SwiGLU, grouped queries, QK-norm.

No biases, no dropout. Master weights are float32; the compute runs in `shape.dtype`. Blocks are stacked along a leading
depth axis and scanned, so that compile time does not grow with depth.

Axes: B batch, L sequence, D width, H query heads, K key/value heads, A head dimension, F feed-forward, V vocabulary.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from sweep.models import layout
from sweep.models.attention import attend
from sweep.models.layout import ONE_DEVICE, Layout
from sweep.models.shape import SCAN_FROM, Shape

ROPE_BASE = 10_000.0
TOGETHER_UP_TO = 2**20  # weights; above it putting them side by side costs more than a product of its own


def normal(std: float):
    return nnx.initializers.normal(std)


def rotate(x_BxLxHxA: Float[Array, "B L H A"]) -> Float[Array, "B L H A"]:
    """Rotary position embedding (Su et al. 2021, arXiv 2104.09864), pairs (i, i + A/2), angles in float32."""
    seq_len, half = x_BxLxHxA.shape[1], x_BxLxHxA.shape[-1] // 2
    frequency_A = ROPE_BASE ** (-jnp.arange(half, dtype=jnp.float32) / half)
    angle_LxA = jnp.arange(seq_len, dtype=jnp.float32)[:, None] * frequency_A[None, :]
    cos, sin = (f(angle_LxA)[None, :, None, :].astype(x_BxLxHxA.dtype) for f in (jnp.cos, jnp.sin))
    a, b = jnp.split(x_BxLxHxA, 2, axis=-1)
    return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def together(x: Float[Array, "*B D"], *layers: nnx.LinearGeneral) -> list[Array]:
    """`x` through several layers by one product of their matrices side by side: a third of the calls, and wide ones."""
    kernels = [layer.kernel[...] for layer in layers]
    if sum(kernel.size for kernel in kernels) > TOGETHER_UP_TO:
        return [layer(x) for layer in layers]
    matrix = jnp.concatenate([kernel.reshape(x.shape[-1], -1) for kernel in kernels], axis=1).astype(x.dtype)
    widths = [kernel.size // x.shape[-1] for kernel in kernels]
    parts = jnp.split(x.reshape(-1, x.shape[-1]) @ matrix, np.cumsum(widths)[:-1], axis=1)
    return [part.reshape(*x.shape[:-1], *kernel.shape[1:]) for part, kernel in zip(parts, kernels, strict=True)]


class Block(nnx.Module):
    """Attention and feed-forward, each behind its norm and added to the residual stream."""

    def __init__(self, shape: Shape, key: Array):
        rngs = nnx.Rngs(key)
        dtype = jnp.dtype(shape.dtype)
        norm = functools.partial(nnx.RMSNorm, dtype=dtype, rngs=rngs)
        dense = functools.partial(nnx.LinearGeneral, use_bias=False, dtype=dtype, rngs=rngs)
        inward = normal(shape.width**-0.5)
        outward = (2 * shape.depth) ** -0.5  # keeps the residual stream's variance from growing with depth
        inner = shape.heads * shape.head_dim
        self.shape = shape
        self.attention_norm = norm(shape.width)
        self.q = dense(shape.width, (shape.heads, shape.head_dim), kernel_init=inward)
        self.k = dense(shape.width, (shape.kv_heads, shape.head_dim), kernel_init=inward)
        self.v = dense(shape.width, (shape.kv_heads, shape.head_dim), kernel_init=inward)
        self.out = dense(
            (shape.heads, shape.head_dim), shape.width, axis=(-2, -1), kernel_init=normal(outward * inner**-0.5)
        )
        if shape.qk_norm:
            self.q_norm, self.k_norm = norm(shape.head_dim), norm(shape.head_dim)
        self.ffn_norm = norm(shape.width)
        self.up = dense(shape.width, shape.ffn, kernel_init=inward)
        if shape.activation == "swiglu":
            self.gate = dense(shape.width, shape.ffn, kernel_init=inward)
        self.down = dense(shape.ffn, shape.width, kernel_init=normal(outward * shape.ffn**-0.5))

    def __call__(self, x_BxLxD: Float[Array, "B L D"]) -> Float[Array, "B L D"]:
        x_BxLxD += self.attention(self.attention_norm(x_BxLxD))
        return x_BxLxD + self.feed_forward(self.ffn_norm(x_BxLxD))

    def attention(self, x_BxLxD: Float[Array, "B L D"]) -> Float[Array, "B L D"]:
        q_BxLxHxA, k_BxLxKxA, v_BxLxKxA = together(x_BxLxD, self.q, self.k, self.v)
        if self.shape.qk_norm:
            q_BxLxHxA, k_BxLxKxA = self.q_norm(q_BxLxHxA), self.k_norm(k_BxLxKxA)
        q_BxLxHxA, k_BxLxKxA = rotate(q_BxLxHxA), rotate(k_BxLxKxA)
        return self.out(attend(q_BxLxHxA, k_BxLxKxA, v_BxLxKxA, self.shape.attention))

    def feed_forward(self, x_BxLxD: Float[Array, "B L D"]) -> Float[Array, "B L D"]:
        if self.shape.activation == "swiglu":
            gate_BxLxF, up_BxLxF = together(x_BxLxD, self.gate, self.up)
            return self.down(jax.nn.silu(gate_BxLxF) * up_BxLxF)
        return self.down(jax.nn.gelu(self.up(x_BxLxD)))


class Transformer(nnx.Module):
    """Token ids to the last hidden states; `head` gives the matrix that turns them into logits."""

    def __init__(self, shape: Shape, key: Array):
        embed_key, head_key, block_key = jax.random.split(key, 3)
        dtype = jnp.dtype(shape.dtype)
        matrix = functools.partial(
            nnx.Embed, shape.vocab, shape.width, dtype=dtype, embedding_init=normal(shape.width**-0.5)
        )
        self.shape = shape
        self.embed = matrix(rngs=nnx.Rngs(embed_key))
        self.blocks = jax.vmap(functools.partial(Block, shape))(jax.random.split(block_key, shape.depth))
        self.norm = nnx.RMSNorm(shape.width, dtype=dtype, rngs=nnx.Rngs(embed_key))
        if not shape.tied:
            self.unembed = matrix(rngs=nnx.Rngs(head_key))

    def __call__(self, tokens_BxL: Int[Array, "B L"], placed: Layout = ONE_DEVICE) -> Float[Array, "B L D"]:
        dtype, axes = jnp.dtype(self.shape.dtype), layout.axes(self.shape, placed.data)
        table = layout.whole(self.embed.embedding[...], axes["embed"]["embedding"], dtype)
        x_BxLxD = layout.rows(table, tokens_BxL).astype(dtype)
        x_BxLxD *= self.shape.width**0.5  # unit variance into the residual stream
        unroll = self.shape.depth if self.shape.depth < SCAN_FROM else 1

        def one(x: Array, block: Block) -> tuple[Array, None]:
            return gathered(block, axes["blocks"], dtype)(x), None

        if placed.remat != "none":
            one = jax.checkpoint(one, policy=layout.POLICIES[placed.remat], prevent_cse=unroll > 1)
        x_BxLxD, _ = jax.lax.scan(one, x_BxLxD, self.blocks, unroll=unroll)
        return self.norm(x_BxLxD)

    def head(self, placed: Layout = ONE_DEVICE) -> Float[Array, "V D"]:
        """The head's matrix, whole."""
        name = "embed" if self.shape.tied else "unembed"
        axis = layout.axes(self.shape, placed.data)[name]["embedding"]
        return layout.whole(getattr(self, name).embedding[...], axis, jnp.dtype(self.shape.dtype))


def gathered(block: Block, axes: dict, dtype: jnp.dtype) -> Block:
    """One block with whole weights; `axes` count the depth axis, which is scanned away."""
    if all(axis == layout.WHOLE for axis in jax.tree.leaves(axes)):
        return block
    graph, state = nnx.split(block)
    weights = jax.tree.map(lambda x, axis: layout.whole(x, max(axis - 1, -1), dtype), nnx.to_pure_dict(state), axes)
    return nnx.merge(graph, nnx.State(weights))
