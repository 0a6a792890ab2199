"""The order of windows: a bijection every epoch, another every epoch and seed, the same on any number of devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from sweep.errors import InputError
from sweep.train.data import order


def epoch_of(seed: int, epoch: int, batch: int, n: int) -> np.ndarray:
    """Every window of one epoch in its order, computed step by step under one vmap."""
    steps = order.steps_per_epoch(n, batch)
    step = jnp.arange(steps, dtype=jnp.int32) + epoch * steps
    indices = jax.jit(jax.vmap(lambda s: order.window_indices(seed, s, batch=batch, n_windows=n)))
    return np.asarray(indices(step)).ravel()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 12, 13, 97, 100, 101, 1024, 10_007])
def test_an_epoch_visits_each_window_of_the_domain_once(n: int):
    a, b = order.sides(n)
    assert n - a < a * b <= n
    for epoch in (0, 1, 5):
        assert sorted(epoch_of(3, epoch, 1, n)) == list(range(a * b))


@pytest.mark.parametrize(("n", "batch"), [(97, 8), (1000, 7), (64, 64)])
def test_a_batched_epoch_repeats_no_window(n: int, batch: int):
    seen = epoch_of(0, 2, batch, n)
    assert len(seen) == len(set(seen)) == order.steps_per_epoch(n, batch) * batch
    assert seen.min() >= 0
    assert seen.max() < n


def test_every_epoch_and_every_seed_has_its_own_order():
    orders = [tuple(epoch_of(seed, epoch, 10, 1000)) for seed in range(4) for epoch in range(4)]
    assert len(set(orders)) == 16
    # two random orders of 961 positions agree in one place on average (Poisson); ten is far in the tail (p = 1e-7)
    agreements = [np.sum(np.array(x) == np.array(y)) for i, x in enumerate(orders) for y in orders[:i]]
    assert max(agreements) < 10
    assert 0.5 < np.mean(agreements) < 1.6


def test_positions_are_uniform_over_epochs_and_neighbours_are_scattered():
    n, epochs = 36, 2000
    step = jnp.arange(epochs, dtype=jnp.int32)
    orders = np.asarray(jax.vmap(lambda s: order.window_indices(0, s, batch=n, n_windows=n))(step))
    counts = np.stack([np.bincount(orders[:, j], minlength=n) for j in range(n)])
    chi2 = ((counts - epochs / n) ** 2 / (epochs / n)).sum()
    freedom = (n - 1) ** 2  # rows and columns both have fixed sums
    assert abs(chi2 - freedom) < 6 * np.sqrt(2 * freedom)
    steps = np.bincount((orders[:, 1] - orders[:, 0]) % n, minlength=n)[1:]  # of the first two windows of an epoch
    assert ((steps - epochs / (n - 1)) ** 2 / (epochs / (n - 1))).sum() < 35 + 6 * np.sqrt(70)


def test_far_steps_do_not_overflow():
    n, batch = 50_000, 64
    steps = order.steps_per_epoch(n, batch)
    far = 2**31 - 1  # far x batch is above 2^32
    seen = np.asarray(order.window_indices(1, far, batch=batch, n_windows=n))
    epoch, within = divmod(far, steps)
    whole = epoch_of(1, 0, batch, n).reshape(steps, batch)
    assert len(set(seen)) == batch
    assert 0 <= seen.min() <= seen.max() < n
    assert not np.array_equal(seen, whole[within])  # another epoch, another order
    near = np.asarray(order.window_indices(1, jnp.uint32(epoch * steps + within), batch=batch, n_windows=n))
    assert np.array_equal(seen, near)


def test_traced_under_jit_and_vmap_equals_plain():
    starts = functools.partial(order.window_starts, batch=8, n_windows=300, seq_len=16)
    plain = np.stack([np.asarray(starts(seed, 77)) for seed in range(3)])
    traced = jax.jit(jax.vmap(starts, in_axes=(0, None)))(jnp.arange(3), jnp.int32(77))
    assert traced.dtype == jnp.int32
    assert np.array_equal(plain, traced)
    assert np.all(plain % 16 == 0)


def test_equal_on_one_and_on_eight_devices():
    starts = functools.partial(order.window_starts, batch=16, n_windows=300, seq_len=16)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    spread = jax.jit(starts, out_shardings=NamedSharding(mesh, P("data")))(jnp.int32(5), jnp.int32(40))
    assert len(spread.sharding.device_set) == 8
    assert np.array_equal(spread, jax.jit(starts)(jnp.int32(5), jnp.int32(40)))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 2**31 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**31 - 4))
def test_the_host_finds_the_windows_that_a_device_finds(data: st.DataObject, windows: int, seed: int, first: int):
    most = int(np.prod(order.sides(windows)))
    batch = data.draw(st.integers(1, min(most, 40)))
    start = data.draw(st.integers(0, batch - 1))
    part = slice(start, data.draw(st.integers(start + 1, batch)))
    host = order.host_indices(seed, first, 3, batch=batch, n_windows=windows, part=part)
    assert host.dtype == np.int64
    for n in range(3):
        one = order.window_indices(jnp.uint32(seed), jnp.int32(first + n), batch=batch, n_windows=windows)
        np.testing.assert_array_equal(host[n], np.asarray(one)[part])


def test_counts():
    assert order.window_count(1, 4) == 0
    assert order.window_count(4, 4) == 0  # four inputs, but no fourth target
    assert order.window_count(5, 4) == 1
    assert order.steps_per_epoch(0, 1) == 0
    assert order.steps_per_epoch(10, 4) == 2  # 3 x 3 windows
    assert order.unique_windows(41, 4, 4) == 8


def test_refuses_less_than_a_batch_and_more_than_int32():
    with pytest.raises(ValueError, match="batch"):
        order.window_indices(0, 0, batch=10, n_windows=9)
    with pytest.raises(ValueError, match="batch"):
        order.host_indices(0, 0, 1, batch=1, n_windows=2**31)
    with pytest.raises(ValueError, match="int32"):
        order.window_starts(0, 0, batch=1, n_windows=2**25, seq_len=64)


def test_validation_windows_are_spread_and_shifted_by_one():
    val = np.arange(1001, dtype=np.uint16)
    windows = order.validation_windows(val, 10, 50)
    assert windows.dtype == np.int32
    assert windows[:, 0].tolist() == [0, 200, 400, 600, 800]
    assert np.array_equal(windows[:, 1:], windows[:, :-1] + 1)
    everything = order.validation_windows(val, 10, 10**9)
    assert np.array_equal(everything[:, :-1].ravel(), np.arange(1000))
    with pytest.raises(InputError, match="held-out"):
        order.validation_windows(val[:10], 10, 50)
