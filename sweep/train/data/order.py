"""Which windows a step reads: a pure function of (data seed, step), so a resumed run on any mesh sees the same batches.

The training tokens are cut into windows of seq_len inputs, side by side; targets are shifted by one, so a window reads
seq_len + 1 tokens. Every epoch visits the windows in an order of its own, each at most once, found without a table: an
alternating additive Feistel network on Z_a x Z_b (Black and Rogaway 2002, "Ciphers with arbitrary finite domains",
generalised Feistel) with a = floor(sqrt(n)) and b = n // a. Its domain a b is at most n and above n - a, so fewer than
sqrt(n) windows at the end of the text are never read; nothing loops, and nothing is stored.
"""

import math
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Int64, Integer

from sweep.errors import InputError

ROUNDS = 6
Scalar = int | np.integer | Integer[Array, ""]
Hashed = TypeVar("Hashed", np.ndarray, jax.Array)  # uint32, of any shape


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
    """Numbers of the windows of one step, on the device.

    Args:
        data_seed, step: whole numbers, traced or not; step from 0, and past the first epoch.
        batch, n_windows: static.
    Raises:
        ValueError: fewer windows than a batch, or 2^31 and more.
    """
    seed, step = (jnp.asarray(x).astype(jnp.uint32) for x in (data_seed, step))
    return indices(seed, step, jnp.arange(batch, dtype=jnp.uint32), n_windows=n_windows, batch=batch).astype(jnp.int32)


def host_indices(
    data_seed: int, first: int, steps: int, *, batch: int, n_windows: int, part: slice = slice(None)
) -> Int64[np.ndarray, "steps b"]:
    """Numbers of the windows of `steps` steps from `first` on, the same ones, by NumPy alone: for a thread of the host,
    which must not touch a device.

    Args:
        part: which sequences of each batch.
    Raises:
        ValueError: as `window_indices`.
    """
    seed = np.array([data_seed], np.int64).astype(np.uint32)
    step = (first + np.arange(steps, dtype=np.int64)).astype(np.uint32)[:, None]
    place = np.arange(batch, dtype=np.uint32)[None, part]
    return indices(seed, step, place, n_windows=n_windows, batch=batch).astype(np.int64)


def indices(seed: Hashed, step: Hashed, place: Hashed, *, n_windows: int, batch: int) -> Hashed:
    """Numbers of windows: element `place` of the batch of a step. Arrays of NumPy or of JAX, which give equal numbers;
    no scalars of NumPy, which warn where a product wraps.
    """
    steps = steps_per_epoch(n_windows, batch)
    if not steps or n_windows >= 2**31:
        raise ValueError(f"{n_windows} windows for a batch of {batch}: need a batch at least, and below 2^31")
    a, b = sides(n_windows)
    epoch, within = step // np.uint32(steps), step % np.uint32(steps)  # before the product with batch: no overflow
    key = mix(mix(seed + np.uint32(0x9E3779B9)) ^ epoch)
    return permute(within * np.uint32(batch) + place, key, a, b)


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


def permute(position: Hashed, key: Hashed, a: int, b: int) -> Hashed:
    """Bijection of 0 .. a b - 1; every round adds to one half a hash of the other, so it can be undone."""
    rows, columns = np.uint32(a), np.uint32(b)
    x, y = position // columns, position % columns
    for r in range(ROUNDS):
        round_key = mix(key + np.uint32(r + 1))
        if r % 2:
            x = (x + mix(y ^ round_key) % rows) % rows
        else:
            y = (y + mix(x ^ round_key) % columns) % columns
    return x * columns + y


def mix(h: Hashed) -> Hashed:
    """The finaliser of MurmurHash3 (Appleby), after a shift off its fixed point 0."""
    h = h + np.uint32(0x6A09E667)
    h = (h ^ (h >> 16)) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> 13)) * np.uint32(0xC2B2AE35)
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
