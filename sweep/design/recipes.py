"""From a width to a model and how it is trained: pure functions of the sweep's recipe and architecture."""

import dataclasses
import math

from sweep.config import Recipe, Sweep
from sweep.models import attention, counting
from sweep.models.shape import Shape


def shape_of(width: int, sweep: Sweep, *, vocab: int, platform: str) -> Shape:
    """The shape of a model of `width` under the sweep's recipe.

    Args:
        width: a multiple of twice the queries per key; heads share it evenly, so heads x head_dim == width.
        vocab: tokens of the tokenizer.
        platform: cpu, gpu or tpu; it decides what `auto` means.
    """
    recipe, arch = sweep.recipe, sweep.architecture
    heads = heads_of(width, recipe.head_dim, recipe.min_heads, arch.queries_per_kv)
    head_dim = width // heads
    dtype = ("float32" if platform == "cpu" else "bfloat16") if arch.dtype == "auto" else arch.dtype
    shape = Shape(
        vocab=vocab,
        width=width,
        depth=max(recipe.min_depth, round(width / recipe.aspect)),
        heads=heads,
        kv_heads=heads // arch.queries_per_kv,
        head_dim=head_dim,
        ffn=max(1, round(recipe.ffn_multiple * width / recipe.ffn_step)) * recipe.ffn_step,
        seq_len=arch.seq_len,
        batch=1,
        tied=arch.tied,
        activation=arch.activation,
        qk_norm=arch.qk_norm,
        dtype=dtype,
        attention=attention.choose(platform, dtype, heads, head_dim, arch.seq_len).implementation
        if arch.attention == "auto"
        else arch.attention,
    )
    return dataclasses.replace(shape, batch=batch_of(counting.params(shape).with_head, recipe, arch.seq_len))


def heads_of(width: int, head_dim: int, least: int = 1, queries_per_kv: int = 1) -> int:
    """Heads of about `head_dim`, at least `least`, that divide `width` into even parts (RoPE turns pairs).

    Their number is a multiple of `queries_per_kv`, so that every size of a sweep shares key heads alike: a ratio that
    changed with size would bend the curve that a law is fitted to. `width` is a multiple of 2 x queries_per_kv.
    """
    q = queries_per_kv
    most = max(-(-least // q) * q, width // head_dim // q * q, q)
    return next(h for h in range(most, 0, -q) if width % (2 * h) == 0)


def batch_of(params: int, recipe: Recipe, seq_len: int) -> int:
    """Sequences a step: the power of two nearest to the recipe's tokens, at least one."""
    tokens = recipe.batch_tokens * (params / recipe.batch_params) ** recipe.batch_exponent
    return 2 ** max(0, round(math.log2(tokens / seq_len)))


def peak_lr(shape: Shape, tokens: float, recipe: Recipe) -> float:
    """Peak learning rate by the rule of `config.Recipe`.

    Six digits are kept, so that machines whose power functions differ in the last bit agree on a trial's identity.
    """
    rate = (
        recipe.lr
        * (shape.width / recipe.lr_width) ** -recipe.lr_width_exponent
        * (shape.batch_tokens / recipe.lr_batch) ** recipe.lr_batch_exponent
        * (tokens / recipe.lr_tokens) ** -recipe.lr_horizon_exponent
    )
    return float(f"{rate:.6g}")


def flops_per_token(shape: Shape, sweep: Sweep) -> float:
    """Training FLOPs a token by the convention in which the sweep's budgets are stated."""
    return counting.flops_6nd(shape, 1.0) if sweep.flops == "6nd" else counting.train_flops_per_token(shape)


def steps_of(shape: Shape, budget: float, sweep: Sweep) -> int:
    """Whole steps nearest to a budget in FLOPs."""
    return round(budget / flops_per_token(shape, sweep) / shape.batch_tokens)


# Which sizes can be built


def nearest_shape(params: float, sweep: Sweep, *, vocab: int, platform: str) -> Shape:
    """The buildable shape whose parameters (with the head) are nearest to `params` on a log scale."""
    near = around(params, sweep, vocab=vocab, platform=platform)
    return min(near, key=lambda s: abs(math.log(counting.params(s).with_head / params)))


def around(params: float, sweep: Sweep, *, vocab: int, platform: str) -> tuple[Shape, Shape]:
    """The buildable shapes next below and above `params` (with the head); the smallest twice where all are above."""

    def rung(index: int) -> Shape:
        return shape_of(index * sweep.recipe.width_step, sweep, vocab=vocab, platform=platform)

    high = 1
    while counting.params(rung(high)).with_head < params:
        high *= 2
    low = max(1, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if counting.params(rung(middle)).with_head < params else (low, middle)
    return rung(low), rung(high)


def ladder(low: float, high: float, sweep: Sweep, *, vocab: int, platform: str) -> list[Shape]:
    """Distinct buildable shapes between `low` and `high` parameters (with the head), smallest first.

    The rungs are the shapes nearest to a geometric grid that knows nothing of the budgets: every family of a sweep
    takes its sizes from the same rungs, so that families share programs and trunks, and a budget added later changes
    none of them. The ratio of the grid spreads `sizes` rungs over span^2.
    """
    ratio = grid_ratio(sweep)
    first, last = math.floor(math.log(low, ratio)), math.ceil(math.log(high, ratio))
    shapes = {
        nearest_shape(ratio**k, sweep, vocab=vocab, platform=platform): None  # a dict keeps order and drops repeats
        for k in range(max(0, first), last + 1)
    }
    return [s for s in shapes if low <= counting.params(s).with_head <= high]


def grid_ratio(sweep: Sweep) -> float:
    """Ratio of neighbouring sizes on the geometric grid."""
    return sweep.span ** (2 / (sweep.sizes - 1))
