"""How a model's weights lie on the devices of one trial, and what its backward pass keeps.

Weights are split along one of their own dimensions over the mesh axis `data` (fully sharded data parallelism: ZeRO
stage 3, Rajbhandari et al. 2020, arXiv 1910.02054). They are gathered in the compute dtype where they are used, a block
at a time; the gradient is summed over devices in float32 and each device keeps the sum of its own part. Everything here
runs where `data` is a manual axis; with one device along it nothing is split and no collective is made.
"""

import functools
import math
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from sweep.models import counting
from sweep.models.shape import Shape

DATA = "data"  # the mesh axis
WHOLE = -1  # of an array that every device keeps whole
SPLIT_FROM = 2**16  # elements of one trial's array; smaller ones cost more to gather than to keep

Remat = Literal["none", "dots", "full"]
POLICIES = {"dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable, "full": None}


@dataclass(frozen=True)
class Layout:
    """What is static about where weights lie and what is recomputed; no loss depends on it but by rounding.

    remat: what the backward pass keeps of a block. `none`: everything; `dots`: the products of the projections, so that
    norms, activations and attention run again; `full`: its input alone, so that the whole block runs again.
    """

    data: int = 1  # devices of a trial
    remat: Remat = "none"


ONE_DEVICE = Layout()


def split_axis(dims: tuple[int, ...], data: int) -> int:
    """The axis along which an array is split over `data` devices: the largest that divides, or WHOLE."""
    fits = [axis for axis in range(len(dims)) if dims[axis] % data == 0]
    if data == 1 or len(dims) == 1 or math.prod(dims) < SPLIT_FROM or not fits:  # gains of norms stay whole
        return WHOLE
    return max(fits, key=lambda axis: dims[axis])


@functools.lru_cache(maxsize=256)
def axes(shape: Shape, data: int) -> dict:
    """`split_axis` of every array of the parameter tree; the depth axis of blocks, which is scanned, is never split."""

    def of(tree: dict, lead: int) -> dict:
        return {
            name: of(part, lead) if isinstance(part, dict) else shifted(split_axis(part[lead:], data), lead)
            for name, part in tree.items()
        }

    tree = counting.leaves(shape)
    return {name: of(part, 1 if name == "blocks" else 0) for name, part in tree.items()}


def shifted(axis: int, lead: int) -> int:
    return axis if axis == WHOLE else axis + lead


def whole(x: Array, axis: int, dtype: jax.typing.DTypeLike) -> Array:
    """The whole array in `dtype` where it is split; the array itself, as it is, where it is not."""
    return x if axis == WHOLE else gather(x, axis, dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def gather(x: Array, axis: int, dtype: jax.typing.DTypeLike) -> Array:
    """The parts of all devices, side by side along `axis`; half the bytes travel in 16 bits, gradients in float32."""
    return jax.lax.all_gather(x.astype(dtype), DATA, axis=axis, tiled=True)


def gather_forward(x, axis, dtype):
    return gather(x, axis, dtype), None


def gather_backward(axis, dtype, _, gradient):
    summed = jax.lax.psum_scatter(gradient.astype(jnp.float32), DATA, scatter_dimension=axis, tiled=True)
    return (summed,)


gather.defvjp(gather_forward, gather_backward)


@jax.custom_vjp
def rows(table: Float[Array, "V D"], ids: Int[Array, "B L"]) -> Float[Array, "B L D"]:
    """Rows of a table; their gradients are added up in float32, which a frequent token needs in 16 bits."""
    return table[ids]


def rows_forward(table, ids):
    return table[ids], (table, ids)


def rows_backward(saved, gradient):
    table, ids = saved
    summed = jnp.zeros(table.shape, jnp.float32).at[ids].add(gradient.astype(jnp.float32))
    return summed.astype(table.dtype), None


rows.defvjp(rows_forward, rows_backward)
