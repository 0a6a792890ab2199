"""Which windows a step reads: a pure function of (data seed, step), so a resumed run on any mesh sees the same batches.

The training tokens are cut into windows of seq_len inputs, side by side; targets are shifted by one, so a window reads
seq_len + 1 tokens. Every epoch visits the windows in an order of its own, each at most once, found without a table: an
alternating additive Feistel network on Z_a x Z_b (Black and Rogaway 2002, "Ciphers with arbitrary finite domains",
generalised Feistel) with a = floor(sqrt(n)) and b = n // a. Its domain a b is at most n and above n - a, so fewer than
sqrt(n) windows at the end of the text are never read; nothing loops, and nothing is stored.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Integer, UInt32

from sweep.errors import InputError
from sweep.models.shape import Shape

ROUNDS = 6
Scalar = int | np.integer | Integer[Array, ""]


def window_count(n_tokens: int, seq_len: int) -> int:
    """Windows of seq_len inputs and as many targets in a text of n_tokens."""
    return max(n_tokens - 1, 0) // seq_len


def sides(n_windows: int) -> tuple[int, int]:
    """a and b of the domain Z_a x Z_b."""
    a = math.isqrt(n_windows)
    return a, n_windows // max(a, 1)


def steps_per_epoch(n_windows: int, batch: int) -> int:
    """Steps that read every window at most once; 0 where there is less than one batch."""
    return math.prod(sides(n_windows)) // batch


def unique_windows(n_tokens: int, seq_len: int, batch: int) -> int:
    """Windows that one epoch reads; times seq_len, the unique tokens a trial can be trained on without a repeat."""
    return steps_per_epoch(window_count(n_tokens, seq_len), batch) * batch


def window_indices(data_seed: Scalar, step: Scalar, *, batch: int, n_windows: int) -> Int32[Array, "batch"]:
    """Numbers of the windows of one step.

    Args:
        data_seed, step: whole numbers, traced or not; step from 0, and past the first epoch.
        batch, n_windows: static.
    Raises:
        ValueError: fewer windows than a batch, or 2^31 and more.
    """
    steps = steps_per_epoch(n_windows, batch)
    if not steps or n_windows >= 2**31:
        raise ValueError(f"{n_windows} windows for a batch of {batch}: need a batch at least, and below 2^31")
    a, b = sides(n_windows)
    step = jnp.asarray(step).astype(jnp.uint32)
    epoch, within = step // steps, step % steps  # before the product with batch, which could overflow
    key = mix(mix(jnp.asarray(data_seed).astype(jnp.uint32) + jnp.uint32(0x9E3779B9)) ^ epoch)
    position = within * jnp.uint32(batch) + jnp.arange(batch, dtype=jnp.uint32)
    return permute(position, key, a, b).astype(jnp.int32)


def window_starts(
    data_seed: Scalar, step: Scalar, *, batch: int, n_windows: int, seq_len: int
) -> Int32[Array, "batch"]:
    """First tokens of the windows of one step; window i is tokens[start : start + seq_len + 1].

    Raises:
        ValueError: as `window_indices`, or a text of 2^31 tokens and more, which int32 cannot address.
    """
    if n_windows * seq_len >= 2**31:
        raise ValueError(f"{n_windows} windows of {seq_len} tokens: int32 addresses fewer than 2^31 tokens")
    return window_indices(data_seed, step, batch=batch, n_windows=n_windows) * jnp.int32(seq_len)


def batches(
    tokens: Integer[np.ndarray, "T"],
    shape: Shape,
    data_seed: Scalar,
    first: Scalar,
    steps: int,
    part: slice = slice(None),
) -> Integer[np.ndarray, "steps b W"]:
    """The batches of `steps` steps from `first` on, cut on the host: of any number of tokens.

    Args:
        part: which of a batch's sequences.
    """
    windows = window_count(len(tokens), shape.seq_len)
    find = functools.partial(window_indices, data_seed, batch=shape.batch, n_windows=windows)
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        index = jax.vmap(lambda step: find(step))(jnp.arange(first, first + steps, dtype=jnp.uint32))
    starts = np.asarray(index)[:, part].astype(np.int64) * shape.seq_len
    return tokens[starts[..., None] + np.arange(shape.seq_len + 1)]


def permute(position: UInt32[Array, "*n"], key: UInt32[Array, ""], a: int, b: int) -> UInt32[Array, "*n"]:
    """Bijection of 0 .. a b - 1; every round adds to one half a hash of the other, so it can be undone."""
    x, y = position // jnp.uint32(b), position % jnp.uint32(b)
    for r in range(ROUNDS):
        round_key = mix(key + jnp.uint32(r + 1))
        if r % 2:
            x = (x + mix(y ^ round_key) % jnp.uint32(a)) % jnp.uint32(a)
        else:
            y = (y + mix(x ^ round_key) % jnp.uint32(b)) % jnp.uint32(b)
    return x * jnp.uint32(b) + y


def mix(h: UInt32[Array, "*n"]) -> UInt32[Array, "*n"]:
    """The finaliser of MurmurHash3 (Appleby), after a shift off its fixed point 0."""
    h = h + jnp.uint32(0x6A09E667)
    h = (h ^ (h >> 16)) * jnp.uint32(0x85EBCA6B)
    h = (h ^ (h >> 13)) * jnp.uint32(0xC2B2AE35)
    return h ^ (h >> 16)


def validation_windows(val: Integer[np.ndarray, "T"], seq_len: int, tokens: int) -> Int32[np.ndarray, "n L"]:
    """A fixed set of held-out windows, evenly spread, of `tokens` targets or what there is; L = seq_len + 1.

    Raises:
        InputError: the held-out split is smaller than one window.
    """
    available = window_count(len(val), seq_len)
    if not available:
        raise InputError(
            f"data: {len(val)} held-out tokens are fewer than one window of {seq_len} + 1; "
            "give more text, a larger val_fraction or a shorter seq_len"
        )
    n = max(1, min(available, tokens // seq_len))
    start = (np.arange(n) * available // n) * seq_len
    return val[start[:, None] + np.arange(seq_len + 1)].astype(np.int32)
