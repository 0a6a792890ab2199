"""Several laws on one table, each fitted below the same origins and asked for the runs above them.

An origin is a budget, or a compute where there are none. It is used where every law can be fitted below it, so that
errors are of the same runs, and the same resamples of them: laws are compared in pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweep import laws
from sweep.errors import InputError, Refusal
from sweep.fit.approach3 import Solution, fit_law
from sweep.fit.best import BY_COMPUTE, fixed_inputs
from sweep.fit.conditioning import unidentified
from sweep.fit.diagnostics.backtest import Backtest, backtest, origins
from sweep.fit.diagnostics.fitted import Fitted
from sweep.fit.fit import check_loss
from sweep.fit.objective import Objective
from sweep.fit.order import in_order
from sweep.fit.record import flops_per_param_token
from sweep.laws import Law
from sweep.tables import further
from sweep.tables.judge import refusals
from sweep.tables.load import Runs, load, read_source
from sweep.tables.problem import enforce
from sweep.tables.request import evenly
from sweep.tables.usual import usual

ROWS = 10  # a parameter, that a law needs to be among the default ones
BY_NAME = ("farseer",)  # compared where named: nine parameters in long valleys take minutes


@dataclass(frozen=True)
class Rolled:
    """One law on the table.

    Attributes:
        solution: on all rows, None where the law was refused.
        found: its predictions above the origins, None where it has none.
        reason: why there is no solution or no prediction.
    """

    law: Law
    runs: Runs | None
    solution: Solution | None
    found: Backtest | None
    reason: str = ""


def default_laws(source: Any, columns: Mapping[str, str] | None, where: str | None, **units: Any) -> list[str]:
    """Laws of the loss that the table can feed: of params and tokens, or with further inputs that it has.

    Laws of compute alone, the same forms seen from compute, and those with too many parameters for the rows are
    compared where they are named.
    """
    table, _, _ = read_source(source)
    names = {*table.column_names, *(columns or {}), *usual(table.column_names, columns or {})}
    names |= {"params"} if "params_with_head" in names else set()  # of a table that a sweep wrote
    found, rows = [], None
    for id, law in laws.LAWS.items():
        if law.target != "loss" or not law.positive or id in BY_NAME or not further.fed(law, names):
            continue
        if not {"params", "tokens"} <= set(law.inputs) and set(law.inputs) <= set(BY_COMPUTE):
            continue
        rows = len(load(source, columns, where, law=law, **units)) if rows is None else rows
        if rows >= ROWS * len(law.names) or id == "additive":
            found.append(id)
    if not found:
        raise InputError("compare: the table feeds no law of the loss; it needs params and tokens, see `sweep laws`")
    return found


def roll(
    source: Any,
    ids: Sequence[str],
    *,
    columns: Mapping[str, str] | None = None,
    where: str | None = None,
    objective: Objective | None = None,
    level: float = 0.9,
    seed: int = 0,
    count: int = 100,
    **units: Any,
) -> list[Rolled]:
    """Each law fitted to the whole table and below the common origins.

    Args:
        source, columns, where, units: as in sweep.fit.fit.
        ids: of laws, each once.
        count: resamples of each origin.

    Raises:
        InputError: an unknown law, one of something else than the loss, or a table without its columns.
        Refusal: no law can be fitted, by the first law's code.
    """
    evenly(columns)
    goal, forms = objective or Objective(), [laws.get(id) for id in dict.fromkeys(ids)]
    for law in forms:
        check_loss(law)
    first = [attempt(source, law, goal, columns, where, level, units) for law in forms]
    fits = [fitted for fitted, _ in first if isinstance(fitted, Fitted)]
    if not fits:
        raise next(error for _, error in first if error is not None)
    if any(not np.array_equal(f.runs.row, fits[0].runs.row) for f in fits):
        raise InputError(f"{fits[0].runs.source}: the laws do not read the same rows; filter with --where")
    kept = common([origins(f) for f in fits])
    rolled = []
    for law, (fitted, error) in zip(forms, first, strict=True):
        if fitted is None:
            rolled.append(Rolled(law, None, None, None, str(error)))
            continue
        with np.errstate(all="ignore"):
            found = backtest(fitted, seed, kept, count)
        reason = "" if found else "no budget, or compute, below which every law can be fitted, with three runs above"
        rolled.append(Rolled(law, fitted.runs, fitted.solution, found, reason))
    return rolled


def attempt(
    source: Any,
    law: Law,
    objective: Objective,
    columns: Mapping[str, str] | None,
    where: str | None,
    level: float,
    units: Mapping[str, Any],
) -> tuple[Fitted | None, Refusal | None]:
    """A law fitted to the whole table, or why it is refused."""
    runs = in_order(load(source, columns, where, law=law, **units))
    try:
        enforce(refusals(runs, law), ())
        solution = fit_law(law, runs, objective)
        enforce(filter(None, [unidentified(law, runs, solution)]), ())
    except Refusal as refusal:
        return None, refusal
    k = flops_per_param_token(runs)
    return Fitted(law, runs, objective, solution, float(runs.flops.max()), k, level, fixed_inputs(law, runs)), None


def common(kept: Sequence[np.ndarray]) -> np.ndarray:
    """Origins [origins, n] that every law has, in the order of the first."""
    shared = set.intersection(*({rows.tobytes() for rows in each} for each in kept))
    return kept[0][[rows.tobytes() in shared for rows in kept[0]]]
