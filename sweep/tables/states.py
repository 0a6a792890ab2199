"""Which runs are finished, by a column that says so: the statuses of a sweep, and the states of W&B."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sweep.tables.numbers import plain
from sweep.tables.schema import STATUSES

NAMES = ("status", "state")
KNOWN = {  # the word of a finished run -> the words of the others
    "done": STATUSES,
    "finished": ("running", "pending", "crashed", "failed", "killed", "preempting", "preempted"),
}


class States(NamedTuple):
    """Of every row [n]: what its column says, and whether the run is finished."""

    words: np.ndarray
    done: np.ndarray


def finished(table: pa.Table, mentioned: Collection[str] = ()) -> States | None:
    """Which rows are finished runs; None where no column says it.

    Where a filter mentions the states of W&B, they are its own business.

    A crashed run has a loss too, of the step at which it crashed, beside the tokens that it was meant to see.
    """
    for column in table.column_names:
        if column.strip().lower() not in NAMES:
            continue
        words = plain(table[column])
        if words.dtype != object:
            continue
        for done, others in KNOWN.items():
            if set(words) <= {done, *others, None} and (done == "done" or column not in mentioned):
                said = np.array(["not stated" if word is None else word for word in words.tolist()])
                return States(said, words == done)
    return None
