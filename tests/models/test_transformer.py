"""Rotary positions, causality, and scan against unrolled."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import functional, transformer
from models.shape import Shape

SHAPE = Shape(vocab=50, width=16, depth=3, heads=4, kv_heads=2, head_dim=4, ffn=24, seq_len=16, batch=2)


@pytest.fixture(scope="module")
def params():
    return functional.init(SHAPE, jax.random.key(0))


@pytest.fixture(scope="module")
def tokens():
    return jnp.asarray(np.random.default_rng(0).integers(0, SHAPE.vocab, (2, SHAPE.seq_len)), jnp.int32)


def test_rotary_scores_depend_on_distance_alone():
    rng = np.random.default_rng(0)
    q, k = (jnp.broadcast_to(jnp.asarray(rng.normal(size=8), jnp.float32), (1, 16, 1, 8)) for _ in range(2))
    scores = np.einsum("la,ma->lm", *(np.asarray(transformer.rotate(x))[0, :, 0] for x in (q, k)))
    for distance in range(-15, 16):
        diagonal = np.diagonal(scores, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=0, atol=1e-5)
    assert np.ptp(scores) > 0.1


def test_rotary_turns_pairs_by_the_published_angles():
    """Complex numbers x_i + j x_{i + A/2} times exp(j position base^(-2 i / A)), in float64."""
    x = np.random.default_rng(1).normal(size=(1, 40, 1, 8))
    angle = np.arange(40)[:, None] * 10_000.0 ** (-2 * np.arange(4) / 8)
    turned = (x[0, :, 0, :4] + 1j * x[0, :, 0, 4:]) * np.exp(1j * angle)
    found = np.asarray(transformer.rotate(jnp.asarray(x, jnp.float32)))[0, :, 0]
    np.testing.assert_allclose(found, np.concatenate([turned.real, turned.imag], -1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("changes", [{}, {"tied": False, "activation": "gelu", "qk_norm": False}], ids=str)
def test_later_tokens_do_not_reach_back(tokens, changes):
    shape = dataclasses.replace(SHAPE, **changes)
    params = functional.init(shape, jax.random.key(0))
    changed = tokens.at[:, 9].set((tokens[:, 9] + 1) % SHAPE.vocab)
    before, after = (np.asarray(functional.apply(shape, params, t)) for t in (tokens, changed))
    np.testing.assert_array_equal(before[:, :9], after[:, :9])
    assert (np.abs(before[:, 9:] - after[:, 9:]).max(axis=(0, 2)) > 1e-4).all()  # and every later one is reached


def test_scan_equals_unrolled(monkeypatch, params, tokens):
    window = jnp.pad(tokens, ((0, 0), (0, 1)))

    def loss_and_grads(scan_from: int):
        monkeypatch.setattr(transformer, "SCAN_FROM", scan_from)
        step = jax.jit(jax.value_and_grad(lambda p: functional.token_losses(SHAPE, p, window).mean()))
        return str(jax.make_jaxpr(step)(params)).count("unroll=1\n"), step(params)

    (scans, scanned), (_, unrolled) = loss_and_grads(1), loss_and_grads(99)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-5), scanned, unrolled)
    assert scans


def test_residual_stream_starts_at_unit_variance_whatever_the_width():
    for width in (16, 64):
        shape = dataclasses.replace(SHAPE, width=width, vocab=4000)
        params = functional.init(shape, jax.random.key(1))
        embedded = params["embed"]["embedding"] * width**0.5
        assert float(jnp.var(embedded)) == pytest.approx(1.0, rel=0.05)


def test_a_fresh_model_predicts_little():
    """Logits of order one: the loss of an untrained model is near ln V, a little above."""
    shape = dataclasses.replace(SHAPE, vocab=1000, width=64)
    window = jnp.asarray(np.random.default_rng(0).integers(0, 1000, (4, 17)), jnp.int32)
    loss = float(functional.token_losses(shape, functional.init(shape, jax.random.key(0)), window).mean())
    assert np.log(1000) < loss < np.log(1000) + 1.0
