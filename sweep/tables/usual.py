"""Columns by the names that people give them: N, D, C, n_params, train_tokens, val_loss, ` Params`.

A column is taken by such a name where nobody named one, the table has none of the plain name, and one alone fits. It is
said in a remark. FLOPs are taken only where they are near 6 N D: a column C that is something else stops nobody.
"""

import functools
import re
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from sweep.errors import InputError
from sweep.tables.columns import numbers
from sweep.tables.problem import Problem
from sweep.tables.units import doubt_flops

USUAL = {
    "params": ("N", "n_params", "num_params", "n_parameters", "num_parameters", "parameters", "model_size"),
    "tokens": ("D", "n_tokens", "num_tokens", "train_tokens", "training_tokens"),
    "loss": ("val_loss", "eval_loss", "valid_loss", "validation_loss"),
    "flops": ("C", "n_flops", "train_flops", "training_flops"),
}
UNNAMED = ("budget", "trunk", "run", "status", "state", "weight", "schema")  # read by their names alone
SEEN = 10_000  # rows that show whether a column is of FLOPs


def usual(known: Iterable[str], stated: Mapping[str, str]) -> dict[str, str]:
    """Input -> the one column of a table that it usually goes by; of inputs that nobody named and the table lacks.

    Args:
        known: columns of the table.
        stated: input -> column, as the user said.
    """
    free = [column for column in known if column not in stated.values()]
    found = {}
    for key, names in USUAL.items():
        if key in stated or key in free:
            continue
        same = [column for column in free if bare(column) == key]
        fitting = same or [column for column in free if goes_by(column, names)]
        if len(fitting) == 1:
            found[key] = fitting[0]
    return found


def goes_by(column: str, names: Iterable[str]) -> bool:
    """Whether a column has one of some names; single letters as they are, others in any spelling."""
    return column.strip() in names or any(bare(column) == name for name in names if len(name) > 1)


def is_input(column: str) -> bool:
    """Whether a column may be read although nobody names it."""
    return bare(column) in (*USUAL, *UNNAMED) or any(goes_by(column, names) for names in USUAL.values())


@functools.lru_cache(1 << 15)
def bare(column: str) -> str:
    """A name in lower case, with underscores between its words: val_loss of ` Val loss`, eval_loss of eval/loss."""
    return re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")


def remarks(
    table: pa.Table, found: Mapping[str, str], names: Mapping[str, str], name: str
) -> tuple[dict[str, str], list[Problem]]:
    """(the columns of `usual` that are taken, what is said of them).

    Args:
        names: input -> column or expression, the ones of `found` among them.
    """
    taken, said = dict(found), []
    if "flops" in taken and (why := no_flops(table, names, name)):
        del taken["flops"]
        said.append(Problem("flops_unread", f"{why}; until then C = 6 N D", None, found["flops"]))
    if taken:
        listed = ", ".join(f"{key} from {column.strip()!r}" for key, column in taken.items())
        said.append(Problem("usual_names", f"{name}: read {listed}, by the usual names (--columns says otherwise)"))
    return taken, said


def no_flops(table: pa.Table, names: Mapping[str, str], name: str) -> str:
    """Why a column that is called like FLOPs holds none, or nothing."""
    column = names["flops"]
    flops = numbers(table, ["flops"], names, np.arange(table.num_rows), name)[0]["flops"]
    if not (np.isfinite(flops) & (flops > 0)).all():
        return f'{name}: column {column} has rows that are no FLOPs: if it is, say --columns "flops={column}"'
    try:
        few = table.slice(0, SEEN)
        sizes = numbers(few, ("params", "tokens"), names, np.arange(few.num_rows), name)[0]
    except InputError:  # one of them is not in the table: nothing contradicts
        return ""
    with np.errstate(all="ignore"):
        ratio = flops[:SEEN] / (6 * sizes["params"] * sizes["tokens"])
    ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
    question = doubt_flops(ratio, column, name, table.column_names) if len(ratio) else None
    return question.message if question else ""
