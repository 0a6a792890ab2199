"""The plain peer: one trial, one jitted Flax train step called from Python for every batch, as small scripts do.

The model is this project's own, so that the comparison is of the loop and not of the model. The rest is what a user
writes: optax.adamw with its schedule baked in, clipping, batches cut by NumPy from random places of the token array,
one transfer and one call a step, the loss read as it comes. Two kindnesses: compiling is left out, and all trials of a
run share one compile, where a script started anew for each learning rate compiles each time.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from sweep.models import functional
from sweep.models.shape import Shape


class TrainState(NamedTuple):
    params: Any
    opt_state: Any


class Loop(NamedTuple):
    """The two jitted functions of a script."""

    init: Callable[[Any], TrainState]  # key -> state
    train_step: Callable[[TrainState, Any], tuple[TrainState, Any]]  # state, [B, L + 1] tokens -> state, loss


def make(shape: Shape, *, peak: float, horizon: int) -> Loop:
    """A script for `shape` with a cosine schedule to `horizon` steps."""
    schedule = optax.warmup_cosine_decay_schedule(0.0, peak, horizon // 20, horizon, peak / 10)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, b1=0.9, b2=0.95, weight_decay=0.1))

    @jax.jit
    def init(key):
        params = functional.init(shape, key)
        return TrainState(params, optimizer.init(params))

    def train_step(state, window):
        loss, grads = jax.value_and_grad(lambda p: functional.token_losses(shape, p, window).mean())(state.params)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        return TrainState(optax.apply_updates(state.params, updates), opt_state), loss

    return Loop(init, jax.jit(train_step, donate_argnums=0))


def batches(tokens: np.ndarray, shape: Shape, seed: int):
    """Endless batches [B, L + 1] from random places of the training tokens."""
    rng = np.random.default_rng(seed)
    while True:
        starts = rng.integers(0, len(tokens) - shape.seq_len - 1, shape.batch)
        yield tokens[starts[:, None] + np.arange(shape.seq_len + 1)].astype(np.int32)


def train(loop: Loop, state: TrainState, data, steps: int, *, behind: int = 0) -> tuple[TrainState, list[float]]:
    """`steps` steps; returns the state and the loss of each.

    Args:
        behind: how many steps later a loss is read. 0 waits for every step, as most scripts do; 1 reads step k after
            step k + 1 is sent, as nanodo does, which keeps the device busy.
    """
    losses, waiting = [], []
    for _ in range(steps):
        state, loss = loop.train_step(state, jnp.asarray(next(data)))
        waiting.append(loss)
        if len(waiting) > behind:
            losses.append(float(waiting.pop(0)))
    return state, losses + [float(loss) for loss in waiting]
