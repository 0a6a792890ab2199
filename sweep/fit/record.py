"""The answers of a fit in the JSON keys of the command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweep.fit import approach1, approach2, approach3, blocks, interpolation, isoflop_block, refits
from sweep.fit.best import BY_COMPUTE, exponents, fixed_inputs
from sweep.fit.interval import ADJUSTED, PERCENTILE, Doubt
from sweep.fit.objective import Objective
from sweep.fit.profile import one_sided
from sweep.fit.result import optimum, standard_error
from sweep.laws import Law
from sweep.tables.load import Runs


@dataclass(frozen=True)
class Answers:
    """Everything that is computed from a table: the law with its resamples and their doubt, and approaches 1 and 2.

    Attributes:
        usable: the law's coefficients on the resamples that gave an answer, [lanes] each.
        drawn: how often each group is in each resample [lanes, groups]; [lanes, 0] where they are too few to use it.
        isoflop, interpolated, envelope: None where the table has no families, or approaches 1 and 2 do not apply.
    """

    solution: approach3.Solution
    resamples: refits.Resamples
    usable: Any
    drawn: np.ndarray
    doubt: Doubt
    isoflop: approach2.IsoFlop | None
    interpolated: interpolation.Interpolated | None
    envelope: approach1.Envelope | None


def law_alone(law: Law, runs: Runs) -> str:
    """Why approaches 1 and 2, of a loss over params and tokens, are not made beside the law; empty where they are."""
    if law.target != "loss":
        return f"law {law.id} gives {law.output}, not a loss"
    if not np.isfinite(runs.params * runs.tokens * runs.flops).all():
        return "the table has no params and tokens for every run"
    others = [name for name in law.inputs if name not in BY_COMPUTE]
    return f"law {law.id} also reads {', '.join(others)}, which approaches 1 and 2 do not know" if others else ""


def record_of(
    law: Law, runs: Runs, objective: Objective, found: Answers, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The answers in the JSON keys of the command line, without diagnostics and warnings."""
    level, target = settings["level"], settings["target"]
    solution, doubt = found.solution, found.doubt
    lanes = dict(zip(law.names, found.usable, strict=True))
    residuals, k, fixed = points(law, runs, solution.predicted), flops_per_param_token(runs), fixed_inputs(law, runs)
    a, b = exponents(law, solution.coefficients, target, k, fixed)
    alone = law_alone(law, runs)
    at_bound = one_sided(law, runs, objective, solution, level) if doubt.resamples else {}
    record: dict[str, Any] = {
        "law": law.id,
        "formula": law.formula,
        "output": law.output,
        "objective": {
            "kind": objective.kind,
            "delta": objective.delta if objective.kind == "huber" else None,
            "value": solution.value,
        },
        "params": dict(zip(law.names, solution.coefficients, strict=True)),
        "status": solution.status,
        "n": len(runs),
        "groups": doubt.groups,
        **{key: settings[key] for key in ("level", "bootstrap", "seed", "where", "despite")},
        "se": {name: standard_error(v, doubt.least) for name, v in lanes.items()},
        "interval": {name: doubt.interval(v, level) for name, v in lanes.items()} | at_bound,
        "interval_method": ADJUSTED,
        "percentile_interval": {name: doubt.interval(v, level, PERCENTILE) for name, v in lanes.items()} | at_bound,
        "one_sided": list(at_bound),
        "allocation": {"a": a, "b": b},
        "approach1": blocks.approach1_block(found.envelope, level, alone),
        "approach2": isoflop_block.approach2_block(
            found.isoflop, found.interpolated, law, runs, solution, level, target, alone
        ),
        "approach3": blocks.approach3_block(law, solution, found.resamples, doubt, level, (target, k, fixed)),
        "source": runs.source,
        "convention": runs.convention,
        "best_of": runs.choice.record if runs.choice else None,
        "weights": None if runs.weight is None else [float(runs.weight.min()), float(runs.weight.max())],
        "units": runs.units.record,
        "flops_per_param_token": k,
        "inputs": list(law.inputs),
        "fixed": fixed,
        "range": ranges(law, runs),
        "excluded": [{"status": status, "n": count} for status, count in runs.excluded],
        "points": residuals,
        "residual_sd": float(np.std([p["residual"] for p in residuals], ddof=min(len(law.names), len(runs) - 1))),
    }
    record["target"] = {"flops": target, "approach1": None, "approach2": None, "approach3": None}
    if found.envelope is not None and record["approach1"]["status"] == "ok":
        both = (found.envelope.params_line, found.envelope.tokens_line)
        record["target"]["approach1"] = blocks.lines_target(*both, target, level)
    if found.isoflop is not None and record["approach2"]["status"] == "ok":
        both = (found.isoflop.params, found.isoflop.tokens)
        record["target"]["approach2"] = blocks.lines_target(*both, target, level)
    return record


def at_target(law: Law, found: Answers, record: Mapping[str, Any]) -> dict[str, Any]:
    """What the law says at the target; once there are diagnostics, wider by what its backtest missed."""
    target = record["target"]["flops"]
    return vars(optimum(law, found.solution.coefficients, found.usable, found.doubt, target, record))


def flops_per_param_token(runs: Runs) -> float:
    """Median of C / (N D); NaN where the table does not have all three."""
    return float(np.median(runs.flops / (runs.params * runs.tokens)))


def ranges(law: Law, runs: Runs) -> dict[str, list[float]]:
    """[smallest, largest] of what the law was fitted on; of what the table has not, nothing."""
    values = {
        "params": runs.params,
        "tokens": runs.tokens,
        "flops": runs.flops,
        "tokens_per_param": runs.tokens / runs.params,
        law.target: runs.loss,
    }
    values |= {name: x for name, x in zip(law.inputs, runs.inputs(law), strict=True) if x.ndim == 1}
    if "unique_tokens" in values:
        values["epochs"] = runs.tokens / values["unique_tokens"]
    return {name: [float(v.min()), float(v.max())] for name, v in values.items() if not np.isnan(v).any()}


def points(law: Law, runs: Runs, predicted: np.ndarray) -> list[dict[str, Any]]:
    """One entry a run in the order of the table, its loss or what else the law predicts by the name of that column.

    residual = ln loss - ln predicted: positive where the run lies above the law.
    """
    residual = np.log(runs.loss) - np.log(predicted)
    columns = (runs.budget, runs.params, runs.tokens, runs.flops, runs.loss, predicted, residual)
    names = ("budget", "params", "tokens", "flops", law.target, "predicted", "residual")
    rows: list[dict[str, Any]] = [
        dict(zip(names, row, strict=True)) for row in zip(*(c.tolist() for c in columns), strict=True)
    ]
    if runs.trial:
        rows = [{"trial": t, **row} for t, row in zip(runs.trial, rows, strict=True)]
    return [rows[i] for i in np.argsort(runs.row, kind="stable")]
