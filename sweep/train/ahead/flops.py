"""FLOPs of matrix products in a traced program: what jax asks the compiler for.

Neither the compiler's own count (loops once, kernels not at all) nor its text (TPUs write products as convolutions) can
be compared with the exact count, so the traced program is walked: products times the lengths of the loops around them,
recomputation included, each device's part counted where a device does it. What the compiler adds or leaves out later is
not seen. Attention kernels are counted by the tiles they touch: splash by its grid, cuDNN as two products forward and
five backward over the causal half. A program with a kernel that is not known has no count.
"""

import math
from collections.abc import Iterator
from typing import Any

from jax.extend.core import Jaxpr

TILES = {  # places of the query and key tiles in the grid of a splash kernel, from its end
    "splash_mha_fwd": (-2, -1),
    "splash_mha_dq": (-2, -1),
    "splash_mha_dkv": (-1, -3),
}
CUDNN = {"dot_product_attention_fwd_wrapper": 2, "dot_product_attention_bwd_wrapper": 5}  # products over the square


class Unknown(Exception):
    """A kernel, or a loop, whose work cannot be told from the program."""


def traced(jaxpr: Jaxpr, steps: int) -> float | None:
    """FLOPs of the products of a program on all its devices; None where one part of it cannot be told.

    Args:
        steps: most that the loop runs whose length the program decides itself; another such loop in it has no count.
    """
    try:
        return count(jaxpr, steps)
    except Unknown:
        return None


def count(jaxpr: Jaxpr, steps: int) -> float:
    """As `traced`, raising Unknown."""
    return sum((one(equation, steps) for equation in jaxpr.eqns), 0.0)


def one(equation: Any, steps: int) -> float:
    """FLOPs of one equation."""
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        return product(equation)
    if name == "pallas_call":
        return splash(params, steps)
    if name in CUDNN:
        return cudnn(equation)
    if name == "cond":  # a row that is alive, a validation that is asked for: the branch that works
        return max(count(branch.jaxpr, steps) for branch in params["branches"])
    inner = 0 if name == "while" else steps
    inside = sum((count(sub, inner) for sub in subprograms(params)), 0.0)
    if name == "scan":
        return params["length"] * inside
    if name == "shard_map":
        return math.prod(params["mesh"].shape[axis] for axis in manual(params)) * inside
    if name == "while" and (steps or not inside):
        return steps * inside
    if name in ("while", "conv_general_dilated", "custom_call", "ffi_call"):
        raise Unknown(name)
    return inside


def product(equation: Any) -> float:
    """Two for each multiply and add."""
    (contracted, _), _ = equation.params["dimension_numbers"]
    left, result = equation.invars[0].aval.shape, equation.outvars[0].aval.shape
    return 2.0 * math.prod(result) * math.prod(left[axis] for axis in contracted)


def manual(params: dict[str, Any]) -> frozenset[str]:
    """Axes over which each device does a part of its own."""
    return params.get("newly_manual_axes", params.get("manual_axes", frozenset()))


def subprograms(params: dict[str, Any]) -> Iterator[Jaxpr]:
    """Programs that an equation holds."""
    for value in params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            inner = getattr(item, "jaxpr", item)
            if hasattr(inner, "eqns"):
                yield inner


def splash(params: dict[str, Any], steps: int) -> float:
    """Products of one tile, times the tiles at or below the diagonal."""
    name = params["name"] or ""
    places = next((places for prefix, places in TILES.items() if name.startswith(prefix)), None)
    if places is None:
        raise Unknown(name)
    grid = params["grid_mapping"].grid
    queries, keys = (grid[place] for place in places)
    return count(params["jaxpr"], steps) * math.prod(grid) * touched(queries, keys) / (queries * keys)


def touched(queries: int, keys: int) -> int:
    """Tiles of a square, cut in `queries` by `keys`, that hold a pair with the key not after the query."""
    return sum(-(-(row + 1) * keys // queries) for row in range(queries))


def cudnn(equation: Any) -> float:
    """By queries [B, T, N, H] and keys [B, S, K, H]; each query sees the keys up to its own."""
    (batch, length, heads, dim), keys = equation.invars[0].aval.shape, equation.invars[1].aval.shape[1]
    if keys != length:
        raise Unknown("attention of unlike lengths")
    return CUDNN[equation.primitive.name] * 2.0 * batch * heads * dim * length * (length + 1) / 2
