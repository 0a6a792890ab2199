"""What a reader of a fit must be told: each a code and a line."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sweep.fit.isoflop_warnings import about_isoflop
from sweep.fit.result import warning
from sweep.tables.load import Runs

SHARE = 0.05  # of the resamples that may end oddly before it is said
FEW_GROUPS = 10


def warnings_of(record: Mapping[str, Any], runs: Runs) -> list[dict[str, str]]:
    """Warnings {code, message} of a fit's record, gravest first."""
    answers = (*about_answers(record), *about_isoflop(record))
    return [*about_solution(record), *about_lanes(record, runs), *answers, *about_table(record, runs)]


def about_solution(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """The optimum itself."""
    found, block = [], record["approach3"]
    if record["status"] != "converged":
        found.append(warning(record["status"], block["reason"]))
    if block["starts"]["agree"] == 1:
        found.append(warning("starts_disagree", f"only 1 of {block['starts']['of']} starts reached this optimum"))
    return found


def about_lanes(record: Mapping[str, Any], runs: Runs) -> list[dict[str, str]]:
    """The resamples."""
    found, lanes = [], record["approach3"]["lanes"]
    total = max(sum(lanes.values()), 1)
    if lanes["at_bound"] > SHARE * total:
        share = lanes["at_bound"] / total
        found.append(warning("lanes_at_bound", f"{share:.0%} of the resamples end at a bound (E or an exponent at 0)"))
    dropped = lanes["not_converged"] + lanes["degenerate"]
    if dropped > SHARE * total:
        message = f"{dropped} of {total} resamples gave no answer and are left out of the intervals"
        found.append(warning("lanes_dropped", message))
    for k in (1, 2):
        ended = record[f"approach{k}"].get("lanes")
        if ended and ended["no_line"] > SHARE * sum(ended.values()):
            message = (
                f"{ended['no_line']} of {sum(ended.values())} resamples give approach {k} no line and are left out"
            )
            found.append(warning(f"approach{k}_lanes_dropped", message))
    if lanes["not_run"]:
        message = f"interrupted: {lanes['not_run']} of {total} resamples were not finished and are not in the intervals"
        found.append(warning("partial", message))
    groups = len(np.unique(runs.group))
    if groups < FEW_GROUPS:
        found.append(
            warning("few_groups", f"{groups} independent groups of runs: intervals are rough, likely too narrow")
        )
    return found


def about_answers(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the approaches say at the target."""
    found, target = [], record["target"]
    reach = target["flops"] / record["range"]["flops"][1]
    if reach > 10.001:
        found.append(warning("extrapolation", f"the target is {reach:.3g} x the largest fitted compute"))
    low, high = target["approach3"]["params_interval"]
    if low and high and high > 10 * low:
        message = f"N* at the target is known to a factor {high / low:.2g} only: {low:.2g} to {high:.2g}"
        found.append(warning("wide", message))
    answers = [b["params"] for k in (1, 2, 3) if (b := target[f"approach{k}"]) and b["params"]]
    if answers and max(answers) > 2 * min(answers):
        message = f"the approaches put N* at the target between {min(answers):.3g} and {max(answers):.3g}"
        found.append(warning("approaches_disagree", message))
    return found


def about_table(record: Mapping[str, Any], runs: Runs) -> list[dict[str, str]]:
    """The rows."""
    found = [warning(p.code, p.message) for p in runs.remarks if p.level == "remark"]
    if runs.excluded:
        listed = ", ".join(f"{count} {status}" for status, count in runs.excluded)
        found.append(warning("excluded", f"rows that are no finished run are left out: {listed}"))
    k = runs.flops / (runs.params * runs.tokens)
    if k.max() > 1.2 * k.min():
        found.append(
            warning(
                "flops_convention",
                f"FLOPs are {k.min():.3g} to {k.max():.3g} x params x tokens; optima use the median "
                f"{record['flops_per_param_token']:.3g}",
            )
        )
    return found
