"""What a plan will take, before it runs: memory from the shapes, hours from a short probe of the device."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models import counting
from models.shape import LOGITS_AT_ONCE, Shape
from sweep.design.cohorts import Cohort

BYTES_PER_PARAM = 18  # float32 weights, gradient and two moments, and a copy in the compute dtype
WORKING = 1.7  # XLA's temporary memory over the tensors that must be kept: 1.5 to 1.9 over shapes on a CPU


@dataclass(frozen=True)
class Speed:
    """Training speed of one shape on this device."""

    shape: Shape
    flops_per_second: float


def activation_bytes(shape: Shape) -> int:
    """Bytes that the forward and backward pass of one trial need besides its state, an estimate.

    A block keeps the residual stream and its norm twice, queries, keys, values and their mix, the hidden layers of the
    feed-forward, and with the XLA attention the whole square of scores and weights. The head keeps float32 logits and
    their gradient, of one slice of the sequence where there are many.
    """
    size = 4 if shape.dtype == "float32" else 2
    heads = 2 * (shape.heads + shape.kv_heads) * shape.head_dim
    hidden = (3 if shape.activation == "swiglu" else 2) * shape.ffn
    square = shape.heads * shape.seq_len * (4 + size) if shape.attention == "xla" else 0
    blocks = shape.depth * (size * (4 * shape.width + heads + hidden) + square) * shape.batch_tokens
    return round(WORKING * (blocks + 8 * min(shape.vocab * shape.batch_tokens, LOGITS_AT_ONCE)))


def trial_bytes(shape: Shape) -> int:
    """Device memory of one trial, an estimate."""
    return BYTES_PER_PARAM * counting.params(shape).total + activation_bytes(shape)


FACTORS = {"none": 84, "dots": 19, "full": 2}


def device_bytes(shape: Shape, *, data: int = 1, remat: str = "none", micro_batches: int = 1) -> int:
    """Memory of a device that trains one trial on `data` devices."""
    state = 16 * counting.params(shape).total / data
    tokens = shape.batch_tokens / data / micro_batches
    logits = 12 * min(shape.vocab * tokens, LOGITS_AT_ONCE)
    size = 2 if shape.dtype == "float32" else 1
    return round(state + size * FACTORS[remat] * shape.width * shape.depth * tokens + logits)


def probe(cohorts: Sequence[Cohort], flops_per_second: Callable[[Shape], float]) -> list[Speed]:
    """Speeds of the smallest, the middle and the largest shape, measured by `flops_per_second`."""
    shapes = sorted({c.shape for c in cohorts}, key=lambda s: counting.params(s).total)
    chosen = dict.fromkeys((shapes[0], shapes[len(shapes) // 2], shapes[-1]))
    return [Speed(shape, flops_per_second(shape)) for shape in chosen]


def seconds(cohort: Cohort, speeds: Sequence[Speed]) -> float:
    """Training time of a cohort, its speed interpolated between the probed shapes in log size and log speed."""
    known = [math.log(counting.params(s.shape).total) for s in speeds]
    speed = np.interp(
        math.log(counting.params(cohort.shape).total), known, [math.log(s.flops_per_second) for s in speeds]
    )
    return cohort.flops / math.exp(speed)
