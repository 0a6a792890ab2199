"""AdamW from optax pieces, with every hyper-parameter traced so that one compile serves all trials of a cohort."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float


def init(params: dict) -> optax.ScaleByAdamState:
    """Zero moments, float32."""
    return optax.scale_by_adam().init(params)  # pyright: ignore[reportReturnType]


def decays(path: tuple, _: Array) -> bool:
    """Matrices decay, norm gains do not (they are called `scale` in every norm)."""
    return path[-1].key != "scale"


def update(
    params: dict,
    grads: dict,
    moments: optax.ScaleByAdamState,
    *,
    norm: Float[Array, ""],
    lr: Float[Array, ""],
    weight_decay: Float[Array, ""],
    beta1: Float[Array, ""],
    beta2: Float[Array, ""],
    grad_clip: Float[Array, ""],
) -> tuple[dict, optax.ScaleByAdamState]:
    """One AdamW step after clipping by global norm; decoupled decay scaled by the learning rate.

    Args:
        norm: of the whole gradient, of which `grads` may be this device's part.

    Returns:
        The new parameters and the new moments.
    """
    grads = jax.tree.map(lambda g: g * jnp.minimum(1.0, grad_clip / jnp.maximum(norm, 1e-12)), grads)
    adam = optax.scale_by_adam(b1=beta1, b2=beta2)  # pyright: ignore[reportArgumentType]
    updates, moments = adam.update(grads, moments, params)  # pyright: ignore[reportAssignmentType]
    decay = jax.tree_util.tree_map_with_path(lambda path, p: weight_decay * p * decays(path, p), params)
    params = jax.tree.map(lambda p, u, d: p - lr * (u + d), params, updates, decay)
    return params, moments
