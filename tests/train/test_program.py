"""The compiled program: donated, without traffic between trials, frozen where it should be."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from sweep.train import program, state
from sweep.train.machine import Machine
from sweep.train.program import Execution
from sweep.train.rows import hyper_of
from sweep.train.sharding import make_mesh
from tests.train.tiny import TINY, make_trial

STEPS = 8
COLLECTIVES = ("all-reduce", "all-gather", "all-to-all", "collective-permute", "reduce-scatter")


class Rig:
    """Eight trials that differ in everything that is swept, on a mesh (trial, 8 / trial)."""

    def __init__(self, data, trial: int, devices: int = 8, mode: program.Mode = "map"):
        self.mesh = make_mesh(jax.devices()[:devices], trial)
        self.hypers = state.stack(
            [hyper_of(make_trial(seed=i, lr=0.01 * (i + 1), steps=20 + i, data_seed=i // 2)) for i in range(8)]
        )
        with jax.set_mesh(self.mesh):
            self.machine = Machine(TINY, self.mesh, Execution(mode), STEPS, *data)

    def init(self) -> state.State:
        with jax.set_mesh(self.mesh):
            return self.machine.init(self.hypers)

    def run(self, states, until, wanted) -> Any:
        machine = self.machine
        with jax.set_mesh(self.mesh):
            limits = machine.by_trial((self.hypers, np.asarray(until, np.int32)))
            first = jax.device_get(states.step)  # each row goes on where it stands
            batches = machine.batches(self.hypers.data_seed, first, np.asarray(until, np.int32) - first)
            states, report = machine.chunk(8)(batches, states, *limits)
            wanted = machine.by_trial(np.asarray(wanted, bool))
            return states, report, machine.validation(8)(machine.val, states.params, wanted)

    def text(self) -> str:
        with jax.set_mesh(self.mesh):
            return self.machine.chunk(8).as_text() or ""


@pytest.fixture(scope="module")
def split(data) -> Rig:
    return Rig(data, 8)


@pytest.fixture(scope="module")
def whole(data) -> Rig:
    return Rig(data, 1)


@pytest.fixture(scope="module", params=["map", "vmap"])
def alone(request, data) -> Rig:
    return Rig(data, 1, devices=1, mode=request.param)


def test_no_collective_crosses_trials(split):
    text = split.text()
    assert "num_partitions=8" in text
    assert not [name for name in COLLECTIVES if name in text]


def test_a_trial_split_over_devices_sums_its_gradients(whole):
    assert "all-reduce" in whole.text()


def test_the_state_is_donated_and_stays_where_it_was(split):
    states = split.init()
    where = [x.sharding for x in jax.tree.leaves(states)]
    after, _, _ = split.run(states, [STEPS] * 8, [False] * 8)
    assert all(x.is_deleted() for x in jax.tree.leaves(states))
    assert [x.sharding for x in jax.tree.leaves(after)] == where
    assert all(len(x.sharding.device_set) == 8 for x in jax.tree.leaves(after))


def test_rows_stop_at_their_limit_and_validate_where_asked(alone):
    until = np.array([0, 1, 2, 3, 5, 8, 9, 100])
    wanted = np.arange(8) % 2 == 0
    states, report, val = alone.run(alone.init(), until, wanted)
    steps = np.minimum(until, STEPS)
    np.testing.assert_array_equal(report.step, steps)
    np.testing.assert_array_equal(states.step, steps)
    np.testing.assert_array_equal(np.isfinite(report.train_loss).sum(0), steps)
    np.testing.assert_array_equal(np.isfinite(val.loss), wanted)
    np.testing.assert_array_equal(np.isfinite(val.se), wanted)
    assert not np.asarray(report.diverged).any()


def test_a_row_at_its_limit_does_not_move_at_all(alone):
    states = alone.init()
    before = jax.tree.map(np.asarray, states)
    after, report, val = alone.run(states, [0] * 8, [False] * 8)
    jax.tree.map(np.testing.assert_array_equal, before, after)
    assert np.isnan(report.train_loss).all()
    assert np.isnan(val.loss).all()


def test_chunks_of_any_length_make_the_same_run(alone):
    one, _, _ = alone.run(alone.init(), [6] * 8, [False] * 8)
    two, _, _ = alone.run(alone.init(), [2] * 8, [False] * 8)
    two, _, _ = alone.run(two, [6] * 8, [False] * 8)
    jax.tree.map(np.testing.assert_array_equal, one, two)


def test_a_non_finite_update_is_not_made(alone):
    """Row 3 is poisoned: it keeps its step and weights, is marked, and the others do not notice."""
    clean, _, _ = alone.run(alone.init(), [STEPS] * 8, [True] * 8)
    states = alone.init()
    params = jax.tree.map(lambda x: x.at[3].set(np.nan), states.params)
    broken, report, _ = alone.run(dataclasses.replace(states, params=params), [STEPS] * 8, [True] * 8)
    assert np.flatnonzero(report.diverged).tolist() == [3]
    assert (int(report.step[3]), int(broken.step[3])) == (0, 0)
    others = np.array([0, 1, 2, 4, 5, 6, 7])
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[others], b[others]), clean, broken)


def test_validation_is_the_mean_over_windows(alone, data):
    from sweep.models import functional

    states, _, val = alone.run(alone.init(), [STEPS] * 8, [True] * 8)
    params = jax.tree.map(lambda x: x[5], states.params)
    token = jax.jit(lambda p, w: functional.token_losses(TINY, p, w))(params, jax.numpy.asarray(data[1]))
    window = np.asarray(token, np.float64).mean(-1)
    assert float(val.loss[5]) == pytest.approx(window.mean(), rel=1e-5)
    assert float(val.se[5]) == pytest.approx(window.std(ddof=1) / np.sqrt(len(window)), rel=1e-4)


def test_rows_are_taken_and_put(split):
    with jax.set_mesh(split.mesh):
        states = split.init()
        host = jax.tree.map(np.asarray, states)
        source = np.array([0, 0, 2, 3, 3, 5, 6, 0], np.int32)
        copied = split.machine.branch(states, source)
        jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b[source]), copied, host)
        where = np.array([8, 7, 8, 8, 0, 8, 8, 8], np.int32)  # 8 is past the end: dropped
        put = split.machine.put_rows(copied, split.init(), where)
    expected = jax.tree.map(lambda x: np.concatenate([x[4:5], x[source][1:7], x[1:2]]), host)
    jax.tree.map(np.testing.assert_array_equal, put, expected)


def test_branching_copies_bit_by_bit(split):
    """The sign of a zero and the bits of a nan too, from one device to another."""
    with jax.set_mesh(split.mesh):
        like = split.init()
        host = jax.tree.map(np.array, like)
        jax.tree.leaves(host.params)[0][2].ravel()[:4] = np.array([-0.0, np.nan, np.inf, 1e-45], np.float32)
        states = jax.tree.map(lambda x, old: jax.device_put(x, old.sharding), host, like)
        copied = split.machine.branch(states, np.array([0, 2, 2, 3, 4, 5, 6, 2], np.int32))
    for made, before in zip(jax.tree.leaves(copied), jax.tree.leaves(host), strict=True):
        made, before = np.asarray(made), before[np.array([0, 2, 2, 3, 4, 5, 6, 2])]
        assert made.tobytes() == before.tobytes()


def test_branching_holds_no_second_copy_of_the_states(whole):
    memory, states = whole.machine.branching(8).memory_analysis(), whole.machine.state_bytes(8)
    assert memory.alias_size_in_bytes >= 0.99 * states
    assert memory.temp_size_in_bytes < 0.5 * states


def test_copies_are_compiled_once(split):
    assert state.make_take(TINY, split.mesh) is state.make_take(TINY, split.mesh)
    assert state.make_put(TINY, split.mesh) is state.make_put(TINY, split.mesh)


def test_trials_differ_in_what_is_swept(split):
    kernel = np.asarray(split.init().params["blocks"]["q"]["kernel"])
    assert len({row.tobytes() for row in kernel}) == 8  # seeds
