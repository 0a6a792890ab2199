"""What every diagnostic starts from: a solved fit, its residuals and their scale, and refits with other weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sweep.fit.approach3 import Solution, minimise
from sweep.fit.objective import Objective
from sweep.fit.starts import grid_starts
from sweep.laws import Law
from sweep.tables.load import Runs

ROUNDING = 1e-9  # in ln loss: residuals below it are arithmetic, not noise


@dataclass(frozen=True)
class Fitted:
    """A solved fit.

    Attributes:
        target: FLOPs at which answers are compared.
        k: FLOPs per parameter and token.
        level: of the intervals.
    """

    law: Law
    runs: Runs
    objective: Objective
    solution: Solution
    target: float
    k: float
    level: float

    @cached_property
    def features(self) -> np.ndarray:
        """Of the law, centred, [f, n]."""
        return self.law.features(self.runs.params, self.runs.tokens)[0]

    @cached_property
    def shift(self) -> np.ndarray:
        """What centring took off, [f]."""
        return self.law.features(self.runs.params, self.runs.tokens)[1]

    @property
    def theta(self) -> np.ndarray:
        """The optimum in the law's coordinates, [k]."""
        return self.solution.restarts[0]

    @cached_property
    def residual(self) -> np.ndarray:
        """ln loss - ln predicted, [n]; positive where a run did worse than the law."""
        return np.log(self.runs.loss) - np.log(self.solution.predicted)

    @cached_property
    def sd(self) -> float:
        """Robust scale of `residual`."""
        return robust_sd(self.residual, len(self.law.names))

    def predict(self, coefficients: Any, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """ln loss of the chosen runs by every lane of coefficients, [lanes, m]."""
        lanes = type(coefficients)(*(np.asarray(v)[..., None] for v in coefficients))
        with np.errstate(all="ignore"):  # a lane that left the realm of numbers says so by not being finite
            return np.log(self.law.loss(lanes, self.runs.params[rows], self.runs.tokens[rows]))

    def at_target(self, coefficients: Any) -> dict[str, np.ndarray]:
        """Exponent a and the compute-optimal (params, tokens, loss) at the target, each [lanes]; NaN where none is."""
        with np.errstate(all="ignore"):
            params, tokens = self.law.optimum(coefficients, self.target, self.k)
            loss = self.law.loss(coefficients, params, tokens)
            a = np.asarray(self.law.allocation(coefficients)[0])
            exists = (a > 0) & (a < 1) & np.isfinite(params * tokens * loss)
            return {"a": a} | {
                name: np.where(exists, value, np.nan)
                for name, value in (("params", params), ("tokens", tokens), ("loss", loss))
            }


@dataclass(frozen=True)
class Refits:
    """The law refitted: theta [lanes, k], coefficients [lanes] each, the solver's objective [lanes], certified [lanes].

    `bound`: index of the bound that a lane lies on, 0 for none (law.bounds).
    """

    theta: np.ndarray
    coefficients: Any
    value: np.ndarray
    converged: np.ndarray
    bound: np.ndarray

    @property
    def status(self) -> list[str]:
        """Verdict of every lane."""
        return np.select([self.bound > 0, self.converged], ["at_bound", "converged"], "not_converged").tolist()


def refit(
    fitted: Fitted, weight: np.ndarray, starts: Sequence[np.ndarray], objective: Objective | None = None
) -> Refits:
    """The law refitted with row weights [lanes, n], lane l from each of starts[l] [s, k]; the best is kept."""
    lane = np.repeat(np.arange(len(weight)), [len(s) for s in starts])
    theta = np.concatenate([np.asarray(s, float) for s in starts])
    ends = minimise(fitted.law, fitted.runs, fitted.features, objective or fitted.objective, theta, weight[lane])
    return best(fitted, lane, ends)


def best(fitted: Fitted, lane: np.ndarray, ends: Any) -> Refits:
    """Of solver lanes that belong to refits `lane` [solver lanes], sorted, the one of least objective for each."""
    value = np.where(np.isfinite(ends.objective), ends.objective, np.inf)
    order = np.lexsort((value, lane))
    first = order[np.unique(lane[order], return_index=True)[1]]
    coefficients = fitted.law.coefficients(ends.theta[first], fitted.shift)
    bound = fitted.law.bound(coefficients, float(fitted.runs.loss.min()))
    return Refits(ends.theta[first], coefficients, value[first], ends.converged[first], bound)


def subset_starts(fitted: Fitted, kept: np.ndarray, count: int = 3) -> np.ndarray:
    """Starts for a fit of the rows `kept` [n]: this optimum, and the best cells of the grid on those rows alone."""
    rank_by = np.inf if fitted.objective.kind.endswith("mse") else fitted.objective.deltas[0]
    cells = grid_starts(fitted.law, fitted.features[:, kept], fitted.runs.loss[kept], delta=rank_by, count=count)
    return np.concatenate([fitted.theta[None], cells])


def robust_sd(residual: np.ndarray, parameters: int) -> float:
    """Scale of residuals [n] that outliers do not move: 1.4826 x the median size of those a fit could not make vanish.

    A fit of k parameters brings k residuals to about zero whatever the noise, so the k smallest are left out.
    """
    size = np.sort(np.abs(residual))[min(parameters, len(residual) - 1) :]
    return max(1.4826 * float(np.median(size)), ROUNDING)


def identifiable(fitted: Fitted, kept: np.ndarray) -> bool:
    """Whether the rows `kept` [n] have enough distinct configurations, sizes and horizons for the law."""
    params, tokens = fitted.runs.params[kept], fitted.runs.tokens[kept]
    configurations = len(set(zip(params.tolist(), tokens.tolist(), strict=True)))
    if configurations < len(fitted.law.names) + 2:
        return False
    centred = np.log(np.stack([params, tokens]))
    centred = centred - centred.mean(axis=1, keepdims=True)
    spread = np.linalg.svd(centred / np.sqrt(len(params)), compute_uv=False)
    return bool(spread[-1] > 0.02)  # else one size, one horizon, or tokens that follow from params


def nothing(reason: str) -> dict[str, Any]:
    """A diagnostic without an answer."""
    return {"status": "no_answer", "reason": reason}
