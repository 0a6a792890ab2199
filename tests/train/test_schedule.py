"""Learning rates against closed forms, and what a branch shares with its trunk."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sweep.train.rows import FOREVER
from sweep.train.schedule import COOLDOWNS, SCHEDULES, learning_rate


def rates(steps, *, horizon=100, warmup=10, cooldown=20, schedule="wsd", shape="sqrt", peak=0.5) -> np.ndarray:
    """Rate of each update number in `steps`."""
    traced = {
        "peak": jnp.float32(peak),
        "horizon": jnp.int32(horizon),
        "warmup": jnp.int32(warmup),
        "cooldown": jnp.int32(cooldown),
        "schedule": jnp.int32(SCHEDULES.index(schedule)),
        "cooldown_shape": jnp.int32(COOLDOWNS.index(shape)),
    }
    return np.asarray(jax.vmap(lambda s: learning_rate(s, **traced))(jnp.asarray(steps, jnp.int32)))


def test_warm_up_is_linear_and_ends_at_the_peak():
    np.testing.assert_allclose(rates(range(10)), 0.5 * np.arange(1, 11) / 10, rtol=1e-6)
    np.testing.assert_allclose(rates([0], warmup=0), [0.5])


def test_wsd_holds_until_the_cooldown():
    np.testing.assert_array_equal(rates(range(9, 81)), np.float32(0.5))


@pytest.mark.parametrize(("shape", "form"), [("sqrt", lambda t: 1 - np.sqrt(t)), ("linear", lambda t: 1 - t)])
def test_cooldown_falls_to_zero_at_the_horizon(shape, form):
    progress = np.arange(21) / 20
    np.testing.assert_allclose(rates(80 + np.arange(21), shape=shape), 0.5 * form(progress), rtol=1e-5, atol=1e-7)
    assert rates([100], shape=shape) == 0
    assert (rates([99], shape=shape) > 0).all()  # the last update that is made still moves


def test_cosine_falls_to_a_tenth():
    found = rates(np.arange(10, 101), schedule="cosine")
    progress = np.arange(91) / 90
    np.testing.assert_allclose(found, 0.5 * (0.1 + 0.9 * (1 + np.cos(np.pi * progress)) / 2), rtol=1e-5)
    assert found[-1] == pytest.approx(0.05)


def test_constant_holds_after_the_warm_up():
    np.testing.assert_array_equal(rates(np.arange(9, 101), schedule="constant"), np.float32(0.5))


def test_a_trunk_equals_its_branches_until_they_leave():
    trunk = rates(range(81), horizon=FOREVER, cooldown=1)
    np.testing.assert_array_equal(trunk, rates(range(81)))
    np.testing.assert_array_equal(trunk[:41], rates(range(41), horizon=50, cooldown=10))


def test_one_program_serves_every_horizon():
    made = jax.jit(lambda h: learning_rate(
        jnp.int32(40), peak=jnp.float32(1), horizon=h, warmup=jnp.int32(0), cooldown=jnp.int32(20),
        schedule=jnp.int32(0), cooldown_shape=jnp.int32(1),
    ))  # fmt: skip
    assert [float(made(jnp.int32(h))) for h in (50, 60, 100)] == [0.5, 1.0, 1.0]
