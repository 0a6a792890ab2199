"""Structure that a table shows by itself: isoFLOP families without a budget column, sizes, configurations."""

import numpy as np

WINDOW, AROUND = 0.1, 1.0  # in ln C: the widest family, and the neighbourhood it stands out from
EQUAL = (1e-4, 1e-2)  # in ln C: equal FLOPs, exactly or rounded, where hardly a run is expected by chance
EXCESS, RATIO = 3.5, 2.0  # standard deviations and times above the neighbourhood's density
SAME_SIZE = 0.02  # in ln N: sizes read off a figure


def find_families(flops: np.ndarray, params: np.ndarray) -> list[np.ndarray]:
    """Rows of each isoFLOP family, in order of FLOPs.

    A family holds at least three sizes at equal FLOPs (to 1 percent, in a sparse table), or within 10 percent where
    twice as many runs, and 3.5 Poisson standard deviations more, lie than the density of runs within a factor of e lets
    expect. So runs scattered over compute form none, however many share a window by chance.

    Args:
        flops, params: of the runs [n].
    """
    order = np.argsort(flops, kind="stable")
    logs = np.log(flops[order])
    taken, found = np.zeros(len(logs), bool), []
    for width in (*EQUAL, WINDOW):
        count, expected = counts(logs, width)
        excess = (count - expected) / np.sqrt(expected + 1)
        dense = expected < 0.01 if width in EQUAL else (excess > EXCESS) & (count >= RATIO * expected)
        candidates = np.flatnonzero(dense & (count >= 3))
        for i in candidates[np.argsort(-excess[candidates], kind="stable")].tolist():
            part = slice(i, i + int(count[i]))
            if not taken[part].any() and sizes(params[order[part]]) >= 3:
                taken[part] = True
                found.append(order[part])
    return sorted(found, key=lambda rows: flops[rows[0]])


def counts(logs: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Values in the window that starts at each of the sorted `logs` [n], and how many its surroundings let expect."""
    around = min(AROUND, logs[-1] - logs[0])
    left = np.clip(logs - (around - width) / 2, logs[0], logs[-1] - around)  # the ends have a full neighbourhood too
    count = np.searchsorted(logs, logs + width, "right") - np.arange(len(logs))
    near = np.searchsorted(logs, left + around, "right") - np.searchsorted(logs, left, "left")
    return count, np.maximum(near - count, 0) * width / max(around - width, width)


def sizes(params: np.ndarray) -> int:
    """How many sizes there are, those within 2 percent of a smaller neighbour counted once."""
    return 1 + int((np.diff(np.sort(np.log(params))) > SAME_SIZE).sum())


def distinct(*inputs: np.ndarray) -> int:
    """How many distinct rows the inputs [n], or [f, n], have together; such as (params, tokens)."""
    rows = np.concatenate([np.atleast_2d(x) for x in inputs])
    return 1 + int((np.diff(rows[:, np.lexsort(rows)], axis=1) != 0).any(axis=0).sum())
