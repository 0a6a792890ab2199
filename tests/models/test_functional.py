"""The seam: plain arrays in and out, the loss against NumPy, in slices and whole, in float32 and bfloat16."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sweep.models import functional
from sweep.models.shape import Shape
from tests.models.fresh import fresh

SHAPE = Shape(vocab=60, width=16, depth=2, heads=2, kv_heads=1, head_dim=8, ffn=24, seq_len=12, batch=3)
WINDOW = jnp.asarray(np.random.default_rng(0).integers(0, SHAPE.vocab, (SHAPE.batch, SHAPE.seq_len + 1)), jnp.int32)


@pytest.fixture(scope="module")
def params():
    return fresh(SHAPE)


def mean_loss(shape: Shape):
    return jax.jit(jax.value_and_grad(lambda p: functional.token_losses(shape, p, WINDOW).mean()))


def test_params_are_plain_float32(params):
    assert all(type(x) is dict for x in (params, params["blocks"], params["blocks"]["q"]))
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    assert {leaf.shape[0] for leaf in jax.tree.leaves(params["blocks"])} == {SHAPE.depth}


def test_init_is_a_function_of_the_key(params):
    again, other = (fresh(SHAPE, n) for n in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, params, again)
    assert not np.array_equal(params["embed"]["embedding"], other["embed"]["embedding"])
    blocks = np.asarray(params["blocks"]["q"]["kernel"])
    assert not np.array_equal(blocks[0], blocks[1])
    assert not np.array_equal(params["blocks"]["up"]["kernel"], params["blocks"]["gate"]["kernel"])


def test_token_losses_are_minus_log_softmax_of_the_next_token(params):
    logits = np.asarray(jax.jit(functools.partial(functional.apply, SHAPE))(params, WINDOW[:, :-1]), np.float64)
    log_total = np.log(np.exp(logits).sum(-1))
    picked = np.take_along_axis(logits, np.asarray(WINDOW)[:, 1:, None], -1)[..., 0]
    found = jax.jit(functools.partial(functional.token_losses, SHAPE))(params, WINDOW)
    np.testing.assert_allclose(found, log_total - picked, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("slices", "tied"), [(2, True), pytest.param(3, False, marks=pytest.mark.slow)])
def test_slices_equal_the_whole(monkeypatch, slices, tied):
    shape = dataclasses.replace(SHAPE, tied=tied)
    params = fresh(shape)
    whole = mean_loss(shape)(params)
    elements = SHAPE.batch * SHAPE.seq_len * SHAPE.vocab
    monkeypatch.setattr(functional, "LOGITS_AT_ONCE", elements // slices)
    assert functional.slices_of(SHAPE.seq_len, elements) == slices
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-6), mean_loss(shape)(params), whole)


@pytest.mark.parametrize(
    ("limit", "slices"), [(100, 1), (99, 2), (34, 3), (33, 4), (21, 6), (19, 6), (10, 12), (1, 12)]
)
def test_slices_divide_the_sequence(monkeypatch, limit, slices):
    monkeypatch.setattr(functional, "LOGITS_AT_ONCE", limit)
    assert functional.slices_of(12, 100) == slices


def test_bfloat16_computes_in_16_bits_and_keeps_32(params):
    shape = dataclasses.replace(SHAPE, dtype="bfloat16")
    born = fresh(shape)
    jax.tree.map(np.testing.assert_array_equal, born, params)
    loss, grads = mean_loss(shape)(born)
    exact, _ = mean_loss(SHAPE)(params)
    assert loss.dtype == jnp.float32
    assert {g.dtype for g in jax.tree.leaves(grads)} == {jnp.dtype("float32")}
    assert jax.eval_shape(functools.partial(functional.apply, shape), born, WINDOW[:, :-1]).dtype == jnp.float32
    assert 0 < abs(float(loss - exact)) < 0.05  # rounded, so it really ran in bfloat16
    hidden = jax.eval_shape(lambda p: functional.module(shape, p)(WINDOW[:, :-1]), born)
    assert hidden.dtype == jnp.bfloat16
