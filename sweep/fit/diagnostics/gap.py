"""How far the three approaches lie apart, in units of the wider of their intervals."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

from sweep.fit.diagnostics.fitted import nothing


def gap(record: Mapping[str, Any]) -> dict[str, Any]:
    """For each pair of approaches with an answer: difference of a, factors of N* and D* at the target."""
    target = record["target"]
    answered = [
        k
        for k in (1, 2, 3)
        if record[f"approach{k}"]["a"] is not None and target[f"approach{k}"] and target[f"approach{k}"]["params"] > 0
    ]
    if len(answered) < 2:
        return nothing("one approach only has an answer")
    pairs = []
    for i, j in itertools.combinations(answered, 2):
        one, other = record[f"approach{i}"], record[f"approach{j}"]
        here, there = target[f"approach{i}"], target[f"approach{j}"]
        pairs.append(
            {
                "approaches": [i, j],
                "a": one["a"] - other["a"],
                "a_intervals": measure(one["a"] - other["a"], one["a_interval"], other["a_interval"]),
                **apart(here, there, "params"),
                **apart(here, there, "tokens"),
            }
        )
    return {"status": "ok", "pairs": pairs, "params_factor": max(max(p["params"], 1 / p["params"]) for p in pairs)}


def apart(here: Mapping[str, Any], there: Mapping[str, Any], name: str) -> dict[str, float | None]:
    """Factor between two optima, and its logarithm over that of the wider interval."""
    factor = float(here[name] / there[name])
    logs = [[math.log(end) if end else None for end in side[f"{name}_interval"]] for side in (here, there)]
    return {name: factor, f"{name}_intervals": measure(math.log(factor), *logs)}


def measure(difference: float, *intervals: list[float | None]) -> float | None:
    """|difference| over the length of the longest interval; None where there is none."""
    lengths = [high - low for low, high in intervals if low is not None and high is not None]
    return abs(difference) / max(lengths) if lengths and max(lengths) > 0 else None
