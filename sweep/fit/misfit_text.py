"""What is said of a law that its residuals reject (sweep.fit.misfit)."""

from collections.abc import Mapping
from typing import Any

from sweep.tables.units import unit_of

AXES = {"flops": "compute", "params": "size", "tokens_per_param": "tokens per parameter"}
PATTERNS = {"slope": "trend", "bend": "bend"}


def misfit_words(record: Mapping[str, Any]) -> str:
    """The misfit in a sentence for people, first of all that is said of the fit; empty without one."""
    block = record.get("misfit")
    if not block:
        return ""
    name = AXES.get(block["by"], block["by"])
    parts = []
    for one in block["laws"]:
        size = "no N*" if one["params_factor"] is None else f"N* x{one['params_factor']:.2f}"
        loss = "" if one["loss_difference"] is None else f", L {one['loss_difference']:+.4f} {unit_of(record)}"
        own = "" if one["t"] is None else f" (its own worst t {one['t']:+.1f})"
        parts.append(f"{one['law']} says {size}{loss}{own}")
    return (
        f"law {record['law']} does not fit: residuals {PATTERNS[block['term']]} with {name} (t {block['t']:+.1f}); "
        "its intervals leave that out"
    ) + (f". At {record['target']['flops']:.3g} FLOPs {'; '.join(parts)}" if parts else "")
