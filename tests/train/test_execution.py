"""What is static and changes no loss but by rounding: recomputation, micro-batches, loops, meshes, fed tokens.

The model is just large enough that its embedding, head and feed-forward are split over the devices of a trial.
"""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np
import pytest

from sweep.models import layout, transformer
from sweep.models.shape import Shape
from sweep.train import state
from sweep.train.machine import Machine
from sweep.train.program import Execution
from sweep.train.rows import hyper_of
from sweep.train.sharding import make_mesh
from tests.train.tiny import make_trial

SHAPE = Shape(vocab=512, width=128, depth=2, heads=4, kv_heads=2, head_dim=32, ffn=512, seq_len=16, batch=8, tied=False)
STEPS = 20


@pytest.fixture(scope="module")
def text() -> tuple[np.ndarray, np.ndarray]:
    """A noisy counter modulo 512, and validation windows."""
    rng = np.random.default_rng(0)
    tokens = (np.arange(9000) + (rng.random(9000) < 0.2) * rng.integers(0, 512, 9000)) % 512
    return tokens[:8000].astype(np.uint16), tokens[8000:8544].reshape(32, 17).astype(np.int32)


def trained(text, execution: Execution, *, data: int = 1, trial: int = 1, rows: int = 1, fed: bool = False):
    """Training losses [STEPS, rows] and validation losses [rows] of rows that differ in their rate and seed."""
    mesh = make_mesh(jax.devices()[: data * trial], trial)
    machine = Machine(SHAPE, mesh, execution, STEPS, *text, fed=fed)
    hypers = state.stack([hyper_of(make_trial(SHAPE, seed=i, lr=0.001 * (i + 1), steps=40)) for i in range(rows)])
    with jax.set_mesh(mesh):
        until, wanted = machine.by_trial((np.full(rows, STEPS, np.int32), np.ones(rows, bool)))
        batches = machine.batches(hypers.data_seed, np.zeros(rows, np.int32), np.full(rows, STEPS))
        states = machine.init(hypers)
        states, report = machine.chunk(rows)(batches, states, machine.by_trial(hypers), until)
        found = machine.validation(rows)(machine.val, states.params, wanted)
    machine.feeder.close()
    return np.asarray(report.train_loss), np.asarray(found.loss), jax.tree.map(np.asarray, states.params)


@pytest.fixture(scope="module")
def reference(text):
    """One device, nothing recomputed, one micro-batch; by the number of rows."""
    return functools.cache(lambda rows: trained(text, Execution("map"), rows=rows))


def test_the_model_is_split():
    axes = layout.axes(SHAPE, 8)
    assert axes["embed"]["embedding"] == axes["unembed"]["embedding"] == 0
    assert axes["blocks"]["up"]["kernel"] == 2
    assert axes["blocks"]["q"]["kernel"] == layout.WHOLE


@pytest.mark.slow
@pytest.mark.parametrize("scanned", [False, True], ids=["unrolled", "scan"])
@pytest.mark.parametrize("micro", [1, 2, 4])
@pytest.mark.parametrize("remat", ["none", "dots", "full"])
def test_recomputation_micro_batches_and_loops_change_rounding_alone(
    text, reference, monkeypatch, remat, micro, scanned
):
    monkeypatch.setattr(transformer, "SCAN_FROM", 1 if scanned else 8)
    losses, val, _ = trained(text, Execution("map", remat, micro))
    expected, expected_val, _ = reference(1)
    assert expected[-1] < 0.9 * expected[0]  # it learns, so that a wrong gradient would show
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_allclose(val, expected_val, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trial", "data", "execution"),
    [
        (1, 8, Execution("map")),
        (1, 4, Execution("map", "full", 2)),
        (2, 4, Execution("map", "dots")),
        (4, 2, Execution("map")),
        (2, 4, Execution("vmap")),
        (1, 2, Execution("vmap", "dots", 2)),
    ],
    ids=lambda x: str(x) if isinstance(x, int) else f"{x.mode}-{x.remat}-{x.micro_batches}",
)
def test_a_split_batch_trains_as_one_device_does(text, reference, trial, data, execution):
    losses, val, _ = trained(text, execution, trial=trial, data=data, rows=4)
    expected, expected_val, _ = reference(4)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_allclose(val, expected_val, rtol=1e-5)


@pytest.mark.slow
def test_meshes_that_split_no_batch_are_bit_equal(text, reference):
    """Among several devices. XLA compiles the program of a single one by other passes, which may round otherwise."""
    two, four = (trained(text, Execution("map"), trial=trial, rows=4) for trial in (2, 4))
    jax.tree.map(np.testing.assert_array_equal, two, four)
    np.testing.assert_allclose(two[0], reference(4)[0], rtol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("trial", "data"), [(1, 1), (2, 4)])
def test_tokens_from_the_host_train_the_same_bits(text, trial, data):
    resident, fed = (trained(text, Execution("map"), trial=trial, data=data, rows=2, fed=fed) for fed in (False, True))
    jax.tree.map(np.testing.assert_array_equal, resident, fed)


@pytest.mark.slow
def test_recomputation_and_micro_batches_hold_less(text):
    """By the compiler's account, on a model whose activations outweigh its state."""
    long = dataclasses.replace(SHAPE, depth=8, seq_len=128, vocab=64)
    windows = np.zeros((8, 129), np.int32)

    def temp(remat, micro: int) -> int:
        machine = Machine(long, make_mesh(jax.devices()[:1], 1), Execution("map", remat, micro), 2, text[0], windows)
        account: Any = machine.chunk(1).memory_analysis()
        return account.temp_size_in_bytes

    none, dots, full, parts = temp("none", 1), temp("dots", 1), temp("full", 1), temp("none", 4)
    assert full < 0.8 * dots < 0.8 * 0.8 * none
    assert parts < 0.5 * none
