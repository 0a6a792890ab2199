"""Which mode, how long a chunk, and how many rows a device holds."""

import dataclasses
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from models import counting
from sweep.train import devices
from sweep.train.machine import CHUNK_STEPS, VMAP_UP_TO, Machine, chunk_steps, mode_of
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
    mesh = make_mesh(jax.devices(), 4)
    with jax.set_mesh(mesh):
        return Machine.build(TINY, mesh, "vmap", 8, *data)


def test_rows_are_powers_of_two_of_the_trial_axis(machine):
    assert [machine.rows_for(n) for n in (1, 4, 5, 8, 9, 17)] == [4, 4, 8, 8, 16, 32]


def test_validation_windows_become_whole_batches(machine, data):
    assert machine.tokens.val.shape == (4, 8, 17)
    np.testing.assert_array_equal(np.asarray(machine.tokens.val).reshape(-1, 17), data[1])
    few = Machine.build(TINY, machine.mesh, "map", 8, data[0], data[1][:5])
    assert few.tokens.val.shape == (1, 5, 17)
    np.testing.assert_array_equal(machine.tokens.train, data[0])


class Account:
    """A compiled program of known appetite."""

    def __init__(self, rows: int):
        self.rows = rows

    def memory_analysis(self):
        return SimpleNamespace(temp_size_in_bytes=60 * self.rows, argument_size_in_bytes=40 * self.rows)


@pytest.mark.parametrize(
    ("bytes_", "resident", "rows"), [(10_000, 0.0, 16), (1000, 0.0, 8), (1000, 100.0, 4), (10, 0.0, 4)]
)
def test_the_most_rows_that_fit(machine, monkeypatch, bytes_, resident, rows):
    """100 bytes a row and 85 percent of the device: halved until they fit, down to a row a device."""
    monkeypatch.setattr(devices, "memory_bytes", lambda device: bytes_)
    monkeypatch.setattr(Machine, "chunk", lambda self, n: Account(n))
    assert machine.most_rows(13, resident) == rows
