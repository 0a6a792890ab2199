"""What `sweep fit` says under approach 2: the variant by interpolation, and the bias of its parabolas."""

from collections.abc import Callable
from typing import Any


def under_parabolas(record: dict[str, Any], row: Callable[[str, dict[str, Any], dict[str, Any]], str]) -> list[str]:
    """Lines below the one of the parabolas; `row` writes (title, block, answer at the target) as that line does."""
    block = record["approach2"]
    variant = block["interpolation"]
    lines = []
    if variant["status"] == "ok":
        lines.append(row("  or interpolated", variant, variant["target"]))
    if block.get("bias") is not None:
        tokens = "tokens the other way"
        lines.append(f"  a parabola's own bias, about (alpha - beta) h^2 / 10: N* {block['bias']:+.1%}, {tokens}")
    return lines
