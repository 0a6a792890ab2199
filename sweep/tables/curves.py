"""Training curves: many rows a run, of which the last is the run's result and all are points of its loss curve."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweep.errors import InputError


@dataclass(frozen=True)
class Curves:
    """Loss along training, one point a row [m]: `run` is the row of its trial in Runs."""

    run: np.ndarray
    tokens: np.ndarray
    flops: np.ndarray
    loss: np.ndarray


@dataclass(frozen=True)
class Arranged:
    """Points told apart by run.

    Attributes:
        names: of the runs [r].
        run: of each point [m].
        order: the points that count, by run and tokens.
        last: the point of most tokens of each run [r].
        repeated: how many points were left out because another one is at the same tokens of the same run.
    """

    names: list[str]
    run: np.ndarray
    order: np.ndarray
    last: np.ndarray
    repeated: int


def arrange(
    run: Sequence | np.ndarray, params: np.ndarray, tokens: np.ndarray, loss: np.ndarray, row: np.ndarray, source: str
) -> Arranged:
    """Points [m] in order. Of several at the same tokens of one run the one of largest loss counts.

    A log that repeats itself (restarts, two runs under one name) does not say which reading is right; an envelope takes
    minima, so a doubtful reading must not be able to make one.

    Args:
        run, params, tokens, loss: of each point [m].
        row, source: what messages call the points and their table.

    Raises:
        InputError: a point without a run, or a run of two sizes.
    """
    nameless = np.array([name is None or name != name or name == "" for name in run])
    if nameless.any():
        raise InputError(
            f"{source}: row {row[np.argmax(nameless)]}: the run column is empty; every point must name its run"
        )
    names, index = np.unique(np.array([str(name) for name in run]), return_inverse=True)
    order = np.lexsort((loss, tokens, index))
    pair = np.flatnonzero(np.diff(index[order]) == 0)
    before, after = order[pair], order[pair + 1]
    resized = np.abs(np.log(params[after] / params[before])) > 1e-6
    if resized.any():
        i, j = before[np.argmax(resized)], after[np.argmax(resized)]
        raise InputError(
            f"{source}: run {names[index[i]]} has {params[i]:.6g} params in row {row[i]} and {params[j]:.6g} in row "
            f"{row[j]}; a run has one size: name the column that tells runs apart with --columns run=COLUMN"
        )
    counts = np.ones(len(order), bool)
    counts[pair[tokens[after] == tokens[before]]] = False
    order = order[counts]
    last = order[np.append(np.flatnonzero(np.diff(index[order])), len(order) - 1)]
    return Arranged([str(name) for name in names], index, order, last, int((~counts).sum()))
