"""The rows of a table in an order of their own, so that no answer depends on how the table lists them.

Resamples are drawn by the number of a group, sums round by the order of their terms, and an argmin takes the first of
equals: all of that follows the order of the rows. A table that holds every row several times (two exports in one file)
is no more evidence than one.
"""

from dataclasses import replace

import numpy as np

from sweep.tables.load import Runs
from sweep.tables.problem import Problem

KEYS = ("params", "tokens", "loss", "flops", "budget")  # of the order, the first foremost


def in_order(runs: Runs) -> Runs:
    """The runs in their own order, a table of copies once with the remark `duplicated_table`."""
    runs = once(runs)
    return ordered(runs, canonical(runs))


def canonical(runs: Runs) -> np.ndarray:
    """An order of the rows [n] that does not depend on how the table lists them."""
    size = np.unique(runs.group, return_inverse=True, return_counts=True)
    return np.lexsort((size[2][size[1]], *(getattr(runs, name) for name in KEYS[::-1])))


def ordered(runs: Runs, order: np.ndarray) -> Runs:
    """The runs [m] of an order, or of some rows, with their groups numbered as they come, and their curves."""
    taken = runs.with_curves(order)
    _, first, group = np.unique(taken.group, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    return replace(taken, group=rank[group])


def once(runs: Runs) -> Runs:
    """The runs, each once where every row of the table is there several times, with a remark that says so."""
    columns = [getattr(runs, name) for name in KEYS] + [
        np.atleast_2d(x) for x in (*runs.further.values(), runs.weights)
    ]
    keys = np.nan_to_num(np.concatenate([np.atleast_2d(x) for x in columns])).T
    _, cell, count = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    times = int(np.gcd.reduce(count)) if len(count) > 1 else 1
    if times < 2:
        return runs
    turn = np.argsort(cell, kind="stable")  # copies beside each other, in the order of the table
    number = np.empty(len(cell), int)
    number[turn] = np.arange(len(cell)) - np.repeat(np.cumsum(count) - count, count)
    rows = np.flatnonzero(number < count[cell] // times)
    message = f"{runs.source}: every row is there {times} times; each counts once"
    kept = ordered(runs, rows)
    return replace(kept, remarks=(*runs.remarks, Problem("duplicated_table", message)))
