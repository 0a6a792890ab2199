"""Where the arrays of a cohort live on a mesh (trial, data)."""

from collections.abc import Sequence
from itertools import groupby

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float

from sweep.models import layout
from sweep.models.layout import DATA, WHOLE
from sweep.models.shape import Shape
from sweep.train.devices import Device
from sweep.train.topology import slice_of

TRIAL = "trial"


def make_mesh(devices: Sequence[Device], trial: int) -> Mesh:
    """A (trial, data) mesh over `devices`; both axes automatic outside shard_map (jax >= 0.9 defaults to explicit).

    Args:
        devices: in the order of `topology.by_host`.
    """
    return Mesh(laid_out(devices, trial), (TRIAL, DATA), axis_types=(AxisType.Auto, AxisType.Auto))


def laid_out(devices: Sequence[Device], trial: int) -> np.ndarray:
    """`devices` as [trial, data]: those of a row share its batches, those of a column send one another nothing.

    A row stays inside of a slice, or of a host where there are only hosts, as far as their devices divide so. Inside of
    a slice an axis follows the links of the torus where it can; elsewhere the mesh follows the order of `devices`.
    """
    data = len(devices) // trial
    slices = [list(group) for _, group in groupby(devices, key=slice_of)]
    if len(slices) > 1:
        if any(len(group) % data for group in slices):
            return np.array(devices, object).reshape(trial, data)
        return np.concatenate([laid_out(group, len(group) // data) for group in slices])
    try:
        return mesh_utils.create_device_mesh((trial, data), devices, allow_split_physical_axes=True)
    except (AssertionError, NotImplementedError, ValueError):  # a group of chips that is no box of the torus
        return np.array(devices, object).reshape(trial, data)


def specs(shape: Shape, data: int) -> dict:
    """Specs of the stacked parameters [T, ...]: trials over `trial`, large weights also over `data`."""
    return jax.tree.map(spec_of, layout.axes(shape, data))


def spec_of(axis: int) -> P:
    """Spec of one stacked array whose `axis`, not counting the trial's, is split over `data`."""
    return P(TRIAL) if axis == WHOLE else P(TRIAL, *[None] * axis, DATA)


def mean_gradient(grads: dict, shape: Shape, data: int) -> dict:
    """The gradient of the whole batch's mean loss from those of each device's part of the batch.

    A split weight's gradient has been summed over devices on its way back (models.layout.gather).
    """
    if data == 1:
        return grads
    return jax.tree.map(
        lambda g, axis: jax.lax.pmean(g, DATA) if axis == WHOLE else g / data, grads, layout.axes(shape, data)
    )


def gradient_norm(grads: dict, shape: Shape, data: int) -> Float[Array, ""]:
    """L2 norm of the whole gradient, of which each device holds its parts of the split arrays."""
    if data == 1:
        return optax.tree.norm(grads)
    squares = jax.tree.map(lambda g: jnp.sum(jnp.square(g)), grads)
    axes = layout.axes(shape, data)
    pairs = list(zip(jax.tree.leaves(squares), jax.tree.leaves(axes), strict=True))
    split = jnp.asarray(sum((s for s, axis in pairs if axis != WHOLE), start=jnp.float32(0)))
    return jnp.sqrt(jax.lax.psum(split, DATA) + sum(s for s, axis in pairs if axis == WHOLE))


def local_rows(batch: Array, data: int) -> Array:
    """This device's part of a batch [B, ...], `data` equal parts along the mesh axis."""
    if data == 1:
        return batch
    rows = batch.shape[0] // data
    return jax.lax.dynamic_slice_in_dim(batch, jax.lax.axis_index(DATA) * rows, rows)
