"""Which mode, how long a chunk, and how many rows a device holds."""

import dataclasses
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from sweep.design.cost import VMAP_UP_TO, mode_of
from sweep.models import counting
from sweep.train import state
from sweep.train.machine import CHUNK_STEPS, Machine, chunk_steps, feeds
from sweep.train.program import Execution, batch_at
from sweep.train.sharding import make_mesh
from tests.train.tiny import TINY

LARGE = dataclasses.replace(TINY, width=1024, heads=8, kv_heads=8, head_dim=128, ffn=4096, depth=8)


@pytest.mark.parametrize(
    ("shape", "platform", "mode"),
    [(TINY, "cpu", "map"), (TINY, "gpu", "vmap"), (TINY, "tpu", "vmap"), (LARGE, "gpu", "map")],
)
def test_small_models_are_batched_on_accelerators_alone(shape, platform, mode):
    assert (counting.params(shape).total < VMAP_UP_TO) == (shape is TINY)
    assert mode_of(shape, platform) == mode


def test_chunks_of_a_few_seconds():
    cpu = [SimpleNamespace(device_kind="cpu")]
    gpu = [SimpleNamespace(device_kind="NVIDIA H200")]
    assert chunk_steps(TINY, 1, cpu) == CHUNK_STEPS[1]
    assert chunk_steps(LARGE, 64, cpu) == CHUNK_STEPS[0]
    work = counting.train_flops_per_token(LARGE) * LARGE.batch_tokens * 64
    steps = chunk_steps(dataclasses.replace(LARGE, batch=32), 64, gpu)
    assert steps == int(4.0 * 0.2 * 989e12 / (4 * work))
    assert CHUNK_STEPS[0] < steps < CHUNK_STEPS[1]


@pytest.fixture
def machine(data) -> Machine:
    return Machine(TINY, make_mesh(jax.devices(), 4), Execution("vmap"), 8, *data)


def test_rows_are_powers_of_two_of_the_trial_axis(machine):
    assert [machine.rows_for(n) for n in (1, 4, 5, 8, 9, 17)] == [4, 4, 8, 8, 16, 32]


def test_validation_windows_become_whole_batches(machine, data):
    assert machine.val.shape == (4, 8, 17)
    np.testing.assert_array_equal(np.asarray(machine.val).reshape(-1, 17), data[1])
    few = dataclasses.replace(machine, windows=data[1][:5])
    assert few.val.shape == (1, 6, 17)  # in equal parts for the two devices of a trial
    np.testing.assert_array_equal(few.val[0], data[1][[0, 1, 2, 3, 4, 0]])
    assert dataclasses.replace(machine, windows=data[1][:1]).val.shape == (1, 2, 17)
    np.testing.assert_array_equal(machine.resident, data[0])


def test_other_micro_batches_cut_the_windows_anew(machine):
    assert machine.val.shape == (4, 8, 17)
    machine.use(Execution("vmap", "none", 2))  # after a device has run out of memory
    assert machine.val.shape == machine.abstract_validation().shape == (8, 4, 17)


def test_a_stream_that_is_large_comes_with_the_chunks():
    assert not feeds(10**6, 2, 10**9)
    assert feeds(10**8, 2, 10**9)
    assert feeds(2**31, 2, 10**15)


@pytest.mark.parametrize("fed", [False, True], ids=["resident", "fed"])
def test_batches_are_those_of_a_data_seed_and_a_step(machine, data, fed):
    machine = dataclasses.replace(machine, fed=fed)
    seeds, first = np.array([0, 0, 3, 7], np.uint32), np.array([0, 5, 100, 3], np.int32)
    taken = np.array([8, 3, 0, 20])  # a row may end before the chunk does, idle, or go on for long
    found = np.asarray(machine.batches(seeds, first, taken))
    machine.feeder.close()
    assert found.shape == (4, 8, 8, 17)
    assert found.dtype == np.uint16
    assert not found[2].any()
    for row, (seed, step) in enumerate(zip(seeds, first, strict=True)):
        for n in range(min(8, taken[row])):
            expected = batch_at(TINY, jax.numpy.asarray(data[0]), jax.numpy.int32(step + n), jax.numpy.uint32(seed))
            np.testing.assert_array_equal(found[row, n], expected)


def test_state_bytes_are_what_the_state_takes(machine):
    with jax.set_mesh(machine.mesh):
        states = machine.init(state.stack([state.example_hyper()] * 8))
    taken = sum(s.data.nbytes for x in jax.tree.leaves(states) for s in x.addressable_shards[:1])
    assert machine.state_bytes(8) == taken
