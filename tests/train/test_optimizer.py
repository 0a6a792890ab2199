"""AdamW against the formulas of Loshchilov and Hutter 2019 in NumPy float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from sweep.train import optimizer

HYPER = {"lr": 0.01, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.95, "grad_clip": 1.0}


def trees(scale: float = 1.0):
    rng = np.random.default_rng(0)
    params = {"layer": {"kernel": rng.normal(size=(3, 4)), "norm": {"scale": rng.normal(size=3)}}}
    grads = [jax.tree.map(lambda p: scale * rng.normal(size=p.shape), params) for _ in range(4)]
    return params, grads


def ours(params, grads, **changes):
    hyper = {k: jnp.float32(v) for k, v in (HYPER | changes).items()}
    params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), params)
    moments, norms = optimizer.init(params), []
    step = jax.jit(lambda p, g, m, norm: optimizer.update(p, g, m, norm=norm, **hyper))
    for g in grads:
        g = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), g)
        norms.append(float(optax.tree.norm(g)))
        params, moments = step(params, g, moments, jnp.float32(norms[-1]))
    return params, norms


def reference(params, grads, *, lr, weight_decay, beta1, beta2, grad_clip):
    """Float64, leaf by leaf: p -= lr (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + 1e-8) + decay p)."""
    leaves, tree = jax.tree.flatten(params)
    decays = [True, False]  # kernel, then the gain of the norm
    m, v, norms = [0.0, 0.0], [0.0, 0.0], []
    for t, grad in enumerate(grads, start=1):
        flat = jax.tree.leaves(grad)
        norms.append(np.sqrt(sum((g**2).sum() for g in flat)))
        for i, g in enumerate(flat):
            g = g * min(1.0, grad_clip / norms[-1])
            m[i] = beta1 * m[i] + (1 - beta1) * g
            v[i] = beta2 * v[i] + (1 - beta2) * g**2
            step = m[i] / (1 - beta1**t) / (np.sqrt(v[i] / (1 - beta2**t)) + 1e-8)
            leaves[i] = leaves[i] - lr * (step + weight_decay * decays[i] * leaves[i])
    return jax.tree.unflatten(tree, leaves), norms


@pytest.mark.parametrize("scale", [0.01, 10.0], ids=["below the clip", "clipped"])
def test_four_steps_equal_the_formulas(scale):
    params, grads = trees(scale)
    found, norms = ours(params, grads)
    expected, expected_norms = reference(params, grads, **HYPER)
    assert norms == pytest.approx(expected_norms, rel=1e-5)
    assert all((n > 1.0) == (scale > 1) for n in norms)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-7), found, expected)


def test_decay_touches_matrices_and_spares_gains():
    params, grads = trees()
    still = [jax.tree.map(np.zeros_like, g) for g in grads]
    found, _ = ours(params, still)
    np.testing.assert_allclose(found["layer"]["kernel"], params["layer"]["kernel"] * (1 - 0.001) ** 4, rtol=1e-6)
    np.testing.assert_array_equal(found["layer"]["norm"]["scale"], params["layer"]["norm"]["scale"].astype(np.float32))


def test_only_gains_are_called_scale():
    """The rule goes by name, so every leaf of a real model must be on the right side of it."""
    from sweep.models import functional
    from tests.train.tiny import TINY

    tree = jax.eval_shape(lambda: functional.init(TINY, jax.random.key(0)))
    for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]:
        in_norm = any("norm" in key.key for key in path)
        assert optimizer.decays(path, jnp.zeros(())) == (not in_norm)


def test_clipping_keeps_the_direction():
    """Two gradients that differ in length alone make one step where both are clipped."""
    params, grads = trees(10.0)
    longer = [jax.tree.map(lambda x: 7 * x, g) for g in grads]
    a, b = ours(params, grads)[0], ours(params, longer)[0]
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), a, b)
