"""Levels of passes: against lanes that go alone, with counted passes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sweep.fit.levels import in_blocks, in_levels


class Countdown(NamedTuple):
    """A lane counts the passes it was given and is done after as many as it needs."""

    name: jax.Array
    path: jax.Array
    passes: jax.Array
    done: jax.Array


def solve(state: Countdown, needed: jax.Array, most: jax.Array) -> Countdown:
    def one_pass(_: jax.Array, s: Countdown) -> Countdown:
        passes = s.passes + ~s.done
        path = jnp.where(s.done[:, None], s.path, s.path + s.name[:, None])
        return Countdown(s.name, path, passes, passes >= needed)

    return jax.lax.fori_loop(0, most, one_pass, state)


@pytest.mark.parametrize("levels", [(9,), (2, 2, 5), (1,) * 9, (0, 9)])
def test_every_lane_gets_the_passes_it_needs(levels):
    rng = np.random.default_rng(0)
    needed = rng.integers(0, 10, 64).astype(np.int32)
    name = np.arange(64, dtype=np.float32)
    start = Countdown(jnp.asarray(name), jnp.zeros((64, 3)), jnp.zeros(64, jnp.int32), jnp.asarray(needed == 0))
    end = jax.jit(lambda s: in_levels(solve, s, jnp.asarray(needed), 8, jnp.asarray(levels, jnp.int32)))(start)
    np.testing.assert_array_equal(end.name, name)  # each lane is back in its place
    np.testing.assert_array_equal(end.passes, needed)
    np.testing.assert_array_equal(end.path, (name * needed)[:, None] * np.ones(3))
    assert end.done.all()
    assert end.passes.dtype == jnp.int32
    assert end.done.dtype == bool


def test_what_runs_out_of_passes_is_not_done():
    needed = jnp.asarray([1, 2, 3, 4, 5, 6, 7, 8], jnp.int32)
    start = Countdown(jnp.ones(8), jnp.zeros((8, 1)), jnp.zeros(8, jnp.int32), jnp.zeros(8, bool))
    end = in_levels(solve, start, needed, 2, jnp.asarray([3, 2], jnp.int32))
    np.testing.assert_array_equal(end.passes, np.minimum(needed, 5))
    np.testing.assert_array_equal(end.done, needed <= 5)


def test_blocks_without_an_unfinished_lane_are_not_run():
    """The second level only solves the blocks that hold what the first left."""
    needed = jnp.asarray([9, 1, 1, 1, 1, 1, 1, 9], jnp.int32)
    runs = []

    def counted(state, data, most):
        jax.debug.callback(lambda: runs.append(1))
        return solve(state, data, most)

    start = Countdown(jnp.ones(8), jnp.zeros((8, 1)), jnp.zeros(8, jnp.int32), jnp.zeros(8, bool))
    end = in_levels(counted, start, needed, 2, jnp.asarray([1, 8], jnp.int32))
    jax.effects_barrier()
    assert end.done.all()
    assert len(runs) == 4 + 1


def test_blocks_are_put_together_in_order():
    x = jnp.arange(12.0).reshape(6, 2)
    np.testing.assert_array_equal(in_blocks(lambda a: a[0] + a[1][:, None], (x, x[:, 0]), 3), x + x[:, :1])
