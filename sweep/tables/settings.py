"""Laws of settings (learning rate, batch, size): the table must hold the best one of each configuration, no grid.

A configuration is a run of so many parameters on so many tokens. A grid of settings given as runs would be averaged to
its middle, which says nothing of the best: it is asked instead.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from sweep.errors import InputError
from sweep.laws import Law
from sweep.laws.hyperparameters import OUTPUTS
from sweep.tables.columns import is_expression, numbers
from sweep.tables.numbers import parse
from sweep.tables.problem import Problem

SIZES = ("tokens", "flops_per_token")  # settings that a budget leaves open: a configuration is the law's inputs alone
ROUNDED = 1e-3  # in logarithms: one configuration, written with fewer digits
SAME = 1e-6  # relative: one setting, one loss
BEST = "best"  # column that marks the best of each configuration


def check_options(law: Law | None, columns: Mapping[str, str], units: str | None) -> None:
    """Raise InputError for options that speak of losses where the law gives something else."""
    given = "--units" if units else "--columns run=…" if "run" in columns else ""
    if given and law is not None and law.target != "loss":
        raise InputError(f"{given} is of losses; law {law.id} gives {law.output}")


def several(
    law: Law | None, values: Mapping[str, np.ndarray], table: pa.Table, names: Mapping[str, str], rows: np.ndarray,
    where: str | None, name: str,
) -> list[Problem]:  # fmt: skip
    """The refusal of a table that holds several settings, of several losses, of one configuration; empty without one.

    Without a column of losses nobody can tell settings that were tried from answers that were found again.

    Args:
        values: what was read of the law's inputs and target, and of params, tokens and flops, [m] each.
        rows: index of the chosen rows [m].
    """
    known = names["loss"] in table.column_names or is_expression(names["loss"])
    if law is None or law.target not in OUTPUTS or not known:
        return []
    cell = configurations(law, values)
    tried = np.stack([values[law.target], numbers(table, ["loss"], names, rows, name)[0]["loss"]])
    odd = searched(cell, tried)
    if not odd.any():
        return []
    best = parse(table[BEST])[0][rows] == 1 if BEST in table.column_names else np.zeros(len(rows), bool)
    marked = best.any() and not searched(cell[best], tried[:, best]).any()
    narrower = f"({where}) and {BEST} == 1" if where else f"{BEST} == 1"
    way = f'--where "{narrower}"' if marked else f'mark it in a column, such as {BEST}, and pass --where "{BEST} == 1"'
    message = (
        f"{name}: {int(odd[cell].sum())} rows hold several values of {law.target}, of different losses, for "
        f"{int(odd.sum())} configurations; law {law.id} is of the best: keep the best setting of each, {way}, or name "
        f"the columns of the settings: --best-of {names[law.target]},…"
    )
    return [Problem("several_settings", message, None, names[law.target], "refusal")]


def configurations(law: Law, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Number of the configuration of each row [m]; of a table that tells none apart, each row its own."""
    keys = dict.fromkeys([*law.inputs, *(() if law.target in SIZES else ("params", "tokens"))])
    known = [values[key] for key in keys if key in values and key not in ("loss", law.target)]
    logs = [np.log(x) for x in known if np.all(x > 0)]
    if not logs:
        return np.arange(len(values[law.target]))
    return np.unique(np.round(np.stack(logs) / ROUNDED), axis=1, return_inverse=True)[1].ravel()


def searched(cell: np.ndarray, tried: np.ndarray) -> np.ndarray:
    """Whether every one of the values `tried` [v, m] differs within each cell, [cells]."""
    low = np.full((len(tried), cell.max() + 1), np.inf)
    high = -low
    for i, x in enumerate(tried):
        np.fmin.at(low[i], cell, x)
        np.fmax.at(high[i], cell, x)
    return np.all(high > low * (1 + SAME), axis=0)
