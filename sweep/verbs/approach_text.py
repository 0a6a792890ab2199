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
    off = block.get("bias_at_target") or {}
    if off.get("params") is not None and off.get("tokens") is not None:
        lines.append(
            f"  parabolas' own bias on these sizes, by the law below: N* {off['params']:+.1%}, D* {off['tokens']:+.1%}"
        )
    return lines
