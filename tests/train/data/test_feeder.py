"""The thread that cuts batches ahead: the right ones, read once, and nothing left of it when it is closed."""

import threading
import time
from typing import ClassVar

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.train.data import feeder, order, windows
from sweep.train.data.feeder import Feeder, Part, Stretch, Wanted
from sweep.train.data.windows import Stream

WHOLE = Part(0, 2, 0, 4)


class Counting(Stream):
    """A stream that keeps which windows were read, by which thread, and may be held up."""

    log: ClassVar[list[tuple[str, list[int]]]] = []  # the thread has a stream of its own
    open_gate: ClassVar[threading.Event] = threading.Event()

    def read(self, numbers, out, check=lambda: None):
        Counting.log.append((threading.current_thread().name, numbers.tolist()))
        while not Counting.open_gate.wait(0.01):
            check()
        super().read(numbers, out, check)


@pytest.fixture
def fed():
    Counting.log, Counting.open_gate = [], threading.Event()
    Counting.open_gate.set()
    made = Feeder(Counting(np.arange(1001, dtype=np.uint16) % 64, 10, 64), 4)
    yield made
    made.close()


def wanted(*rows: tuple[int, int, int], parts: tuple[Part, ...] = (WHOLE,), steps: int = 3) -> Wanted:
    return Wanted(tuple(Stretch(*row) for row in rows), steps, parts)


def expected(seed: int, first: int, steps: int) -> np.ndarray:
    tokens = np.arange(1001, dtype=np.uint16) % 64
    numbers = order.host_indices(seed, first, steps, batch=4, n_windows=100)
    return tokens[numbers[..., None] * 10 + np.arange(11)]


def test_batches_by_row_and_by_part(fed: Feeder):
    parts = (Part(0, 1, 0, 2), Part(0, 1, 2, 4), Part(1, 2, 0, 2), Part(1, 2, 2, 4))
    cut = fed.take(wanted((1, 5, 3), (2, 7, 2), parts=parts))
    for part in parts:
        seed, first, steps = ((1, 5, 3), (2, 7, 2))[part.row]
        found = cut[part][0]
        np.testing.assert_array_equal(found[:steps], expected(seed, first, steps)[:, part.sequence : part.sequences])
        assert not found[steps:].any()


def test_rows_of_one_seed_and_step_are_read_once(fed: Feeder):
    cut = fed.take(wanted((1, 5, 3), (1, 5, 3), (1, 5, 3), (9, 9, 0), parts=(Part(0, 2, 0, 4), Part(2, 4, 0, 4))))
    np.testing.assert_array_equal(cut[Part(0, 2, 0, 4)][0], expected(1, 5, 3))
    np.testing.assert_array_equal(cut[Part(0, 2, 0, 4)], cut[Part(2, 4, 0, 4)][[0, 0]])
    assert [len(numbers) for _, numbers in Counting.log if numbers] == [12]


def test_another_part_of_the_batch_is_never_read(fed: Feeder):
    fed.take(wanted((1, 5, 3), parts=(Part(0, 1, 2, 4),)))
    read = {n for _, numbers in Counting.log for n in numbers}
    assert read == set(order.host_indices(1, 5, 3, batch=4, n_windows=100)[:, 2:].ravel().tolist())


def test_what_was_cut_ahead_is_taken_and_cut_by_another_thread(fed: Feeder):
    fed.ahead(wanted((1, 0, 3), (1, 0, 3)))
    fed.ahead(wanted((1, 0, 3), (1, 0, 3)))  # asked for twice, cut once
    cut = fed.take(wanted((1, 0, 3), (1, 0, 3)))
    np.testing.assert_array_equal(cut[WHOLE][1], expected(1, 0, 3))
    assert [name for name, _ in Counting.log] == ["feeder"]


def test_what_turned_out_otherwise_is_dropped(fed: Feeder):
    Counting.open_gate.clear()
    fed.ahead(wanted((1, 0, 3), (1, 3, 3)))
    threading.Timer(0.2, Counting.open_gate.set).start()
    cut = fed.take(wanted((1, 0, 3), (1, 3, 0)))  # the second row has diverged
    np.testing.assert_array_equal(cut[WHOLE][0], expected(1, 0, 3))
    assert not cut[WHOLE][1].any()
    assert fed.waited > 0


def test_an_error_is_raised_where_the_batches_are_taken(fed: Feeder):
    fed.stream.tokens = np.full(1001, 64, np.uint16)
    fed.ahead(wanted((1, 0, 3), (1, 0, 3)))
    with pytest.raises(InputError, match="token id 64"):
        fed.take(wanted((1, 0, 3), (1, 0, 3)))
    fed.close()
    fed.stream.tokens = np.zeros(1001, np.uint16)  # mended: it begins again
    assert not fed.take(wanted((1, 0, 3), (1, 0, 3)))[WHOLE].any()


def test_the_thread_ends_with_the_feeder_also_while_it_reads(fed: Feeder):
    Counting.open_gate.clear()
    fed.ahead(wanted((1, 0, 3), (1, 3, 3)))
    thread = fed.thread
    while not Counting.log:
        time.sleep(0.01)
    fed.close()
    assert thread is not None
    assert not thread.is_alive()
    assert [t for t in threading.enumerate() if t.name == "feeder"] == []


def test_no_jax_in_the_thread(fed: Feeder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(order, "jnp", None)
    monkeypatch.setattr(order, "jax", None)
    assert fed.take(wanted((1, 0, 3), (2, 0, 3)))[WHOLE].any()
    assert not hasattr(feeder, "jax")
    assert not hasattr(windows, "jax")
