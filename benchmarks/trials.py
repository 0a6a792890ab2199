"""Trials of one shape on the trainer's own compiled program, without checkpoints and tables: what is timed."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from benchmarks.shapes import walk
from sweep.config import Memory
from sweep.design.cost import mode_of
from sweep.design.mesh import axes_of
from sweep.models import counting
from sweep.models.shape import Shape
from sweep.train import devices, state
from sweep.train.capacity import needs, settle
from sweep.train.machine import Machine
from sweep.train.program import Execution
from sweep.train.rows import FOREVER
from sweep.train.schedule import SCHEDULES
from sweep.train.sharding import make_mesh
from sweep.train.state import Hyper

Devices = Sequence[Any]  # of jax.Device, which type checkers take for a variable
UPDATE_BYTES = 28  # a parameter: weight, gradient and two moments read, weight and moments written, float32


def hyper(seed: int, peak: float) -> Hyper:
    """A trial that never ends: warm-up, then a constant rate."""
    return dataclasses.replace(
        state.example_hyper(),
        seed=np.uint32(seed),
        peak=np.float32(peak),
        weight_decay=np.float32(0.1),
        beta1=np.float32(0.9),
        beta2=np.float32(0.95),
        grad_clip=np.float32(1.0),
        horizon=np.int32(FOREVER),
        warmup=np.int32(20),
        cooldown=np.int32(1),
        schedule=np.int32(SCHEDULES.index("constant")),
    )


@dataclass
class Trials:
    """Trials trained `at_once` by one compiled program on a (trial, data) mesh; the groups take turns."""

    shape: Shape
    machine: Machine
    rows: int  # of a group
    states: list[Any]
    limits: list[Any]
    compile_s: float
    done: int = 0  # steps of each trial

    @classmethod
    def build(cls, shape: Shape, group: Devices, hypers: list[Hyper], *, at_once: int, steps: int):
        """Compile a chunk of `steps` steps for `at_once` rows and initialise every trial."""
        platform = group[0].platform
        mode = mode_of(shape, platform)
        axes = axes_of(
            rows=at_once,
            batch=shape.batch,
            seq_len=shape.seq_len,
            mode=mode,
            devices=len(group),
            platform=platform,
        )
        mesh = make_mesh(list(group)[: axes.devices], axes.trial)
        train = walk(shape.vocab, 1 + max(2**18, 16 * shape.batch_tokens))
        val = train[: shape.seq_len + 1].astype(np.int32)[None]
        with jax.set_mesh(mesh):
            machine = Machine(shape, mesh, Execution(mode), steps, train, val)
            began = time.perf_counter()
            settle(machine, Memory(), at_once)
            compile_s = time.perf_counter() - began
            stacks = [state.stack(hypers[i : i + at_once]) for i in range(0, len(hypers), at_once)]
            init = state.make_init(shape, mesh)  # one compile for all groups
            states = [init(machine.by_trial(stack)) for stack in stacks]
            ends = np.full(at_once, FOREVER, np.int32)
            limits = [machine.by_trial((stack, ends)) for stack in stacks]
        return cls(shape, machine, at_once, states, limits, compile_s)

    def advance(self) -> float:
        """One chunk of every trial; returns the mean of their last losses, once all are done.

        A group is sent off while the one before it runs, as the engine does.

        Raises:
            FloatingPointError: a trial diverged: its speed would mean nothing.
        """
        with jax.set_mesh(self.machine.mesh):
            chunk, reports = self.machine.chunk(self.rows), []
            seeds, first, taken = (np.full(self.rows, n) for n in (0, self.done, self.machine.steps))
            for i, limits in enumerate(self.limits):
                batches = self.machine.batches(seeds, first, taken)
                self.states[i], report = chunk(batches, self.states[i], *limits)
                reports.append(report)
            self.done += self.machine.steps
            last = float(np.mean([np.asarray(report.train_loss)[-1] for report in reports]))
        if not np.isfinite(last):
            raise FloatingPointError(f"width {self.shape.width}: a trial of the benchmark diverged")
        return last

    def memory_bytes(self) -> int | None:
        """Device memory of the program by XLA's account: arguments and temporaries of one device."""
        return needs(self.machine.chunk(self.rows).memory_analysis()) or None


def best_of(
    contestants: dict[str, Callable[[], Any]], seconds: float, *, least: int = 3, most: int = 20
) -> dict[str, list[float]]:
    """Seconds of each call, taking turns so that a disturbance hits all alike: rounds until `seconds` have passed."""
    took: dict[str, list[float]] = {name: [] for name in contestants}
    began = time.perf_counter()
    for done in range(most):
        if done >= least and time.perf_counter() - began > seconds:
            break
        for name, call in contestants.items():
            start = time.perf_counter()
            call()
            took[name].append(time.perf_counter() - start)
    return took


def rate(shape: Shape, tokens: float, seconds: float, group: Devices) -> dict[str, Any]:
    """tokens/s and MFU beside the floor: the same tokens at the devices' peak. Null where the peak is unknown.

    FLOPs are exact with attention over the causal half of the square; a kernel that computes the whole square does up
    to that much more than it is credited with.
    """
    flops = counting.train_flops_per_token(shape) * tokens
    peak = devices.peak_flops(group[0])
    return {
        "tokens_per_s": tokens / seconds,
        "flops_per_s": flops / seconds,
        "mfu": flops / seconds / (peak * len(group)) if peak else None,
        "floor_s": flops / (peak * len(group)) if peak else None,
        "seconds": seconds,
    }


def step_floor(shape: Shape) -> dict[str, float]:
    """What one step of one trial cannot do without: matrix FLOPs, and bytes of weights, gradient and moments."""
    count = counting.params(shape).total
    compute = 3 * (4 if shape.dtype == "float32" else 2) * count  # weights read forward and twice backward
    return {
        "flops": counting.train_flops_per_token(shape) * shape.batch_tokens,
        "bytes": UPDATE_BYTES * count + compute,
    }
