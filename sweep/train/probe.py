"""How fast this device trains a shape: a few seconds of the real program, before hours are promised."""

import time

import jax
import numpy as np

from sweep.config import Memory
from sweep.design.cost import mode_of
from sweep.design.mesh import axes_of
from sweep.design.room import SHARE, room
from sweep.models import counting
from sweep.models.shape import Shape
from sweep.train import devices, state
from sweep.train.capacity import settle
from sweep.train.devices import Device
from sweep.train.machine import Machine
from sweep.train.program import Execution
from sweep.train.sharding import make_mesh

STEPS = 5  # of a chunk: short enough that a slow model still finishes one


def flops_per_second(shape: Shape, seconds: float = 3.0, *, rows: int = 1) -> float:
    """Training FLOP/s (exact, causal) that one device reaches on `shape`, compile time left out.

    Random tokens, real program: the speed of a step does not depend on what it reads. Runs for about `seconds` after
    compiling, at least two chunks. A shape that one device cannot hold runs on the fewest that can.
    """
    group = group_for(shape)
    mesh, platform = make_mesh(group, 1), group[0].platform
    rng = np.random.default_rng(0)
    windows = shape.seq_len * max(64, 2 * shape.batch) * 4
    train = rng.integers(0, shape.vocab, windows + 1).astype(np.uint32 if shape.vocab > 2**16 else np.uint16)
    val = rng.integers(0, shape.vocab, (shape.batch, shape.seq_len + 1)).astype(np.int32)
    with jax.set_mesh(mesh):
        machine = Machine(shape, mesh, Execution(mode_of(shape, platform)), STEPS, train, val, quick=platform != "cpu")
        settle(machine, Memory(), rows)
        hypers = state.stack([state.example_hyper()] * rows)
        states = machine.init(hypers)
        limits = machine.by_trial((hypers, np.full(rows, 2**30, np.int32)))
        chunk = machine.chunk(rows)
        batches = machine.batches(np.zeros(rows), np.zeros(rows), np.full(rows, STEPS))
        states, report = chunk(batches, states, *limits)
        jax.block_until_ready(report)
        began, chunks = time.perf_counter(), 0
        while chunks < 2 or time.perf_counter() - began < seconds:
            states, report = chunk(batches, states, *limits)
            jax.block_until_ready(report)
            chunks += 1
        elapsed = time.perf_counter() - began
    done = chunks * STEPS * rows * shape.batch_tokens * counting.train_flops_per_token(shape)
    return done / elapsed / len(group)


def group_for(shape: Shape) -> list[Device]:
    """The fewest devices of this machine, a power of two, that hold a trial by arithmetic, or all that can share it."""
    here = jax.local_devices()
    platform, limit = here[0].platform, SHARE * devices.memory_bytes(here[0])
    size = 1
    while True:
        axes = axes_of(rows=1, batch=shape.batch, seq_len=shape.seq_len, mode="map", devices=size, platform=platform)
        if 2 * size > len(here) or room(shape, axes, platform=platform, limit=limit).fits:
            return here[: axes.devices]
        size *= 2
