"""One sentence on a multiverse."""

from collections.abc import Mapping
from typing import Any

PREFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
MATTERS = 1.02  # factor between the ends of an interval below which nothing moves


def verdict(record: Mapping[str, Any]) -> str:
    """N* at the target, in how many fits, and what moves it."""
    if not record["passed"]:
        return f"None of {record['specifications']:,} specifications passes its own diagnostics."
    low, high = record["params"]["interval"]
    text = (
        f"N* at {record['target']:.3g} FLOPs lies in {size(low)} to {size(high)} in {record['level']:.0%} of "
        f"{record['passed']:,} defensible fits"
    )
    first = next((row for row in record["drivers"] if row["axis"] != "interaction"), None)
    if first is None or not first["params"] or high < MATTERS * low:
        return text + "; no choice moves it."
    return text + f"; {first['words']} moves it most ({first['params']:.0%} of the variance of ln N*)."


def size(count: float | int) -> str:
    """A count of parameters in three digits: 40.1B."""
    for scale, prefix in PREFIXES:
        if count >= 0.9995 * scale:
            return f"{count / scale:.3g}{prefix}"
    return f"{count:.3g}"
