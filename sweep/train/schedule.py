"""Learning-rate schedules as functions of traced step and horizon.

Ours because one compiled program serves every horizon of a cohort, and optax's schedules need theirs when traced.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

SCHEDULES = ("wsd", "cosine", "constant")
COOLDOWNS = ("sqrt", "linear")
COSINE_FLOOR = 0.1  # of the peak, at the horizon (Hoffmann et al. 2022, section 3)


def learning_rate(
    step: Int[Array, ""],
    *,
    peak: Float[Array, ""],
    horizon: Int[Array, ""],
    warmup: Int[Array, ""],
    cooldown: Int[Array, ""],
    schedule: Int[Array, ""],
    cooldown_shape: Int[Array, ""],
) -> Float[Array, ""]:
    """Learning rate of update number `step` (from 0). `schedule` and `cooldown_shape` index the tuples above.

    Linear warm-up to `peak`; then wsd holds it and falls over the last `cooldown` steps as 1 - sqrt(progress)
    (Hägele et al. 2024, arXiv 2405.18392) or linearly; cosine falls from the warm-up to the horizon; constant holds.
    """
    warm = jnp.minimum(1.0, (step + 1) / jnp.maximum(warmup, 1))
    left = jnp.clip((horizon - step) / jnp.maximum(cooldown, 1), 0.0, 1.0)
    wsd = jnp.where(cooldown_shape == 0, 1 - jnp.sqrt(1 - left), left)
    progress = jnp.clip((step - warmup) / jnp.maximum(horizon - warmup, 1), 0.0, 1.0)
    cosine = COSINE_FLOOR + (1 - COSINE_FLOOR) * 0.5 * (1 + jnp.cos(jnp.pi * progress))
    return peak * warm * jax.lax.select_n(schedule, wsd, cosine, jnp.ones_like(wsd))
