"""A cohort of small trials against the same trials one after another, and against a plain Flax loop."""

import time
from typing import Any

import jax
import numpy as np

from benchmarks import flax_loop
from benchmarks.shapes import walk
from benchmarks.trials import Devices, Trials, best_of, hyper, rate, step_floor
from sweep.models import counting
from sweep.models.shape import Shape

WHAT = {
    "cohort": "all trials in one compiled program, on all devices",
    "solo": "the same program with one row, trial after trial, on one device",
    "flax_loop": "a jitted step called from Python, the loss read each step, on one device",
    "flax_loop_behind": "the same, each loss read after the next step is sent",
}


def measure(shape: Shape, group: Devices, *, trials: int, steps: int, seconds: float, least: int = 3) -> dict[str, Any]:
    """Time `steps` steps of each of `trials` trials four ways, taking turns; ratios of the best rounds.

    All see batches of the same number of tokens; compiling is left out and told apart.
    """
    hypers = [hyper(seed, peak) for seed, peak in enumerate(np.geomspace(1e-3, 4e-3, trials))]
    cohort = Trials.build(shape, group, hypers, at_once=trials, steps=steps)
    solo = Trials.build(shape, group[:1], hypers, at_once=1, steps=steps)
    plain = Plain(shape, trials, steps)
    contestants = {
        "cohort": cohort.advance,
        "solo": solo.advance,
        "flax_loop": plain.advance,
        "flax_loop_behind": lambda: plain.advance(behind=1),
    }
    first_loss = {name: call() for name, call in contestants.items()}  # warm
    took = best_of(contestants, seconds, least=least, most=6)
    best = {name: min(times) for name, times in took.items()}
    tokens = trials * steps * shape.batch_tokens
    devices = {"cohort": group, "solo": group[:1], "flax_loop": group[:1], "flax_loop_behind": group[:1]}
    return {
        "params": counting.params(shape).total,
        "shape": vars(shape),
        "trials": trials,
        "steps": steps,
        "tokens_per_step": shape.batch_tokens,
        "mode": cohort.machine.execution.mode,
        "mesh": dict(cohort.machine.mesh.shape),
        "floor_per_step_and_trial": step_floor(shape),
        "compile_s": {"cohort": cohort.compile_s, "solo": solo.compile_s, "flax_loop": plain.compile_s},
        "contestants": {
            name: {
                "what": WHAT[name],
                "devices": len(devices[name]),
                **rate(shape, tokens, best[name], devices[name]),
                "rounds_s": [round(t, 4) for t in took[name]],
                "loss_after_first_round": first_loss[name],
            }
            for name in contestants
        },
        "ratio_of_cohort": {name: best[name] / best["cohort"] for name in best if name != "cohort"},
    }


class Plain:
    """The trials as a plain script would run them, one after another."""

    def __init__(self, shape: Shape, trials: int, steps: int):
        self.steps = steps
        self.loop = flax_loop.make(shape, peak=2e-3, horizon=2**20)
        self.states = [self.loop.init(jax.random.key(seed)) for seed in range(trials)]
        tokens = walk(shape.vocab, 1 + max(2**18, 16 * shape.batch_tokens))
        self.data = [flax_loop.batches(tokens, shape, seed) for seed in range(trials)]
        began = time.perf_counter()
        self.states[0], _ = flax_loop.train(self.loop, self.states[0], self.data[0], 1)
        self.compile_s = time.perf_counter() - began

    def advance(self, behind: int = 0) -> float:
        """`steps` steps of every trial; the mean of their last losses."""
        last = []
        for i, data in enumerate(self.data):
            self.states[i], losses = flax_loop.train(self.loop, self.states[i], data, self.steps, behind=behind)
            last.append(losses[-1])
        if not np.isfinite(last).all():
            raise FloatingPointError("a trial of the plain loop diverged")
        return float(np.mean(last))
