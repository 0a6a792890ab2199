"""A quick robust fit in NumPy, for a look at a table before the real one: which rows stand out, what it can tell.

Starts from the best cell of the law's design, then a few steps of iteratively reweighted least squares with Huber
weights at 1.345 robust standard deviations (Huber 1964), differences for the Jacobian. Nothing is compiled.
"""

from dataclasses import dataclass

import numpy as np

from sweep.fit.designs import find_starts
from sweep.laws import Law
from sweep.tables.load import Runs

SAMPLE, ENOUGH = 600, 20_000  # rows that choose the start, and that are fitted: more say nothing new of a law
TUNING = 1.345  # robust standard deviations up to which a residual counts squared
STEPS = 30
TOLD = 2.0  # t-ratio from which an exponent counts as told by the table


@dataclass(frozen=True)
class Quick:
    """A quick fit.

    Attributes:
        residual: of ln loss [n], positive where a run did worse than the law.
        sd: robust standard deviation of the residuals (1.4826 x median absolute).
        condition: condition number of the Fisher information with columns of unit length.
        t_ratio: exponent -> value over its standard error.
        weak: exponents that the table does not tell (t-ratio below 2).
    """

    residual: np.ndarray
    sd: float
    condition: float
    t_ratio: dict[str, float]
    weak: list[str]


def quick(law: Law, runs: Runs) -> Quick:
    """Fit `law` to `runs` roughly and robustly; n of at least the parameters."""
    rows = sample(runs.loss, ENOUGH)
    everything = runs.inputs(law)
    features, shift = law.features(*(x[..., rows] for x in everything))
    target = np.log(runs.loss[rows])

    def predicted(theta: np.ndarray, rows: np.ndarray | slice = rows) -> np.ndarray:
        with np.errstate(all="ignore"):
            value = np.log(law.loss(law.coefficients(theta, shift), *(x[..., rows] for x in everything)))
        return np.nan_to_num(value, nan=1e3, posinf=1e3, neginf=-1e3)

    few = sample(target, SAMPLE)
    theta = find_starts(law, features[:, few], np.exp(target[few]), delta=0.01, count=1)[0]
    residual, damping = target - predicted(theta), 1e-3
    for _ in range(STEPS):
        scale = TUNING * max(spread(residual), 1e-9)
        cost = huber_sum(residual, scale)
        weight = np.minimum(1.0, scale / np.maximum(np.abs(residual), 1e-300))
        jacobian = differences(predicted, theta)
        gram, moment = (jacobian * weight) @ jacobian.T, (jacobian * weight) @ residual
        while damping < 1e6:
            lift = np.diag(damping * np.diag(gram) + 1e-14 * np.trace(gram))
            step = np.clip(solve(gram + lift, moment), -3.0, 3.0)
            trial = np.clip(theta + step, law.lower, law.upper)
            new = target - predicted(trial)
            if huber_sum(new, scale) < cost * (1 - 1e-9):
                theta, residual, damping = trial, new, damping / 10
                break
            damping *= 10
        else:
            break  # no step is better: this is the optimum
    everywhere = np.log(runs.loss) - predicted(theta, slice(None))
    return described(law, theta, residual, everywhere, differences(predicted, theta))


def solve(matrix: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """The step [k]; the shortest where the matrix is singular, as of a coefficient that changes nothing."""
    try:
        return np.linalg.solve(matrix, moment)
    except np.linalg.LinAlgError:
        return np.linalg.pinv(matrix, hermitian=True) @ moment


def sample(values: np.ndarray, count: int) -> np.ndarray:
    """At most `count` rows, spread evenly over the order of `values` [n]."""
    if len(values) <= count:
        return np.arange(len(values))
    return np.argsort(values, kind="stable")[np.linspace(0, len(values) - 1, count).astype(int)]


def differences(function, theta: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Jacobian [k, n] by central differences."""
    moves = step * np.eye(len(theta))
    return np.stack([(function(theta + m) - function(theta - m)) / (2 * step) for m in moves])


def huber_sum(residual: np.ndarray, delta: float) -> float:
    """Sum of the Huber function, r^2 / 2 inside."""
    inner = np.minimum(np.abs(residual), delta)
    return float(np.sum(inner * (np.abs(residual) - 0.5 * inner)))


def spread(residual: np.ndarray) -> float:
    """Standard deviation of a normal bulk, by the median absolute residual."""
    return 1.4826 * float(np.median(np.abs(residual)))


def described(law: Law, theta: np.ndarray, residual: np.ndarray, everywhere: np.ndarray, jacobian: np.ndarray) -> Quick:
    """What the fit tells: condition, and which exponents (powers that must not be negative) the table tells.

    Args:
        residual, jacobian: of the rows that were fitted [m], [k, m].
        everywhere: residuals of all rows [n].
    """
    exponents = [i for i, p in enumerate(law.parameters.values()) if p.scale == "linear" and p.lower == 0]
    size = np.sqrt(np.sum(jacobian**2, axis=1))
    safe = np.where(size > 0, size, 1.0)
    unit = jacobian / safe[:, None]
    values, vectors = np.linalg.eigh(unit @ unit.T)
    values = np.maximum(values, values[-1] * 1e-15 + 1e-300)
    widen = np.sqrt(len(residual) / max(len(residual) - len(theta), 1))
    deviation = widen * max(spread(residual), 1e-12) * np.sqrt((vectors**2 / values).sum(axis=1)) / safe
    ratio = np.where(size > 0, np.minimum(theta / deviation, 1e12), 0.0)[exponents]
    told = {law.names[i]: t for i, t in zip(exponents, ratio.tolist(), strict=True)}
    weak = [name for name, t in told.items() if t < TOLD]
    return Quick(everywhere, spread(residual), float(values[-1] / values[0]), told, weak)
