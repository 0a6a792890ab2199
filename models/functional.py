"""The seam: the engine, the optimizer and the checkpoints see a plain dict of arrays, never a module.

init(shape, key)                       -> params, float32 arrays under the names of the modules
apply(shape, params, tokens_BxL)       -> logits, float32
token_losses(shape, params, window)    -> nats a token, without holding all logits at once

`params` are whole, or, inside a shard_map over the axis `data`, this device's parts by `models.layout`.
"""

import functools

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from sweep.models.layout import ONE_DEVICE, Layout
from sweep.models.shape import LOGITS_AT_ONCE, Shape
from sweep.models.transformer import Transformer

Params = dict  # nested, str to float32 arrays


def init(shape: Shape, key: Array) -> Params:
    """Fresh parameters of `shape`: float32, a nested dict whose block leaves lead with the depth axis."""
    return nnx.to_pure_dict(nnx.state(Transformer(shape, key)))


@functools.lru_cache(maxsize=256)
def graph(shape: Shape) -> nnx.GraphDef:
    return nnx.graphdef(nnx.eval_shape(lambda: Transformer(shape, jax.random.key(0))))


def module(shape: Shape, params: Params) -> Transformer:
    """The NNX module that holds `params`."""
    return nnx.merge(graph(shape), nnx.State(params))


def logits_of(hidden: Float[Array, "*B D"], head: Float[Array, "V D"]) -> Float[Array, "*B V"]:
    return jnp.einsum("...d,vd->...v", hidden, head.astype(hidden.dtype), preferred_element_type=jnp.float32)


def apply(shape: Shape, params: Params, tokens_BxL: Int[Array, "B L"]) -> Float[Array, "B L V"]:
    """Logits in float32."""
    model = module(shape, params)
    return logits_of(model(tokens_BxL), model.head())


def token_losses(
    shape: Shape, params: Params, window_BxW: Int[Array, "B W"], placed: Layout = ONE_DEVICE
) -> Float[Array, "B L"]:
    """Cross-entropy in nats of each next token; a window holds L + 1 tokens: the inputs and, one on, the targets.

    Where B x L x V of this device exceeds LOGITS_AT_ONCE the head and the softmax run over slices of the sequence,
    recomputed in the backward pass: memory falls by the number of slices for a third more head FLOPs.
    """
    model = module(shape, params)
    hidden_BxLxD, target_BxL = model(window_BxW[:, :-1], placed), window_BxW[:, 1:]
    head_VxD = model.head(placed)
    batch, length = target_BxL.shape
    slices = slices_of(length, batch * length * shape.vocab)
    if slices == 1:
        return cross_entropy(hidden_BxLxD, target_BxL, head_VxD)
    head_VxD = head_VxD.astype(jnp.float32)  # its gradient is added up slice by slice

    def split(x):
        return jnp.moveaxis(x.reshape(batch, slices, length // slices, *x.shape[2:]), 1, 0)

    one = jax.checkpoint(lambda xs: cross_entropy(xs[0], xs[1], head_VxD))
    loss_SxBxL = jax.lax.map(one, (split(hidden_BxLxD), split(target_BxL)))
    return jnp.moveaxis(loss_SxBxL, 0, 1).reshape(batch, length)


def slices_of(length: int, elements: int) -> int:
    """Fewest equal slices of `length` that keep each under LOGITS_AT_ONCE logits."""
    wanted = -(-elements // LOGITS_AT_ONCE)
    return next(s for s in range(wanted, length + 1) if length % s == 0) if wanted < length else length


def cross_entropy(
    hidden: Float[Array, "B L D"], target: Int[Array, "B L"], head: Float[Array, "V D"]
) -> Float[Array, "B L"]:
    """-log softmax at the target, float32. A compare-and-sum picks it: that fuses, where a gather scatters back."""
    logits = logits_of(hidden, head)
    hit = target[..., None] == jnp.arange(logits.shape[-1])[None, None, :]
    return jax.nn.logsumexp(logits, axis=-1) - jnp.sum(jnp.where(hit, logits, 0), axis=-1)
