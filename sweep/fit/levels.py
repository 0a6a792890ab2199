"""Lanes that need few passes and lanes that need many, in one compiled program.

A block of lanes takes as many passes as its slowest lane. So all lanes get some passes, then those that are left
unfinished are put side by side and only their blocks get some more, and so on: levels. A lane keeps its state from one
level to the next, and each level's blocks run the same code.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree


@runtime_checkable
class Finishes(Protocol):
    """A pytree of arrays [lanes, ...] that says which lanes are done."""

    @property
    def done(self) -> jax.Array: ...


State = TypeVar("State", bound=Finishes)


def in_levels(
    solve: Callable[[State, Any, jax.Array], State], state: State, data: Any, block: int, passes: jax.Array
) -> State:
    """The state of all lanes after so many passes at each level.

    Args:
        solve: (state, data, most) -> state of a block of lanes, after at most so many passes.
        state: a pytree of arrays [lanes, ...] with `done` [lanes].
        data: a pytree of arrays [lanes, ...] that stay.
        block: lanes in a block, a divisor of all.
        passes: [levels].
    """
    _, unravel = ravel_pytree(jax.tree.map(lambda x: x[0], state))  # all of a lane in a row: one array to move
    pack, unpack = jax.vmap(lambda lane: ravel_pytree(lane)[0]), jax.vmap(unravel)

    def level(carry: tuple[jax.Array, jax.Array], most: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        packed, order = carry
        done = unpack(packed).done
        turn = jnp.argsort(done, stable=True)  # the unfinished first
        packed, order = packed[turn], order[turn]

        def one(b: jax.Array, packed: jax.Array) -> jax.Array:
            mine, lanes = (jax.lax.dynamic_slice_in_dim(x, b * block, block) for x in (packed, order))
            found = solve(unpack(mine), jax.tree.map(lambda x: x[lanes], data), most)
            return jax.lax.dynamic_update_slice_in_dim(packed, pack(found), b * block, 0)

        blocks = (jnp.sum(~done, dtype=jnp.int32) + block - 1) // block
        return (jax.lax.fori_loop(0, blocks, one, packed), order), None

    order = jnp.arange(len(state.done), dtype=jnp.int32)
    (packed, order), _ = jax.lax.scan(level, (pack(state), order), passes)
    return unpack(packed[jnp.argsort(order)])


def transposed(tree):
    """Lanes first as lanes last, and the other way round."""
    return jax.tree.map(jnp.transpose, tree)


def in_blocks(f, lanes, block: int):
    """`f` of a pytree of arrays [lanes, ...], block by block."""
    blocks = jax.tree.map(lambda x: x.reshape(-1, block, *x.shape[1:]), lanes)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), jax.lax.map(f, blocks))
