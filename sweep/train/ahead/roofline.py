"""A bound of the step time: no device computes faster than its peak, nor moves bytes faster than its memory does.

A bound, not a forecast: what passes between devices, launches, bubbles and kernels below their peak are left out, and
bytes are the fewest that a step must move: weights in the compute dtype once for each pass, gradients, weights and
moments in float32, each activation that is kept written and read once, float32 logits written and read once a pass.
"""

from dataclasses import dataclass

from sweep.models import counting
from sweep.models.shape import Shape

FLOAT32 = 4  # bytes
UPDATE = 8 * FLOAT32  # bytes a weight and update: its gradient written, then weight, gradient and two moments read, and
#                       weight and two moments written


@dataclass(frozen=True)
class Step:
    """Work of one step of one trial, on each device of its group."""

    flops: float
    bytes: float

    def seconds(self, peak: float, bandwidth: float) -> float:
        """The bound, on devices of `peak` FLOP/s and `bandwidth` bytes/s."""
        return max(self.flops / peak, self.bytes / bandwidth)


def step(shape: Shape, *, data: int, remat: str, micro_batches: int, kept: float) -> Step:
    """One step of one trial on `data` devices.

    Args:
        remat: what the backward pass computes again: `none`, `dots` (no products) or `full` (the blocks).
        micro_batches: parts of a batch, one after another; weights are read for each.
        kept: bytes of activations that one device keeps for the backward pass of its whole batch.
    """
    tokens = shape.batch_tokens / data
    head = 2 * shape.vocab * shape.width
    again = counting.forward_flops_per_token(shape) - head if remat == "full" else 0.0
    flops = tokens * (counting.train_flops_per_token(shape) + again)
    width = FLOAT32 if shape.dtype == "float32" else 2
    total = counting.params(shape).total
    weights = (3 if remat == "full" else 2) * micro_batches * width * total
    logits = 2 * 2 * FLOAT32 * shape.vocab * tokens
    return Step(flops, weights + UPDATE * total / data + 2 * kept + logits)


def cohort_seconds(step_seconds: float, *, longest: int, total: int, groups: int) -> float:
    """The bound of a cohort: its steps shared out evenly over groups of devices, and no run faster than its own steps.

    Args:
        longest: steps of the longest trial, which come one after another.
        total: steps of all rows, each trunk once.
        groups: of devices, each with a trial at a time.
    """
    return step_seconds * max(longest, total / groups)
