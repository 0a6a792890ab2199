"""Starts from the data alone: a grid over the exponents, the rest solved for.

Given (alpha, beta) the additive law is linear in (E, A, B), so a weighted non-negative least-squares solve of three
unknowns replaces three dimensions of start lattice (variable projection: Golub and Pereyra 1973). The best cells under
the real objective start Newton; nobody types start values.
"""

import itertools

import numpy as np

from sweep.fit.objective import huber
from sweep.laws import Law

GRID = np.geomspace(0.02, 2.0, 16)  # of each exponent


def nonnegative_least_squares(columns: np.ndarray, target: np.ndarray) -> np.ndarray:
    """argmin |target - w columns| over w >= 0, for stacks of problems with few columns.

    Args:
        columns: [..., c, n].
        target: [n].

    Returns:
        w [..., c]: the best of the 2^c - 1 active sets, each solved in closed form.
    """
    c = columns.shape[-2]
    size = np.sqrt(np.einsum("...in,...in->...i", columns, columns))
    unit = columns / size[..., None]
    gram, moment = unit @ np.swapaxes(unit, -1, -2), unit @ target
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


def grid_starts(law: Law, features: np.ndarray, loss: np.ndarray, *, delta: float, count: int = 8) -> np.ndarray:
    """The best cells of the grid as theta [count + 1, k], best first; the last is the best without the optional term.

    Args:
        features: of the law, centred, [f, n].
        loss: nats/token, [n].
        delta: Huber threshold of the residuals of ln loss that ranks the cells.
    """
    shape = np.stack(np.meshgrid(*[GRID] * len(features), indexing="ij"), axis=-1).reshape(-1, len(features))
    full, reduced = [], []
    for part in np.array_split(shape, max(1, len(shape) * len(loss) // 2**22)):  # at most a few hundred MB
        columns = law.basis(part, features)
        terms = list(range(columns.shape[-2]))
        full.append(cells(law, part, columns, terms, loss, delta))
        terms.remove(law.optional)
        reduced.append(cells(law, part, columns, terms, loss, delta))
    return np.concatenate([best_of(full, count), best_of(reduced, 1)])


def cells(
    law: Law, shape: np.ndarray, columns: np.ndarray, terms: list[int], loss: np.ndarray, delta: float
) -> tuple[np.ndarray, np.ndarray]:
    """(score [cells], theta [cells, k]) of shape parameters [cells, s], using the `terms` of columns [cells, c, n]."""
    weights = np.zeros(columns.shape[:-1])
    relative = columns[..., terms, :] / loss  # so that the error solved for is about the log residual
    weights[..., terms] = nonnegative_least_squares(relative, np.ones_like(loss))
    predicted = np.einsum("...c,...cn->...n", weights, columns)
    score = huber(np.log(np.maximum(predicted, 1e-300)) - np.log(loss), delta).sum(axis=-1)
    return score, law.from_block(shape, weights)


def best_of(parts: list[tuple[np.ndarray, np.ndarray]], count: int) -> np.ndarray:
    """The thetas of the `count` lowest scores, lowest first."""
    score, theta = (np.concatenate(column) for column in zip(*parts, strict=True))
    return theta[np.argsort(score, kind="stable")[:count]]
