"""What a reader of a fit must be told: each a code and a line."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sweep.fit.isoflop_warnings import about_isoflop
from sweep.fit.misfit_text import AXES, PATTERNS
from sweep.fit.result import warning
from sweep.tables.load import Runs
from sweep.tables.units import unit_of

SHARE = 0.05  # of the resamples that may end oddly before it is said
FEW_GROUPS = 10
MATTERS = 1.1  # factor on N* at the target: what leaving out the suspects may change
CHOICE = 1.5  # the same, over the objectives
DECIDES = 1.25  # the same, for one run
MISSED = 2.0  # rms of the backtest's errors in claimed standard deviations

CURES = {
    "starts_disagree": "compare --objective log_mse; more runs",
    "lanes_at_bound": "add a larger budget and wider families",
    "extrapolation": "train a larger budget, or ask for a nearer --compute",
    "interval_withheld": "add budgets and sizes until most resamples have an optimum; do not plan on this one",
    "wide": "add budgets; repeat runs with other seeds",
    "few_groups": "more sizes and budgets",
    "shared_noise": "tune the cells that stand out; repeat runs with other seeds; name the trunk of each run",
    "families_without_minimum": "widen the families toward the side of the least loss",
    "suspects_matter": "look at these rows; leave out with --where those that have a cause, and say so",
    "objective_matters": "look for suspects and patterns first; report the range, not one objective",
    "floor_not_identified": "add larger budgets; do not quote E",
    "residual_pattern": "fit narrower ranges apart; check the tuning of the runs at the ends; try another law",
    "influential_run": "repeat that run with other seeds; add runs beside it",
    "near_tie": "more runs between the two answers; do not plan on one of them",
    "flat": "wider tokens per parameter at each budget; more budgets",
    "hessian_not_pd": "fit a law without the unseen term, or add the runs that show it",
    "backtest_missed": "trust extrapolated losses less than their intervals say; check the tuning of the largest runs",
}


def warnings_of(record: Mapping[str, Any], runs: Runs) -> list[dict[str, str]]:
    """Warnings {code, message} of a fit's record, gravest first, with a `cure` where there is one."""
    found = [*about_solution(record), *about_diagnostics(record.get("diagnostics") or {}, unit_of(record))]
    found += [*about_lanes(record, runs), *about_answers(record), *about_isoflop(record), *about_table(record, runs)]
    return [w | ({"cure": CURES[w["code"]]} if w["code"] in CURES else {}) for w in found]


def about_solution(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """The optimum itself."""
    found, block = [], record["approach3"]
    if record["status"] != "converged":
        found.append(warning(record["status"], block["reason"]))
    if block["starts"]["agree"] == 1:
        found.append(warning("starts_disagree", f"only 1 of {block['starts']['of']} starts reached this optimum"))
    return found


def about_diagnostics(d: Mapping[str, Any], unit: str) -> list[dict[str, str]]:
    """What the diagnostics found; nothing where they were not made. `unit` is that of the losses."""
    answered = {name: block for name, block in d.items() if block["status"] == "ok"}
    verdicts = answered.get("identifiability", {}).get("verdicts", [])
    found = [v for v in verdicts if v["code"] != "at_bound"]  # the status has said that
    if (block := answered.get("floor")) and not block["identified"]:
        low, high = block["interval"]
        message = f"E may lie anywhere from {low:.3g} to {high:.3g} {unit}"
        if ends := block.get("params_range"):
            message += f"; N* at the target then goes from {ends[0]:.3g} to {ends[1]:.3g}"
        found.append(warning("floor_not_identified", message))
    if (block := answered.get("deltas")) and (ends := block["params_range"]) and ends[1] > CHOICE * ends[0]:
        message = f"the choice of objective puts N* at the target between {ends[0]:.3g} and {ends[1]:.3g}"
        found.append(warning("objective_matters", message))
    block = d.get("suspects") or {}
    factor = block.get("params_factor")
    alone = answered.get("identifiability", {}).get("no_optimum", False)  # a law without N*: nothing to compare
    if block.get("rows") and not alone and (factor is None or max(factor, 1 / factor) > MATTERS):
        message = block.get("reason") or (
            f"{len(block['rows'])} runs lie beyond {block['limit']:g} robust sd; without them N* at the target "
            + (f"changes by a factor {factor:.2f}" if factor else "does not exist")
        )
        found.append(warning("suspects_matter", message))
    if (block := answered.get("influence")) and (first := block["params"][0])["params_factor"]:
        factor = first["params_factor"]
        if max(factor, 1 / factor) > DECIDES:
            rows = ", ".join(map(str, first["rows"][:4]))
            whose = f"row {rows} alone moves" if len(first["rows"]) == 1 else f"rows {rows} together move"
            found.append(warning("influential_run", f"{whose} N* at the target by a factor {factor:.2f}"))
    if (block := answered.get("backtest")) and block["score_rms"] > MISSED:
        message = (
            f"held-out larger runs miss their prediction by {block['score_rms']:.2g} claimed sd (rms); "
            f"{block['inside']} of {block['held_out']} inside the {block['level']:.0%} interval"
        )
        found.append(warning("backtest_missed", message))
    if (block := answered.get("residuals")) and block["pattern"]:
        worst = block["worst"]
        name = AXES.get(worst["by"], worst["by"])
        found.append(
            warning("residual_pattern", f"residuals {PATTERNS[worst['term']]} with {name} (t {worst['t']:+.1f})")
        )
    return found


SHARED = {"size": "size", "trajectory": "size", "budget": "budget"}


def about_lanes(record: Mapping[str, Any], runs: Runs) -> list[dict[str, str]]:
    """The resamples."""
    found, lanes = [], record["approach3"]["lanes"]
    total = max(sum(lanes.values()), 1)
    if lanes["at_bound"] > SHARE * total:
        share = lanes["at_bound"] / total
        edge = " (E or an exponent at 0)" if "E" in record["params"] else ""
        found.append(warning("lanes_at_bound", f"{share:.0%} of the resamples end at a bound{edge}"))
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
    if (block := record.get("dependence")) and block["by"]:
        found.append(warning("shared_noise", about_shared(block)))
    if groups < FEW_GROUPS:
        found.append(
            warning("few_groups", f"{groups} independent groups of runs: intervals are rough, likely too narrow")
        )
    return found


def about_shared(block: Mapping[str, Any]) -> str:
    """One line about runs that share noise."""
    column = SHARED.get(block["by"], block["by"])
    line = block["by"] == "trajectory"
    look = "; they look like points of one training run, without a trunk column" if line else ""
    way = f"resampled together, {block['groups']} groups"
    if not block["resampled"]:
        way = "the table's own groups lie across them and are resampled, so that intervals are too narrow"
    return (
        f"runs of one {column} miss the law alike, {block['share']:.0%} of the variance of residuals "
        f"(p {block['p']:.2g}){look}: shared noise, or a bend that the law does not have; {way}"
    )


def about_answers(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the approaches say at the target."""
    found, target = [], record["target"]
    reach = target["flops"] / record["range"]["flops"][1] if target["flops"] else 0.0
    if reach > 10.001:
        found.append(warning("extrapolation", f"the target is {reach:.3g} x the largest fitted compute"))
    low, high = target["approach3"]["params_interval"]
    if target["approach3"]["params"] is not None and low is None and record["bootstrap"]:
        message = "no interval of N* at the target: fewer than half of the resamples, or fewer than 20, have one"
        found.append(warning("interval_withheld", message))
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
    if k.max() > 1.2 * k.min() and record["target"]["flops"]:
        found.append(
            warning(
                "flops_convention",
                f"FLOPs are {k.min():.3g} to {k.max():.3g} x params x tokens; optima use the median "
                f"{record['flops_per_param_token']:.3g}",
            )
        )
    return found
