"""What a plan will take, before it runs: memory from the shapes, hours from a short probe of the device.

Memory is arithmetic on what the program of sweep.train.program holds, part by part; tests/design/test_estimate.py holds
it against the compilers' own accounts, on CPUs, TPUs and GPUs.
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sweep.design.cohorts import Cohort
from sweep.models import counting
from sweep.models.attention import chunk_of
from sweep.models.layout import WHOLE, Remat, split_axis
from sweep.models.shape import LOGITS_AT_ONCE, SCAN_FROM, Shape

FLOAT32 = 4  # bytes
STATE = 3 * FLOAT32  # bytes a parameter: the weight and two moments


@dataclass(frozen=True)
class Compiler:
    """How much XLA holds of what it could do without, by platform: the only numbers here that are fitted.

    Fitted on 46 programs for a CPU, 18 for an H100 and 26 for TPU v5e, v5p and v6e, by the versions that the tests
    name: the estimate of the total is within 17 % of the compiler's account for all of them. Where logits are most of
    the memory a TPU's compiler may hold one copy more or less: seen once, 512 wide, the estimate was 1.5 x the account.
    """

    logits: float  # copies of the logits of the head that exist at once
    sliced: float  # the same where the head runs in slices
    moments: int  # new ones that wait beside the old until the step is known to be finite; 0: replaced in place
    recomputed: float  # of a block's activations, those that exist at once while the backward pass computes them again
    unrolled: float | None  # copies of the logits where blocks are not scanned, and then what can be fused is not kept
    #                         either, while a scan stacks all that its body saves; None: it makes no difference
    barriers: bool  # keeps blocks that are not scanned from sharing with the forward pass what is to be computed again
    native: bool  # computes in 16 bits; else in float32, whatever is asked


COMPILERS = {
    "cpu": Compiler(logits=3.0, sliced=4.0, moments=2, recomputed=1.35, unrolled=None, barriers=False, native=False),
    "gpu": Compiler(logits=1.5, sliced=1.5, moments=0, recomputed=0.47, unrolled=1.0, barriers=True, native=True),
    "tpu": Compiler(logits=1.8, sliced=2.5, moments=0, recomputed=1.2, unrolled=1.0, barriers=True, native=True),
}


class DeviceMemory(NamedTuple):
    """Bytes that one device needs at once, an estimate."""

    arguments: float  # what stays: weights and moments of the rows that it holds, and training tokens
    temporaries: float  # what a step needs besides

    @property
    def total(self) -> float:
        return self.arguments + self.temporaries


def device_bytes(
    shape: Shape,
    *,
    platform: str,
    trial_rows: int = 1,
    under_way: int = 1,
    data: int = 1,
    remat: Remat = "none",
    micro_batches: int = 1,
    token_bytes: int = 0,
) -> DeviceMemory:
    """Memory of a device on which rows of `shape` train. Validation needs less and is not counted.

    Args:
        platform: cpu, gpu or tpu.
        trial_rows: rows whose state the device holds; `vmap` trains copies of the rows under way, which count as well.
        under_way: rows that take a step together: of `map` one, of `vmap` some or all.
        data: devices that share each row.
        remat: what the backward pass computes again: models.layout.
        micro_batches: parts of a device's batch, one after another.
        token_bytes: training tokens on the device.
    """
    held = held_params(shape, data)
    if remat != "none" and not COMPILERS[platform].barriers and shape.depth < SCAN_FROM:
        remat = "none"  # the compiler finds what is computed twice and keeps it after all
    one = step_bytes(shape, COMPILERS[platform], held, data, remat, micro_batches)
    taken_out = STATE * held if under_way == 1 < trial_rows else 0.0  # one row at a time out of the stacked state
    return DeviceMemory(STATE * held * trial_rows + token_bytes, under_way * one + taken_out)


def step_bytes(shape: Shape, compiler: Compiler, held: float, data: int, remat: Remat, micro_batches: int) -> float:
    """Temporaries of one row's step: the largest of its three phases, and gradients added up over micro-batches."""
    tokens = shape.batch_tokens / data / micro_batches
    size = width_of(shape, compiler)
    gradients = FLOAT32 * held
    kept = kept_bytes(shape, compiler, remat, tokens) + gathered_bytes(shape, compiler, data, remat)
    head = head_bytes(shape, compiler, data, tokens)
    block = counting.block_matmul_params(shape) * (size + FLOAT32)  # its weights, and their whole gradient
    block += 2 * whole_matrix(shape, data)  # gradients of the head, done, and of the embedding, to come
    block += compiler.recomputed * again_bytes(shape, compiler, remat, tokens)
    if shape.attention == "chunked":
        block += 3 * scores_bytes(shape, tokens)
    update = FLOAT32 * compiler.moments * held
    added_up = gradients if micro_batches > 1 else 0.0
    return added_up + gradients + max(kept + head, kept + block, update)


# Parts


@functools.lru_cache(maxsize=4096)
def held_params(shape: Shape, data: int) -> float:
    """Numbers of the parameter tree that one of `data` devices holds: its part of what is split, and all the rest."""
    return sum(
        depth * math.prod(dims) / (1 if split_axis(dims, data) == WHOLE else data) for depth, dims in arrays(shape)
    )


def arrays(shape: Shape) -> Iterator[tuple[int, tuple[int, ...]]]:
    """(how many, dimensions) of the arrays of the parameter tree, those of blocks counted by depth."""

    def of(tree: dict) -> Iterator[tuple[int, ...]]:
        for part in tree.values():
            yield from of(part) if isinstance(part, dict) else [part]

    for name, part in counting.leaves(shape).items():
        for dims in of(part):
            yield (dims[0], dims[1:]) if name == "blocks" else (1, dims)


def width_of(shape: Shape, compiler: Compiler) -> int:
    """Bytes of a number in the compute dtype."""
    return 2 if shape.dtype == "bfloat16" and compiler.native else FLOAT32


def kept_bytes(shape: Shape, compiler: Compiler, remat: Remat, tokens: float) -> float:
    """Activations of `tokens` tokens that are kept from the forward pass for the backward pass."""
    return shape.depth * tokens * token_bytes_of(shape, compiler, remat)


def token_bytes_of(shape: Shape, compiler: Compiler, remat: Remat) -> int:
    """Bytes that one block keeps for one token.

    `none` is what the traced program saves (`jax.ad_checkpoint.print_saved_residuals`); most of it are float32 copies
    that norms make of 16 bits. `dots`: the residual stream, queries, keys and values, the output of attention and the
    hidden products. `full`: the residual stream.
    """
    size, width, ffn = width_of(shape, compiler), shape.width, shape.ffn
    query, key = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    products = 2 if shape.activation == "swiglu" else 1
    if remat == "full":
        return size * width
    if remat == "dots":
        return size * (2 * width + query + 2 * key + products * ffn)
    square = shape.attention == "xla"
    softmax = shape.heads * (
        (FLOAT32 + size) * shape.seq_len if square else FLOAT32
    )  # scores and weights, or their sum
    if (
        compiler.unrolled is not None and shape.depth < SCAN_FROM
    ):  # products, what goes into them, and the residual stream twice
        return size * (4 * width + 3 * query + 3 * key + (products + 1) * ffn) + softmax
    norms = 2 * (3 * FLOAT32 + size) * width  # two: the input twice and its normed values in float32, and the output
    if shape.qk_norm:
        norms += 3 * FLOAT32 * (query + key)
    attention = size * (2 * query + 2 * key)  # rotated queries, the output, keys and values
    if shape.attention in ("splash", "cudnn"):
        attention += size * query  # the output once more, in the kernel's order of axes
    return norms + attention + softmax + 6 * size * ffn


def again_bytes(shape: Shape, compiler: Compiler, remat: Remat, tokens: float) -> float:
    """Activations of one block that the backward pass computes again."""
    if remat == "none":
        return 0.0
    return tokens * (token_bytes_of(shape, compiler, "none") - token_bytes_of(shape, compiler, remat))


def gathered_bytes(shape: Shape, compiler: Compiler, data: int, remat: Remat) -> int:
    """Weights of all blocks in the compute dtype, which are kept with the activations where nothing is recomputed.

    They are copies where devices gather them, or where the compute dtype is not that of the weights.
    """
    size = width_of(shape, compiler)
    if remat != "none" or (data == 1 and size == FLOAT32):
        return 0
    return size * shape.depth * counting.block_matmul_params(shape)


def head_bytes(shape: Shape, compiler: Compiler, data: int, tokens: float) -> float:
    """The head's working set: logits, its matrix and the gradient of that, the hidden states and their gradient.

    A matrix that is gathered is float32 where the head runs in slices, so that its gradient is added up in that.
    """
    size, slices = width_of(shape, compiler), math.ceil(tokens * shape.vocab / LOGITS_AT_ONCE)
    logits = FLOAT32 * tokens * shape.vocab / slices
    copies = compiler.sliced if slices > 1 else compiler.logits
    if compiler.unrolled is not None and shape.depth < SCAN_FROM:
        copies = compiler.unrolled
    whole = whole_matrix(shape, data)
    matrix = size * shape.vocab * shape.width if whole or size < FLOAT32 else 0.0
    if slices > 1 and whole:
        matrix = whole
    return copies * logits + matrix + whole + 2 * size * tokens * shape.width


def whole_matrix(shape: Shape, data: int) -> int:
    """Bytes of a float32 embedding or head beside a device's part of it; none where the device keeps it whole."""
    dims = (shape.vocab, shape.width)
    return 0 if split_axis(dims, data) == WHOLE else FLOAT32 * math.prod(dims)


def scores_bytes(shape: Shape, tokens: float) -> float:
    """Scores of one chunk of queries, all heads, float32."""
    return FLOAT32 * tokens * shape.heads * chunk_of(shape.heads, shape.seq_len)


# Time


@dataclass(frozen=True)
class Speed:
    """Training speed of one shape on this device."""

    shape: Shape
    flops_per_second: float


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
