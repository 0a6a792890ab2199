"""Which runs to fit, and how much each counts: the subsets and weightings that a table allows."""

from collections.abc import Sequence

import numpy as np

from sweep import laws
from sweep.errors import InputError
from sweep.fit.approach2 import families
from sweep.fit.diagnostics.suspects import LIMIT, SHARE
from sweep.fit.multiverse.axes import Axes, choose, is_expression
from sweep.fit.quick import quick
from sweep.tables.expression import compute, select
from sweep.tables.load import Runs

BANDS = 5  # of compute, that stand for families in a table without any
WINDOW = 1 / 3  # of the runs, that a window of tokens per parameter leaves out
NEAR = 0.95  # of a budget, that still belongs to it


def members(runs: Runs) -> dict[str, np.ndarray]:
    """Rows of each isoFLOP family by its budget, in order; of bands of compute where the table has fewer than three."""
    found = [rows for _, rows in families(runs)]
    if len(found) >= 3:
        budgets = [float(runs.budget[rows[0]]) for rows in found]
        middles = [float(np.median(runs.flops[rows])) for rows in found]
        return named([b if np.isfinite(b) else c for b, c in zip(budgets, middles, strict=True)], found)
    order = np.argsort(runs.flops, kind="stable")
    bands = [rows for rows in np.array_split(order, BANDS) if len(rows)]
    return named([float(np.median(runs.flops[rows])) for rows in bands], bands)


def named(levels: Sequence[float], rows: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Rows by level, written with as many digits as tell the levels apart."""
    digits = next((d for d in range(1, 17) if len({f"{c:.{d}g}" for c in levels}) == len(levels)), 17)
    return {f"{c:.{digits}g}": r for c, r in zip(levels, rows, strict=True)}


def suspects(runs: Runs) -> np.ndarray:
    """[n], runs beyond 4 robust standard deviations of a quick fit; none where they are too many to be the runs' fault.

    As in sweep.fit.diagnostics.suspects, by one law for all, so that every law is fitted to the same runs.
    """
    found = quick(laws.get("additive"), runs)
    odd = np.abs(found.residual) > LIMIT * max(found.sd, 1e-9)
    return odd if odd.mean() <= SHARE else np.zeros(len(runs), bool)


def subsets(runs: Runs, axes: Axes) -> dict[str, np.ndarray]:
    """Rows [n] to keep, by the name of the subset."""
    every, groups = np.ones(len(runs), bool), members(runs)
    ratio = np.log(runs.tokens / runs.params)
    low, high = np.quantile(ratio, [WINDOW, 1 - WINDOW])
    tails = np.quantile(ratio, [WINDOW / 2, 1 - WINDOW / 2])
    middle = np.median([np.median(runs.flops[rows]) for rows in groups.values()])
    found = {
        "all": every,
        "no_suspects": ~suspects(runs),
        "largest": runs.flops >= NEAR * middle,
        "late": ratio >= low,
        "middle": (ratio >= tails[0]) & (ratio <= tails[1]),
        "early": ratio <= high,
    }
    without = {}
    for level, rows in groups.items():
        kept = every.copy()
        kept[rows] = False
        without[f"without_{level}"] = kept
    return choose("subsets", found | without, axes.subsets, {"families": list(without)}, lambda text: where(text, runs))


def weightings(runs: Runs, axes: Axes) -> dict[str, np.ndarray]:
    """Weights of the runs [n], of mean 1, by name."""
    groups = members(runs)
    by_family = np.ones(len(runs))  # a run of no family counts as one of an average family
    mean = np.mean([len(rows) for rows in groups.values()])
    for rows in groups.values():
        by_family[rows] = mean / len(rows)
    found = {"equal": np.ones(len(runs)), "by_family": by_family, "by_compute": np.sqrt(runs.flops)}
    chosen = choose("weights", found, axes.weights, {}, lambda text: weight(text, runs))
    return {name: values / values.mean() for name, values in chosen.items()}


def columns(runs: Runs) -> dict[str, np.ndarray]:
    """What expressions may name."""
    found = {name: getattr(runs, name) for name in ("params", "tokens", "flops", "loss", "budget")}
    return found | {"tokens_per_param": runs.tokens / runs.params}


def where(text: str, runs: Runs) -> np.ndarray | None:
    """Rows that satisfy a condition; None of a text that is none."""
    if not is_expression(text):
        return None
    try:
        return select(text, columns(runs))
    except InputError as error:
        raise InputError(str(error.args[0]).replace("--where", "--subsets", 1)) from None


def weight(text: str, runs: Runs) -> np.ndarray | None:
    """Weights that an expression gives, which must be positive; None of a text that is none."""
    if text not in columns(runs) and not is_expression(text):
        return None
    try:
        values = compute(text, columns(runs))
    except InputError as error:
        raise InputError(str(error.args[0]).replace("--columns", "--weights", 1)) from None
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise InputError(f"--weights {text!r}: every weight must be a positive number")
    return values
