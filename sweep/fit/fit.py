"""The whole fit of a table: a law with intervals, the three approaches, warnings."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sweep import config, interrupt, laws
from sweep.errors import InputError
from sweep.fit import approach1, approach2, approach3, bootstrap, interpolation, refits
from sweep.fit.conditioning import unidentified
from sweep.fit.dependence import Shared, regrouped
from sweep.fit.diagnostics import Fitted, diagnose, diagnosis
from sweep.fit.effort import Effort, announce
from sweep.fit.interval import Doubt
from sweep.fit.misfit import misfit
from sweep.fit.objective import Objective
from sweep.fit.order import in_order
from sweep.fit.programs import NEAR
from sweep.fit.record import Answers, at_target, law_alone, record_of
from sweep.fit.result import Fit, plain, warning
from sweep.fit.solver import MANY
from sweep.fit.warn import warnings_of
from sweep.given import integer, numbers, optional, real, takes, word, words
from sweep.laws import Law
from sweep.laws.held import hold
from sweep.quantity import any_flops
from sweep.storage import Address, locate
from sweep.tables.judge import refusals
from sweep.tables.load import READING, Runs, load
from sweep.tables.problem import Problem, enforce, overridden, stamps
from sweep.tables.read import TableFile
from sweep.versions import installed

WEIGHTS = 2**27  # a GiB of row weights: tables of more than 100,000 rows get fewer resamples than asked, and say so
FEWEST = 100
OTHERS = 20_000  # resamples of approaches 1 and 2: the ends of their intervals are known to 1 % of the width
INTERVALS = 3.0  # lanes that intervals and record take as long as, a resample: measured at 240 rows on two cores


@takes(
    law=word, objective=word, delta=real, bootstrap=integer, seed=integer, level=real,
    best_of=words, fix=optional(numbers), target_compute=optional(any_flops), **READING,
)  # fmt: skip
@interrupt.remembered()
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
    target_compute: Any = None,
    units: str | None = None,
    bytes_per_token: str | float | int | None = None,
    best_of: Sequence[str] = (),
    fix: Mapping[str, float | int] | None = None,
    despite: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    diagnostics: bool = True,
    independent: bool = False,
) -> Fit:
    """Fit a law to a table of finished runs, by all three approaches, with resampled intervals.

    A law of something else than the loss is fitted to the column that its `target` names, by the law alone.

    Args:
        source: file of a table, run directory, pyarrow or pandas table, or arrays by name
            (`params`, `tokens`, `loss` in nats/token, optionally `flops`, `budget`, `trunk`).
        law: id in sweep.laws; the columns that it reads are read too, and its target instead of the loss.
        objective: huber, lad, log_mse or mse (sweep.fit.objective).
        delta: threshold of huber, in ln loss.
        where: filter such as "outlier == 0".
        columns: names in the table, such as {"params": "N"}; "weight" names how much each row counts in approach 3.
        bootstrap: resamples of runs; 0 for none.
        level: of the intervals (sweep.fit.interval).
        target_compute: FLOPs at which the approaches are compared; default: the sweep's own target, else ten times
            the largest fitted.
        units, bytes_per_token: of the loss, see sweep.tables.units.
        best_of: columns of settings, such as ("lr", "batch"): the best of each configuration is fitted, and intervals
            resample configurations (sweep.tables.choice).
        fix: coefficients held at these values, such as {"E": 1.6}; the others are fitted.
        despite: codes of refusals to override; every output that follows says so.
        progress: called with (fits done, fits) now and then. An interrupt (Ctrl-C) after the law itself is found ends
            the resampling, or the diagnostics: the answer then holds what is finished, with the warning `partial`.
        diagnostics: ask how far the fit can be trusted (sweep.fit.diagnostics); adds less than a second.
        independent: take runs as independent but for the groups that the table names, as published bootstraps do;
            else noise that runs share is looked for, and they are resampled by it (sweep.fit.dependence).

    Raises:
        InputError: a table that cannot be read or has bad values, a law of what may be negative, or a target compute
            for a law of something else than the loss.
        Refusal: `too_few_rows`, `equal_losses` (`equal_targets`), `collinear`, `unidentified`, `few_for_intervals`,
            `loss_not_positive`, `several_settings`: the answer would not be worth having.
    """
    if bootstrap < 0 or not 0 < level < 1 or (target_compute is not None and not target_compute > 0):
        raise InputError(
            f"fit: bootstrap {bootstrap}, level {level}, target_compute {target_compute}; "
            "they must be at least 0, within (0, 1), and positive"
        )
    began = time.perf_counter()
    goal, form = Objective(objective, delta), laws.get(law)
    check_law(form)
    form = hold(form, fix or {})
    if target_compute is not None and form.target != "loss":
        raise InputError(f"fit: --compute is of laws of the loss; law {law} gives {form.output}")
    runs = load(
        source, columns, where,
        units=units, bytes_per_token=bytes_per_token, best_of=best_of, despite=despite, law=form,
    )  # fmt: skip
    runs = in_order(runs)
    check_floor(form, runs)
    judged = [*runs.remarks, *refusals(runs, form, bootstrap)]
    enforce(judged, despite)
    read = time.perf_counter()
    target = float(target_compute or target_of(source) or 10 * runs.flops.max()) if form.target == "loss" else math.nan
    count = min(bootstrap, max(FEWEST, WEIGHTS // len(runs)))
    settings = {"level": level, "seed": seed, "bootstrap": count, "where": where, "target": target}
    solution = approach3.fit_law(form, runs, goal)
    if not overridden(judged):  # else the answer is stamped already
        judged += filter(None, [unidentified(form, runs, solution)])
        enforce(judged, despite)
    shared = None
    if not independent:
        runs, shared = regrouped(Fitted(form, runs, goal, solution, target, 6.0, level), seed)
    begun = Begun(form, runs, goal, solution, tuple(judged), (began, read), shared)
    found = finished(begun, settings | {"despite": overridden(judged)}, despite, progress, diagnostics)
    asked = {"law": law, "objective": objective, "delta": delta, "where": where, "columns": columns,
             "bootstrap": bootstrap, "seed": seed, "level": level, "target_compute": target_compute, "units": units,
             "bytes_per_token": bytes_per_token, "best_of": best_of, "fix": fix, "despite": despite,
             "diagnostics": diagnostics, "independent": independent}  # fmt: skip
    found.record["request"], found.record["versions"] = plain(asked | file_of(source)), installed()
    if count < bootstrap:
        text = f"{count} resamples, not {bootstrap}: {len(runs)} rows fill the memory"
        found.record["warnings"].append(warning("fewer_resamples", text))
    return found


def file_of(source: Any) -> dict[str, Any]:
    """Where the table was read from and how, as `TableFile`; the path is None for a table in memory."""
    table = source if isinstance(source, TableFile) else TableFile(source)
    path = str(table.path) if isinstance(table.path, str | Path | Address) else None
    return {"path": path, "wide": table.wide, "drop_unfinished": table.drop_unfinished}


@dataclass(frozen=True)
class Begun:
    """A table whose law is solved.

    Attributes:
        runs: in the groups that are resampled.
        judged: remarks of the table, and overridden refusals.
        clock: its first two times.
        shared: what runs share beyond the groups of the table; None where it was not asked.
    """

    law: Law
    runs: Runs
    objective: Objective
    solution: approach3.Solution
    judged: tuple[Problem, ...]
    clock: tuple[float, float]
    shared: Shared | None = None


@interrupt.held()
def finished(
    begun: Begun,
    settings: Mapping[str, Any],
    despite: Sequence[str],
    progress: Callable[[int, int], None] | None,
    diagnostics: bool,
) -> Fit:
    """Resamples, approaches 1 and 2, diagnostics and warnings of a solved law.

    From here on there is an answer, and an interrupt ends the step under way, never the answer.
    """
    law, runs, solution = begun.law, begun.runs, begun.solution
    found = answer(begun, settings["bootstrap"], settings["seed"], progress, diagnostics)
    record = record_of(law, runs, begun.objective, found, settings)
    record["target"]["approach3"] = at_target(law, found, record)
    record["dependence"] = begun.shared.record(runs.group) if begun.shared else None
    interrupted, record["misfit"], record["unchecked"] = [], None, unchecked(law, runs)
    if diagnostics:
        k, level = record["flops_per_param_token"], settings["level"]
        fitted = Fitted(law, runs, begun.objective, solution, settings["target"], k, level, record["fixed"])
        try:
            interrupt.check()
            record["diagnostics"] = diagnose(fitted, record, settings["seed"])
            record["misfit"] = misfit(fitted, record["diagnostics"]["residuals"])
        except KeyboardInterrupt:
            interrupt.met()
            interrupted = [warning("partial", "interrupted before the diagnostics were made")]
        record["target"]["approach3"] = at_target(law, found, record)
    told = [*stamps(begun.judged, despite, runs.source), *interrupted]
    record["warnings"] = [*told, *warnings_of(plain(record), runs)]
    (began, read), done = begun.clock, time.perf_counter()
    record["timing"] = {"read_s": read - began, "fit_s": done - read, "total_s": done - began}
    resamples = found.resamples
    lanes = {name: np.asarray(v) for name, v in zip(law.names, resamples.coefficients, strict=True)}
    verdict = np.array(approach3.VERDICTS, dtype=object)[resamples.verdict]
    lanes |= {name: np.full(len(verdict), value) for name, value in law.held.items()}
    return Fit(plain(with_held(record, law)), lanes, verdict, found.drawn)


def unchecked(law: Law, runs: Runs) -> list[str]:
    """What the table cannot show, and the answer rests on."""
    if law.target != "loss" or runs.choice is not None or not {"params", "flops"} & set(law.inputs):
        return []
    return [
        "whether each size had its best learning rate: there are no runs at several rates (--best-of lr); a fault that "
        "grows with size tilts the exponents and N*"
    ]


def with_held(record: dict[str, Any], law: Law) -> dict[str, Any]:
    """The record with the coefficients that were held, in the order of the whole law, without a doubt of their own."""
    names = laws.get(law.id).names
    params = {**record["params"], **law.held}
    record |= {"fixed_coefficients": dict(law.held), "params": {name: params[name] for name in names}}
    for key, nothing in (("interval", [None, None]), ("percentile_interval", [None, None]), ("se", None)):
        record[key] = {name: record[key].get(name, nothing) for name in names}
    return record


def effort_of(begun: Begun, resamples: int, diagnostics: bool) -> Effort:
    """Of the resamples, their intervals, and the diagnostics: hundreds of refits, and programs of their own."""
    drawn = resamples * len(begun.solution.restarts) * len(begun.objective.deltas)
    lanes = drawn + INTERVALS * resamples
    programs = NEAR if drawn >= MANY else 0.0  # beside those of the table's own fit
    if not diagnostics:
        return Effort(lanes, programs)
    refits = diagnosis.refits(len(np.unique(begun.runs.group)), len(begun.runs)) * len(begun.objective.deltas)
    return Effort(lanes + refits, programs)


def answer(
    begun: Begun, count: int, seed: int, progress: Callable[[int, int], None] | None, diagnostics: bool
) -> Answers:
    """The table by approaches 1 and 2 beside the law's solution, and `count` resamples of it; at most OTHERS of them.

    The resamples of the law come last: `progress` is of them, and little but the diagnostics is left after them.
    """
    law, runs, solution = begun.law, begun.runs, begun.solution
    if progress:
        progress(0, count * len(solution.restarts) * len(begun.objective.deltas))
    weight = bootstrap.draw(runs.group, count, seed)
    drawn, groups = bootstrap.by_group(weight, runs.group), len(np.unique(runs.group))
    drawn = drawn if len(drawn) >= 2 * groups else drawn[:, :0]  # as many as sweep.fit.interval needs to narrow
    alone = bool(law_alone(law, runs))
    few = weight[:OTHERS]
    isoflop = None if alone else approach2.isoflop(runs, few)
    interpolated = None if alone else interpolation.interpolate(runs, seed)
    envelope = None if alone else approach1.envelope(runs, few)
    effort = effort_of(begun, count, diagnostics)

    def tell(done: int, of: int) -> None:
        effort.done = float(done)
        announce(progress, effort, done, of)

    resamples = refits.refit(law, runs, begun.objective, solution, weight, tell)
    return Answers(
        solution,
        resamples,
        usable=type(solution.coefficients)(*(np.asarray(v)[resamples.usable] for v in resamples.coefficients)),
        drawn=drawn,
        doubt=Doubt(drawn[resamples.usable], groups, len(runs), len(law.names), resamples.made),
        isoflop=isoflop,
        interpolated=interpolated,
        envelope=envelope,
    )


def check_floor(law: Law, runs: Runs) -> None:
    """InputError for a floor that is held at or above the least loss: the law could not go below it."""
    if law.target == "loss" and (held := law.held.get("E", 0.0)) >= (least := float(runs.loss.min())):
        raise InputError(
            f"--fix E={held:g}: it lies at or above the least loss of the table, {least:.4g}; a floor lies below every "
            "loss, in the unit of the table's losses"
        )


def check_loss(law: Law) -> None:
    """InputError for a law of something else than a positive loss."""
    if law.target != "loss":
        raise InputError(f"law {law.id} gives {law.output}, not a loss; only `sweep fit` and `sweep predict` take it")
    check_law(law)


def check_law(law: Law) -> None:
    """InputError for a law of what may be negative."""
    if not law.positive:
        raise InputError(
            f"fit: law {law.id} gives a {law.output}, which may be negative; every objective here needs its logarithm: "
            "add the loss of the unigram model back and fit a law of the loss itself"
        )


def target_of(source: Any) -> float | None:
    """The target of the sweep whose directory `source` is, if it is one."""
    source = source.path if isinstance(source, TableFile) else source
    saved = locate(source) / "sweep.json" if isinstance(source, str | Path | Address) else None
    if saved is None or not saved.is_file():
        return None
    try:
        return config.load(str(saved)).target
    except (InputError, KeyError, json.JSONDecodeError):
        return None  # a directory of another version: the default target serves
