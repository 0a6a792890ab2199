"""Every defensible fit of a table: solved, resampled, judged, and what they agree on."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sweep import interrupt
from sweep.errors import InputError, Refusal
from sweep.fit.fit import target_of
from sweep.fit.multiverse.answers import answers
from sweep.fit.multiverse.axes import FEWEST, Axes
from sweep.fit.multiverse.conventions import read
from sweep.fit.multiverse.record import record_of
from sweep.fit.multiverse.result import Multiverse
from sweep.fit.multiverse.specifications import design
from sweep.fit.multiverse.work import Work, most_programs
from sweep.fit.result import warning
from sweep.fit.solver import made as programs_made
from sweep.given import integer, optional, real, takes
from sweep.quantity import any_flops
from sweep.tables.judge import refusals
from sweep.tables.load import READING
from sweep.tables.problem import enforce, overridden, stamps
from sweep.tables.request import evenly

ROWS = 2**25  # resamples x rows that are drawn at once: larger tables get fewer resamples, and say so


@takes(target_compute=optional(any_flops), seed=integer, level=real, **READING)
@interrupt.remembered()
def multiverse(
    source: Any,
    *,
    target_compute: Any = None,
    axes: Axes | None = None,
    where: str | None = None,
    columns: Mapping[str, str] | None = None,
    units: str | None = None,
    bytes_per_token: str | float | int | None = None,
    best_of: Sequence[str] = (),
    despite: Sequence[str] = (),
    seed: int = 0,
    level: float = 0.9,
    progress: Callable[[int, int], None] | None = None,
) -> Multiverse:
    """Fit a table in every way that the axes allow, and say how much the answer moves.

    Args:
        source, where, columns, units, bytes_per_token, best_of, despite: as in sweep.fit.fit.
        target_compute: FLOPs at which the fits answer; default: the sweep's own target, else ten times the largest.
        axes: choices to try (sweep.fit.multiverse.axes); default: all.
        level: share of the specifications, and of resamples, inside an interval.
        progress: called with (lanes done, lanes) now and then. An interrupt (Ctrl-C) ends the work: the answer then
            holds what is finished, with the warning `partial`.

    Raises:
        InputError: a table that cannot be read, a choice that it does not allow, an unknown law.
        Refusal: those of a fit, and `nothing_passed` where no specification passes, with the reasons.
    """
    if not 0 < level < 1 or (target_compute is not None and not 0 < target_compute < np.inf):
        raise InputError(
            f"multiverse: level {level}, target_compute {target_compute}; within (0, 1), and a positive number"
        )
    began, axes = time.perf_counter(), axes or Axes()
    least = min(axes.chosen_laws, key=lambda law: len(law.names))
    options = {"where": where, "units": units, "bytes_per_token": bytes_per_token, "best_of": best_of}
    options |= {"despite": despite}
    evenly(columns)
    counted = read(source, dict(columns or {}), options, axes)
    judged = [*counted.runs.remarks, *refusals(counted.runs, least, axes.resamples)]
    enforce(judged, despite)
    told = [*stamps(judged, despite, counted.runs.source), *counted.warnings]
    told += [warning(p.code, p.message) for p in counted.runs.remarks if p.code == "best_of"]
    resamples = min(axes.resamples, max(FEWEST, ROWS // len(counted.runs)))
    if resamples < axes.resamples:
        told.append(warning("fewer_resamples", f"{resamples} resamples of every fit: the table is large"))
    target = float(target_compute or target_of(source) or 10 * counted.runs.flops.max())
    made, before = design(counted, axes), programs_made()
    work = Work(made, resamples, progress)
    try:
        work.solve()
        work.resample(standing(work, target, level), seed)
    except KeyboardInterrupt:
        if not work.full:
            raise
        interrupt.met()
        told.insert(0, warning("partial", f"interrupted: {work.done:,} of {work.of:,} lanes are finished"))
    took = time.perf_counter() - began
    with interrupt.held():  # the work is done: an interrupt no longer takes the answer with it
        record = record_of(answers(work, target, level), made.duplicates, {
            "target": target, "level": level, "seed": seed, "resamples": resamples, "where": where,
            "source": counted.runs.source, "n": len(counted.runs), "despite": overridden(judged),
            "params_counted_as": counted.unit,
            "units": counted.runs.units.record,
            "flops_per_param_token": {" / ".join(key): k for key, k in counted.flops_per.items()},
            "timing": {"total_s": took, "lanes": work.done, "lanes_per_s": work.done / took},
            "compiled": {"programs": programs_made() - before, "at_most": most_programs(made)},
            "warnings": told,
        })  # fmt: skip
    if not record["passed"]:
        reasons = "; ".join(f"{f['n']:,} {f['code']} ({f['reason']})" for f in record["failed"])
        raise Refusal(
            "nothing_passed",
            f"{counted.runs.source}: none of {len(made.specifications):,} specifications passes its own diagnostics: "
            f"{reasons}; `sweep check` says what the table lacks",
        )
    return Multiverse(record)


def standing(work: Work, target: float, level: float) -> set[tuple[int, int]]:
    """(group, base) of specifications that pass on their full rows: the others need no resamples to fail."""
    pairs = zip(work.design.specifications, answers(work, target, level), strict=True)
    return {(s.group, s.base) for s, answer in pairs if answer.status == "passed"}
