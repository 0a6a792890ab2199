"""Rotary positions, causality, and scan against unrolled."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sweep.models import functional, transformer
from sweep.models.shape import Shape
from tests.models.fresh import fresh

SHAPE = Shape(vocab=50, width=16, depth=3, heads=4, kv_heads=2, head_dim=4, ffn=24, seq_len=16, batch=2)


@pytest.fixture(scope="module")
def params():
    return fresh(SHAPE)


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
    params = fresh(shape)
    changed = tokens.at[:, 9].set((tokens[:, 9] + 1) % SHAPE.vocab)
    logits = jax.jit(functools.partial(functional.apply, shape))
    before, after = (np.asarray(logits(params, t)) for t in (tokens, changed))
    np.testing.assert_array_equal(before[:, :9], after[:, :9])
    assert (np.abs(before[:, 9:] - after[:, 9:]).max(axis=(0, 2)) > 1e-4).all()  # and every later one is reached


@pytest.mark.slow
def test_scan_equals_unrolled(monkeypatch, params, tokens):
    window = jnp.pad(tokens, ((0, 0), (0, 1)))

    def loss_and_grads(scan_from: int):
        monkeypatch.setattr(transformer, "SCAN_FROM", scan_from)
        step = jax.jit(jax.value_and_grad(lambda p: functional.token_losses(SHAPE, p, window).mean()))
        compiled = step.lower(params).compile()
        return (compiled.as_text() or "").count(" while("), compiled(params)

    (loops, scanned), (no_loops, unrolled) = loss_and_grads(1), loss_and_grads(99)
    assert (loops > 0, no_loops) == (True, 0)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-5), scanned, unrolled)


@pytest.mark.parametrize("width", [16, 64])
def test_a_fresh_model_predicts_little(width):
    """Logits start as standard normals whatever the width, so the loss starts at ln V + 1/2 (the head untied)."""
    shape = dataclasses.replace(SHAPE, vocab=1000, width=width, tied=False, depth=1)
    window = jnp.asarray(np.random.default_rng(0).integers(0, 1000, (16, 17)), jnp.int32)
    loss = jax.jit(lambda p: functional.token_losses(shape, p, window).mean())
    assert float(loss(fresh(shape))) == pytest.approx(np.log(1000) + 0.5, abs=0.15)
