"""Which axis of a weight is split; gathered weights and their gradients against whole ones."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from sweep.models import counting, functional, layout
from sweep.models.layout import Layout
from sweep.models.shape import Shape
from tests.models.fresh import fresh

SHAPE = Shape(vocab=512, width=256, depth=2, heads=4, kv_heads=2, head_dim=64, ffn=704, seq_len=16, batch=8, tied=False)


@pytest.mark.parametrize(
    ("dims", "data", "axis"),
    [
        ((512, 1024), 8, 1),
        ((1024, 512), 8, 0),
        ((1021, 512), 8, 1),  # the largest that divides
        ((1021, 509), 8, layout.WHOLE),
        ((512, 1024), 1, layout.WHOLE),
        ((16, 16), 8, layout.WHOLE),  # too small to gather
        ((), 8, layout.WHOLE),
        ((layout.SPLIT_FROM // 2, 2), 2, 0),
        ((layout.SPLIT_FROM // 2 - 2, 2), 2, layout.WHOLE),
        ((layout.SPLIT_FROM,), 2, layout.WHOLE),  # the gain of a norm
    ],
)
def test_the_largest_dimension_that_divides(dims, data, axis):
    assert layout.split_axis(dims, data) == axis


@pytest.mark.parametrize("changes", [{}, {"tied": True, "activation": "gelu", "qk_norm": False}], ids=str)
def test_leaves_are_the_parameter_tree(changes):
    shape = dataclasses.replace(SHAPE, **changes)
    tree = jax.eval_shape(lambda: functional.init(shape, jax.random.key(0)))
    assert counting.leaves(shape) == jax.tree.map(lambda x: x.shape, tree)


def test_the_depth_axis_is_never_split():
    deep = dataclasses.replace(SHAPE, depth=4096)
    assert layout.axes(deep, 8)["blocks"]["q"]["kernel"] == 1
    assert layout.axes(SHAPE, 8)["blocks"]["attention_norm"]["scale"] == layout.WHOLE


@functools.cache
def whole_loss_and_gradient(tied: bool):
    shape = dataclasses.replace(SHAPE, tied=tied)
    step = jax.jit(jax.value_and_grad(lambda p: functional.token_losses(shape, p, windows()).mean()))
    return step(fresh(shape))


def windows():
    return jnp.asarray(np.random.default_rng(0).integers(0, SHAPE.vocab, (SHAPE.batch, SHAPE.seq_len + 1)), jnp.int32)


@pytest.mark.slow
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("data", "remat"), [(8, "none"), (2, "dots"), (4, "full")])
def test_split_weights_give_the_loss_and_gradient_of_whole_ones(data, remat, tied):
    shape = dataclasses.replace(SHAPE, tied=tied)
    mesh = jax.make_mesh((data,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:data])
    axes = layout.axes(shape, data)
    split = jax.tree.map(lambda axis: P() if axis == layout.WHOLE else P(*[None] * axis, "data"), axes)

    def local(params, window):
        def loss(p):
            return functional.token_losses(shape, p, window, Layout(data, remat)).mean()

        value, grads = jax.value_and_grad(loss)(params)
        grads = jax.tree.map(lambda g, a: jax.lax.pmean(g, "data") if a == layout.WHOLE else g / data, grads, axes)
        return jax.lax.pmean(value, "data"), grads

    step = jax.shard_map(local, mesh=mesh, in_specs=(split, P("data")), out_specs=(P(), split), check_vma=False)
    found, expected = jax.jit(step)(fresh(shape), windows()), whole_loss_and_gradient(tied)
    assert any(axis != layout.WHOLE for axis in jax.tree.leaves(axes["blocks"]))
    assert float(found[0]) == pytest.approx(float(expected[0]), rel=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7), found[1], expected[1])


def test_the_gains_of_the_widest_norm_stay_whole():
    """Those behind the last block are not gathered."""
    assert layout.split_axis((2**16,), 8) == layout.WHOLE
    assert layout.split_axis((2, 2**15), 8) == 1


def test_a_frequent_token_keeps_its_gradient_in_16_bits():
    """4,096 equal gradients added up in bfloat16 stop growing at 256; in float32 they add up."""
    table, ids = jnp.zeros((4, 2), jnp.bfloat16), jnp.zeros((1, 4096), jnp.int32)
    grad = jax.grad(lambda t: layout.rows(t, ids).astype(jnp.float32).sum())(table)
    np.testing.assert_array_equal(np.asarray(grad, np.float32)[0], [4096, 4096])
