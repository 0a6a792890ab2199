"""Where arrays live, and what the devices of a trial add up."""

import dataclasses

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from sweep.models import layout
from sweep.train.sharding import gradient_norm, local_rows, make_mesh, mean_gradient, spec_of, specs
from tests.train.tiny import TINY

WIDE = dataclasses.replace(TINY, width=256, heads=4, kv_heads=2, head_dim=64, ffn=704, vocab=512, tied=False)


@pytest.mark.parametrize("trial", [1, 2, 4, 8])
def test_mesh(trial):
    mesh = make_mesh(jax.devices(), trial)
    assert dict(mesh.shape) == {"trial": trial, "data": 8 // trial}


@pytest.mark.parametrize(
    ("axis", "spec"), [(layout.WHOLE, P("trial")), (0, P("trial", "data")), (2, P("trial", None, None, "data"))]
)
def test_specs_count_from_the_trial(axis, spec):
    assert spec_of(axis) == spec


def test_large_weights_are_split_and_small_ones_whole():
    found = specs(WIDE, 8)
    assert found["embed"]["embedding"] == P("trial", "data")
    assert found["blocks"]["up"]["kernel"] == P("trial", None, None, "data")  # 704 is larger than 256
    assert found["blocks"]["attention_norm"]["scale"] == P("trial")
    assert set(jax.tree.leaves(specs(TINY, 8), is_leaf=lambda x: isinstance(x, P))) == {P("trial")}
    assert set(jax.tree.leaves(specs(WIDE, 1), is_leaf=lambda x: isinstance(x, P))) == {P("trial")}


def test_devices_of_a_trial_average_their_gradients():
    """Whole weights are averaged; of split ones, summed on their way back, each device divides its part."""
    mesh, axes = make_mesh(jax.devices(), 1), layout.axes(WIDE, 8)
    rng = np.random.default_rng(0)
    tree = jax.tree.map(lambda dims: rng.normal(size=(8, *dims)).astype(np.float32), dims_of(WIDE), is_leaf=is_dims)

    def part(x, axis):  # what device i holds after the backward pass
        i = jax.lax.axis_index("data")
        if axis == layout.WHOLE:
            return x[i]
        return jax.lax.dynamic_slice_in_dim(x.sum(0), i * (x.shape[axis + 1] // 8), x.shape[axis + 1] // 8, axis)

    def both(tree):
        grads = mean_gradient(jax.tree.map(part, tree, axes), WIDE, 8)
        return grads, gradient_norm(grads, WIDE, 8)

    out = jax.tree.map(lambda axis: P() if axis == layout.WHOLE else P(*[None] * axis, "data"), axes)
    mean, norm = jax.jit(jax.shard_map(both, mesh=mesh, in_specs=P(), out_specs=(out, P()), check_vma=False))(tree)
    expected = jax.tree.map(lambda x: x.astype(np.float64).mean(0), tree)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-6), mean, expected)
    square = sum((x**2).sum() for x in jax.tree.leaves(expected))
    assert float(norm) == pytest.approx(np.sqrt(square), rel=1e-6)


def test_each_device_takes_its_rows():
    mesh = make_mesh(jax.devices(), 2)
    cut = jax.shard_map(lambda x: local_rows(x, 4), mesh=mesh, in_specs=P(), out_specs=P("data"), check_vma=False)
    np.testing.assert_array_equal(jax.jit(cut)(np.arange(12)), np.arange(12))


def is_dims(x) -> bool:
    return isinstance(x, tuple)


def dims_of(shape) -> dict:
    from sweep.models import counting

    return counting.leaves(shape)
