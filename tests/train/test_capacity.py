"""What fits: the order of choices, the compiler's word, and one line where nothing does."""

import dataclasses
from types import SimpleNamespace

import jax
import pytest

from sweep.config import Memory
from sweep.design.estimate import DeviceMemory
from sweep.errors import InputError, Refusal
from sweep.train import capacity, devices
from sweep.train.machine import Machine
from sweep.train.program import Execution
from sweep.train.sharding import make_mesh
from tests.train.tiny import TINY

LONG = dataclasses.replace(TINY, seq_len=2048)


def order(shape, data: int, **asked) -> list[tuple[str, int]]:
    return [(e.remat, e.micro_batches) for e in capacity.choices(shape, data, "map", Memory(**asked))]


def test_the_fastest_is_tried_first():
    """1, 1.03 and 1.33 for what is computed again, and for waiting 128 / tokens alone, 1,024 / tokens in twos."""
    assert order(TINY, 1) == [(remat, m) for m in (1, 2, 4, 8) for remat in ("none", "dots", "full")]
    assert order(LONG, 2) == [
        ("none", 1),  # 1 + 1/8
        ("dots", 1),
        ("none", 2),  # 1 + 2/8
        ("dots", 2),
        ("full", 1),  # 1.33 + 1/8
        ("none", 4),  # 1 + 4/8
        ("dots", 4),
        ("full", 2),
        ("full", 4),
    ]


def test_what_is_asked_for_is_all_that_is_tried():
    assert order(TINY, 1, remat="dots") == [("dots", 1), ("dots", 2), ("dots", 4), ("dots", 8)]
    assert order(TINY, 1, micro_batches=4) == [("none", 4), ("dots", 4), ("full", 4)]
    assert order(TINY, 1, remat="none", micro_batches=2) == [("none", 2)]


def test_micro_batches_divide_what_a_device_holds():
    with pytest.raises(InputError, match=r"memory.micro_batches is 3; it must divide the 4 sequences"):
        order(TINY, 2, micro_batches=3)


class Account:
    """A compiled program of known appetite."""

    def __init__(self, execution: Execution, rows: int):
        self.work = {"none": 60, "dots": 30, "full": 10}[execution.remat] / execution.micro_batches
        self.rows = rows if execution.mode == "vmap" else 1

    def memory_analysis(self):
        return SimpleNamespace(
            temp_size_in_bytes=round(self.work * self.rows),
            argument_size_in_bytes=0,
            output_size_in_bytes=5,
            alias_size_in_bytes=5,
        )


@pytest.fixture
def machine(data, monkeypatch) -> Machine:
    monkeypatch.setattr(Machine, "chunk", lambda self, rows: Account(self.execution, rows))
    monkeypatch.setattr(Machine, "state_bytes", lambda self, rows: 0)
    monkeypatch.setattr(Machine, "batch_bytes", lambda self, rows: 0)
    monkeypatch.setattr(capacity.estimate, "device_bytes", lambda *_, **__: DeviceMemory(0, 1))
    monkeypatch.setattr(capacity, "SHARE", 1.0)
    return Machine(TINY, make_mesh(jax.devices()[:1], 1), Execution("map"), 8, *data)


@pytest.mark.parametrize(
    ("limit", "remat", "micro"), [(60, "none", 1), (59, "dots", 1), (10, "full", 1), (9, "full", 2), (1, "full", 8)]
)
def test_the_first_that_fits_is_taken(machine, monkeypatch, limit, remat, micro):
    monkeypatch.setattr(devices, "memory_bytes", lambda device: limit)
    assert capacity.settle(machine, Memory(), 3) == 3
    assert machine.execution == Execution("map", remat, micro)


@pytest.mark.parametrize(("limit", "fed"), [(16_060, False), (16_059, True), (60, True)])
def test_a_stream_that_does_not_fit_beside_the_program_comes_from_the_host(machine, monkeypatch, limit, fed):
    monkeypatch.setattr(devices, "memory_bytes", lambda device: limit)
    capacity.settle(machine, Memory(), 3)
    assert machine.train.nbytes == 16_000
    assert machine.execution == Execution("map")  # nothing is computed again for the sake of tokens
    assert machine.fed == fed


def test_the_batches_of_the_next_chunk_count(machine, monkeypatch):
    monkeypatch.setattr(Machine, "batch_bytes", lambda self, rows: 10 * rows)
    monkeypatch.setattr(devices, "memory_bytes", lambda device: 89)
    capacity.settle(machine, Memory(), 3)
    assert machine.execution.remat == "dots"


@pytest.mark.parametrize(("limit", "rows"), [(480, 8), (300, 4), (119, 1)])
def test_fewer_rows_at_once_before_anything_is_recomputed(machine, monkeypatch, limit, rows):
    machine.use(Execution("vmap"))
    monkeypatch.setattr(devices, "memory_bytes", lambda device: limit)
    assert capacity.settle(machine, Memory(), 7) == rows
    assert machine.execution == Execution("vmap")


def test_out_of_memory_as_it_ran_takes_the_next(machine, monkeypatch):
    monkeypatch.setattr(devices, "memory_bytes", lambda device: 60)
    capacity.settle(machine, Memory(), 1, after=Execution("map"))
    assert machine.execution.remat == "dots"


def test_a_compiler_that_runs_out_is_a_choice_that_does_not_fit(machine, monkeypatch):
    def compile(self, rows):
        if self.execution.remat == "none":
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm")
        return Account(self.execution, rows)

    monkeypatch.setattr(Machine, "chunk", compile)
    monkeypatch.setattr(devices, "memory_bytes", lambda device: 1000)
    capacity.settle(machine, Memory(), 1)
    assert machine.execution.remat == "dots"


def test_other_errors_of_the_compiler_are_not_hidden(machine, monkeypatch):
    def fail(self, rows):
        raise jax.errors.JaxRuntimeError("INTERNAL: a fault")

    monkeypatch.setattr(Machine, "chunk", fail)
    with pytest.raises(jax.errors.JaxRuntimeError, match="a fault"):
        capacity.settle(machine, Memory(), 1)


def test_nothing_fits_is_one_line_with_the_bytes(machine, monkeypatch):
    monkeypatch.setattr(devices, "memory_bytes", lambda device: 0)
    monkeypatch.setattr(capacity.estimate, "device_bytes", lambda *_, **__: DeviceMemory(2**30, 2**31))
    with pytest.raises(
        Refusal, match=r"batch 8 x 16 tokens does not fit 1 devices.*about 3.22 GB of 0 bytes a device"
    ) as e:
        capacity.settle(machine, Memory(), 1)
    assert e.value.code == "too_large"
    assert "\n" not in str(e.value)
