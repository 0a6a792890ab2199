"""Our training step beside a PyTorch loop on the same model, one trial at a time: tokens/s and their ratio.

Ours is the trainer's own compiled program with one row on one device. Of PyTorch, eager and compiled are both timed, on
as many threads as there are cores, and the faster one of a shape is the peer. Both start from the same weights, and
what they say of one batch before the first step is in the record.
"""

import importlib.util
import os
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from benchmarks import record
from benchmarks.shapes import walk
from benchmarks.trials import Devices, Trials, best_of, hyper, rate
from sweep.models import counting, functional
from sweep.models.shape import Shape

PEAK = 1e-3  # learning rate of both
CHUNK_SECONDS = 0.5  # a round of one contestant lasts about this long
CPU_FLOPS = 20e9  # a second, to size a round with
WHAT = {
    "ours": "the trainer's compiled program, one row on one device",
    "torch_eager": "torch_loop.py, eager",
    "torch_compiled": "torch_loop.py under torch.compile",
}


def missing() -> str:
    """Why there is no peer to measure, or nothing."""
    return "" if importlib.util.find_spec("torch") else "PyTorch is not installed: pip install -e '.[bench]'"


def measure(shapes: Sequence[Shape], group: Devices, *, seconds: float) -> Iterator[dict[str, Any]]:
    """One record a shape, as it is measured; one that fails, or that the time does not reach, says so."""
    began = time.perf_counter()
    for i, shape in enumerate(shapes):
        about = {"params": counting.params(shape).total, "shape": vars(shape)}
        left = seconds - (time.perf_counter() - began)
        if missing() or left < 0:
            yield {**about, "status": f"skipped: {missing() or 'out of time'}"}
            continue
        try:
            yield {**about, "status": "done", **one(shape, group[:1], left / (len(shapes) - i))}
        except Exception as error:  # a compiler that PyTorch lacks, memory: recorded, and the other shapes measured
            traceback.print_exc()
            yield {**about, "status": record.failure(error)}


def one(shape: Shape, group: Devices, seconds: float, *, steps: int | None = None) -> dict[str, Any]:
    """Time both on one device, taking turns; speeds of the best rounds.

    Args:
        steps: of a round; None: as many as last about CHUNK_SECONDS.
    """
    import torch  # pyright: ignore[reportMissingImports]

    from benchmarks import flax_loop, torch_loop

    began = time.perf_counter()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    on_cpu = group[0].platform == "cpu"
    steps = steps or steps_of_a_round(shape, on_cpu)
    trials = Trials.build(shape, group, [hyper(0, PEAK)], at_once=1, steps=steps)
    params = functional.init(shape, jax.random.key(0))
    data = flax_loop.batches(walk(shape.vocab, 1 + max(2**18, 16 * shape.batch_tokens)), shape, 0)
    first, device = next(data), "cpu" if on_cpu else "cuda"
    compile_s, losses = {"ours": trials.compile_s}, {"ours": first_loss(shape, params, first)}
    contestants = {"ours": trials.advance}
    for name, compiled in (("torch_eager", False), ("torch_compiled", True)):
        loop = torch_loop.make(shape, params, compiled=compiled, device=device)
        start = time.perf_counter()
        losses[name] = torch_loop.train(loop, iter([first]), 1, peak=0.0)
        compile_s[name] = time.perf_counter() - start
        contestants[name] = lambda loop=loop: torch_loop.train(loop, data, steps, peak=PEAK)
    for call in contestants.values():  # warm
        call()
    took = best_of(contestants, seconds - (time.perf_counter() - began), least=3, most=20)
    best = {name: min(times) for name, times in took.items()}
    peer = min(("torch_eager", "torch_compiled"), key=lambda name: best[name])
    return {
        "tokens_per_step": shape.batch_tokens,
        "steps": steps,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "compile_s": compile_s,
        "first_loss": losses,
        "contestants": {
            name: {
                "what": WHAT[name],
                **rate(shape, steps * shape.batch_tokens, best[name], group),
                "rounds_s": [round(t, 4) for t in took[name]],
            }
            for name in contestants
        },
        "peer": peer,
        "ratio": best[peer] / best["ours"],
    }


def steps_of_a_round(shape: Shape, on_cpu: bool) -> int:
    """Steps that last about CHUNK_SECONDS, at least two."""
    if not on_cpu:
        return 64
    flops = counting.train_flops_per_token(shape) * shape.batch_tokens
    return max(2, min(256, round(CHUNK_SECONDS * CPU_FLOPS / flops)))


def first_loss(shape: Shape, params: dict, window: np.ndarray) -> float:
    """Our mean loss of one batch."""
    return float(jax.jit(lambda p, w: functional.token_losses(shape, p, w).mean())(params, window))
