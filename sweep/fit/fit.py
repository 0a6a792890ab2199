"""The whole fit of a table: a law with intervals, the three approaches, warnings."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sweep import config, laws
from sweep.errors import InputError
from sweep.fit import approach1, approach2, approach3, blocks, bootstrap, interpolation, isoflop_block
from sweep.fit.diagnostics import Fitted, diagnose
from sweep.fit.interval import ADJUSTED, PERCENTILE, Doubt
from sweep.fit.objective import Objective
from sweep.fit.result import Fit, optimum, plain, standard_error, warning
from sweep.fit.warn import warnings_of
from sweep.laws import Law
from sweep.tables.judge import refusals
from sweep.tables.load import Runs, load
from sweep.tables.problem import enforce, overridden, stamps

WEIGHTS = 2**27  # a GiB of row weights: tables of more than 100,000 rows get fewer resamples than asked, and say so
FEWEST = 100


def fit(
    source: Any,
    *,
    law: str = "additive",
    objective: str = "huber",
    delta: float = 1e-3,
    where: str | None = None,
    columns: Mapping[str, str] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.9,
    target_compute: float | int | None = None,
    units: str | None = None,
    bytes_per_token: str | float | int | None = None,
    despite: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    diagnostics: bool = True,
) -> Fit:
    """Fit a law to a table of finished runs, by all three approaches, with resampled intervals.

    Args:
        source: CSV or Parquet file, run directory, pyarrow or pandas table, or arrays by name
            (`params`, `tokens`, `loss` in nats/token, optionally `flops`, `budget`, `trunk`).
        law: id in sweep.laws.
        objective: huber, lad, log_mse or mse (sweep.fit.objective).
        delta: threshold of huber, in ln loss.
        where: filter such as "outlier == 0".
        columns: names in the table, such as {"params": "N"}.
        bootstrap: resamples of runs; 0 for none.
        level: of the intervals (sweep.fit.interval).
        target_compute: FLOPs at which the approaches are compared; default: the sweep's own target, else ten times
            the largest fitted.
        units, bytes_per_token: of the loss, see sweep.tables.units.
        despite: codes of refusals to override; every output that follows says so.
        progress: called with (fits done, fits) now and then. An interrupt (Ctrl-C) after the law itself is found ends
            the resampling, or the diagnostics: the answer then holds what is finished, with the warning `partial`.
        diagnostics: ask how far the fit can be trusted (sweep.fit.diagnostics); adds less than a second.

    Raises:
        InputError: a table that cannot be read or has bad values.
        Refusal: `too_few_rows`, `equal_losses`, `collinear`, `few_for_intervals`, `loss_not_positive`: the answer would
            not be worth having.
    """
    if bootstrap < 0 or not 0 < level < 1 or (target_compute is not None and not target_compute > 0):
        raise InputError(
            f"fit: bootstrap {bootstrap}, level {level}, target_compute {target_compute}; "
            "they must be at least 0, within (0, 1), and positive"
        )
    began = time.perf_counter()
    goal, form = Objective(objective, delta), laws.get(law)
    if form.inputs != ("params", "tokens") or len(form.shape) != 2 or not form.linear:
        raise InputError(f"fit: law {law} cannot be fitted yet, only laws of params and tokens with two exponents")
    runs = load(source, columns, where, units=units, bytes_per_token=bytes_per_token, despite=despite)
    judged = [*runs.remarks, *refusals(runs, len(form.names), bootstrap)]
    enforce(judged, despite)
    read = time.perf_counter()
    target = float(target_compute or target_of(source) or 10 * runs.flops.max())
    count = min(bootstrap, max(FEWEST, WEIGHTS // len(runs)))
    settings = {"level": level, "seed": seed, "bootstrap": count, "where": where, "target": target}
    found = answer(form, runs, goal, count, seed, progress)
    record = record_of(form, runs, goal, found, settings | {"despite": overridden(judged)})
    record["target"]["approach3"] = at_target(form, found, record)
    interrupted = []
    if diagnostics:
        fitted = Fitted(form, runs, goal, found.solution, target, record["flops_per_param_token"], level)
        try:
            record["diagnostics"] = diagnose(fitted, record, seed)
        except KeyboardInterrupt:
            interrupted = [warning("partial", "interrupted before the diagnostics were made")]
        record["target"]["approach3"] = at_target(form, found, record)
    told = [*stamps(judged, despite, runs.source), *interrupted, *warnings_of(plain(record), runs)]
    if count < bootstrap:
        told.append(warning("fewer_resamples", f"{count} resamples, not {bootstrap}: {len(runs)} rows fill the memory"))
    record["warnings"] = told
    done = time.perf_counter()
    record["timing"] = {"read_s": read - began, "fit_s": done - read, "total_s": done - began}
    resamples = found.resamples
    lanes = {name: np.asarray(v) for name, v in zip(form.names, resamples.coefficients, strict=True)}
    return Fit(plain(record), lanes, np.array(approach3.VERDICTS, dtype=object)[resamples.verdict], found.drawn)


@dataclass(frozen=True)
class Answers:
    """Everything that is computed from a table: the law with its resamples and their doubt, and approaches 1 and 2.

    Attributes:
        usable: the law's coefficients on the resamples that gave an answer, [lanes] each.
        drawn: how often each group is in each resample [lanes, groups]; [lanes, 0] where they are too few to use it.
    """

    solution: approach3.Solution
    resamples: approach3.Resamples
    usable: Any
    drawn: np.ndarray
    doubt: Doubt
    isoflop: approach2.IsoFlop | None
    interpolated: interpolation.Interpolated | None
    envelope: approach1.Envelope


def answer(
    law: Law, runs: Runs, objective: Objective, count: int, seed: int, progress: Callable[[int, int], None] | None
) -> Answers:
    """Fit the table by all three approaches, and `count` resamples of it."""
    weight = bootstrap.draw(runs.group, count, seed)
    drawn, groups = bootstrap.by_group(weight, runs.group), len(np.unique(runs.group))
    drawn = drawn if len(drawn) >= 2 * groups else drawn[:, :0]  # as many as sweep.fit.interval needs to narrow
    solution = approach3.fit_law(law, runs, objective)
    resamples = approach3.refit(law, runs, objective, solution, weight, progress)
    return Answers(
        solution,
        resamples,
        usable=type(solution.coefficients)(*(np.asarray(v)[resamples.usable] for v in resamples.coefficients)),
        drawn=drawn,
        doubt=Doubt(drawn[resamples.usable], groups, len(runs), len(law.names)),
        isoflop=approach2.isoflop(runs, weight),
        interpolated=interpolation.interpolate(runs, seed),
        envelope=approach1.envelope(runs, weight),
    )


def record_of(
    law: Law, runs: Runs, objective: Objective, found: Answers, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The answers in the JSON keys of the command line, without diagnostics and warnings."""
    level, target = settings["level"], settings["target"]
    solution, doubt = found.solution, found.doubt
    lanes = dict(zip(law.names, found.usable, strict=True))
    a, b = law.allocation(solution.coefficients)
    residuals = points(runs, solution.predicted)
    record: dict[str, Any] = {
        "law": law.id,
        "formula": law.formula,
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
        "se": {name: standard_error(v) for name, v in lanes.items()},
        "interval": {name: doubt.interval(v, level) for name, v in lanes.items()},
        "interval_method": ADJUSTED,
        "percentile_interval": {name: doubt.interval(v, level, PERCENTILE) for name, v in lanes.items()},
        "allocation": {"a": a, "b": b},
        "approach1": blocks.approach1_block(found.envelope, level),
        "approach2": isoflop_block.approach2_block(found.isoflop, found.interpolated, runs, solution, level, target),
        "approach3": blocks.approach3_block(law, solution, found.resamples, doubt, level),
        "source": runs.source,
        "convention": runs.convention,
        "units": vars(runs.units) | {"statement": runs.units.statement},
        "flops_per_param_token": float(np.median(runs.flops / (runs.params * runs.tokens))),
        "range": ranges(runs),
        "excluded": [{"status": status, "n": count} for status, count in runs.excluded],
        "points": residuals,
        "residual_sd": float(np.std([p["residual"] for p in residuals], ddof=min(len(law.names), len(runs) - 1))),
    }
    record["target"] = {"flops": target, "approach1": None, "approach2": None, "approach3": None}
    if record["approach1"]["status"] == "ok":
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


def ranges(runs: Runs) -> dict[str, list[float]]:
    """[smallest, largest] of what the law was fitted on."""
    values = {
        "params": runs.params,
        "tokens": runs.tokens,
        "flops": runs.flops,
        "tokens_per_param": runs.tokens / runs.params,
        "loss": runs.loss,
    }
    return {name: [float(v.min()), float(v.max())] for name, v in values.items()}


def points(runs: Runs, predicted: np.ndarray) -> list[dict[str, Any]]:
    """One entry a run; residual = ln loss - ln predicted, positive where the run did worse than the law."""
    residual = np.log(runs.loss) - np.log(predicted)
    columns = (runs.budget, runs.params, runs.tokens, runs.flops, runs.loss, predicted, residual)
    names = ("budget", "params", "tokens", "flops", "loss", "predicted", "residual")
    rows: list[dict[str, Any]] = [
        dict(zip(names, row, strict=True)) for row in zip(*(c.tolist() for c in columns), strict=True)
    ]
    return [{"trial": t, **row} for t, row in zip(runs.trial, rows, strict=True)] if runs.trial else rows


def target_of(source: Any) -> float | None:
    """The target of the sweep whose directory `source` is, if it is one."""
    saved = Path(source) / "sweep.json" if isinstance(source, str | Path) else None
    if saved is None or not saved.is_file():
        return None
    try:
        return config.load(str(saved)).target
    except (InputError, KeyError, json.JSONDecodeError):
        return None  # a directory of another version: the default target serves
