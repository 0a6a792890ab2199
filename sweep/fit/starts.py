"""Starts from the data alone: a grid over the exponents, the rest solved for.

Given (alpha, beta) the additive law is linear in (E, A, B), so a weighted non-negative least-squares solve of three
unknowns replaces three dimensions of start lattice (variable projection: Golub and Pereyra 1973). The best cells under
the real objective start Newton, local minima of the grid first; nobody types start values.

The grid reaches beyond the exponents that laws have. Where a table shows no more than a slope in ln D, its optimum lies
at the end of a hyperbolic valley, beta = slope / B, along which Newton only crawls: cells of tiny exponents of either
sign start beyond it. Steep exponents are for tables whose small runs are far from the law.
"""

import itertools

import numpy as np

from sweep.fit.objective import huber
from sweep.laws import Law

TINY = (0.0006, 0.002, 0.006)
USUAL = np.geomspace(0.02, 2.0, 16)
GRID = np.array([-4.0, -1.0, -0.25, -0.06, -0.02, *(-t for t in TINY[::-1]), *TINY, *USUAL, 4.0, 8.0])  # each exponent


def nonnegative_least_squares(columns: np.ndarray, target: np.ndarray) -> np.ndarray:
    """argmin |target - w columns| over w >= 0, for stacks of problems with few columns.

    Args:
        columns: [..., c, n].
        target: [n], or [..., n].

    Returns:
        w [..., c]: the best of the 2^c - 1 active sets, each solved in closed form.
    """
    c = columns.shape[-2]
    size = np.sqrt(np.einsum("...in,...in->...i", columns, columns))
    unit = columns / size[..., None]
    gram, moment = unit @ np.swapaxes(unit, -1, -2), (unit @ target[..., None])[..., 0]
    best = np.zeros(columns.shape[:-1])
    best_gain = np.zeros(columns.shape[:-2])
    for count in range(1, c + 1):
        for active in map(list, itertools.combinations(range(c), count)):
            ridge = 1e-13 * np.eye(count)
            solution = np.linalg.solve(gram[..., active, :][..., active] + ridge, moment[..., active, None])[..., 0]
            gain = np.sum(solution * moment[..., active], axis=-1)  # decrease of the squared error
            take = np.all(solution >= 0, axis=-1) & (gain > best_gain)
            candidate = np.zeros_like(best)
            candidate[..., active] = solution
            best = np.where(take[..., None], candidate, best)
            best_gain = np.where(take, gain, best_gain)
    return best / size


def grid_starts(
    law: Law,
    features: np.ndarray,
    loss: np.ndarray,
    *,
    delta: float,
    count: int = 8,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """The best cells of the grid as theta [count + 1, k], best first; the last is the best without the optional term.

    Local minima of the grid come first, so that one broad basin does not take all starts.

    Args:
        features: of the law, centred, [f, n].
        loss: nats/token, [n].
        delta: Huber threshold of the residuals of ln loss that ranks the cells.
        weight: of the rows, [n].
    """
    features, loss, weight = thin(features, loss, weight)
    shape = np.stack(np.meshgrid(*[GRID] * len(features), indexing="ij"), axis=-1)
    flat = shape.reshape(-1, len(features))
    full, reduced = [], []
    for part in np.array_split(flat, max(1, len(flat) * len(loss) // 2**20)):  # at most some tens of MB
        columns = law.basis(part, features)
        terms = list(range(columns.shape[-2]))
        full.append(cells(law, part, columns, terms, loss, delta, weight))
        terms.remove(law.optional)
        reduced.append(cells(law, part, columns, terms, loss, delta, weight))
    score, theta = (np.concatenate(column) for column in zip(*full, strict=True))
    first = local_minima(score.reshape(shape.shape[:-1])).ravel()
    order = np.lexsort((score, ~first))
    minima = order[: min(int(first.sum()), count // 2)]
    rest = np.setdiff1d(np.argsort(score, kind="stable")[: 2 * count], minima)
    chosen = np.concatenate([minima, rest[np.argsort(score[rest], kind="stable")]])[:count]
    chosen = chosen[np.argsort(score[chosen], kind="stable")]
    score, bare = (np.concatenate(column) for column in zip(*reduced, strict=True))
    return np.concatenate([theta[chosen], bare[[np.argmin(score)]]])


def thin(
    features: np.ndarray, loss: np.ndarray, weight: np.ndarray | None, most: int = 4096
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every m-th row of a large table, by loss: enough to find a start."""
    weight = np.ones(len(loss)) if weight is None else weight
    if len(loss) <= most:
        return features, loss, weight
    rows = np.argsort(loss, kind="stable")[:: -(-len(loss) // most)]
    return features[:, rows], loss[rows], weight[rows]


def local_minima(score: np.ndarray) -> np.ndarray:
    """Whether each cell of a grid is no worse than its neighbours along each axis, and better than one of them."""
    least, most = np.ones(score.shape, bool), np.zeros(score.shape, bool)
    for axis in range(score.ndim):
        wide = np.pad(score, [(1, 1) if i == axis else (0, 0) for i in range(score.ndim)], constant_values=np.inf)
        before, after = (np.take(wide, range(k, k + score.shape[axis]), axis) for k in (0, 2))
        least &= (score <= before) & (score <= after)
        most |= (score < before) | (score < after)
    return least & most


def cells(
    law: Law,
    shape: np.ndarray,
    columns: np.ndarray,
    terms: list[int],
    loss: np.ndarray,
    delta: float,
    weight: np.ndarray,
    offset: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(score [cells], theta [cells, k]) of shape parameters [cells, s], using the `terms` of columns [cells, c, n].

    `offset` [cells, n] is what a law with held coefficients adds to the columns.
    """
    scales = np.zeros(columns.shape[:-1])
    root = np.sqrt(weight)
    relative = columns[..., terms, :] / loss * root  # so that the error solved for is about the log residual
    target = root if offset is None else (1 - offset / loss) * root
    scales[..., terms] = nonnegative_least_squares(relative, target)
    predicted = np.einsum("...c,...cn->...n", scales, columns) + (0.0 if offset is None else offset)
    score = huber(np.log(np.maximum(predicted, 1e-300)) - np.log(loss), delta) @ weight
    return np.where(np.isfinite(score), score, np.inf), law.from_block(shape, scales)
