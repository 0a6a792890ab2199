"""What every diagnostic starts from: a solved fit, its residuals and their scale, and refits with other weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from sweep.fit.approach3 import Solution, minimise
from sweep.fit.best import BY_COMPUTE, best_run, exponents
from sweep.fit.designs import find_starts
from sweep.fit.objective import Objective
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
        fixed: values of the law's inputs that compute does not decide (sweep.fit.best).
    """

    law: Law
    runs: Runs
    objective: Objective
    solution: Solution
    target: float
    k: float
    level: float
    fixed: Mapping[str, float] = field(default_factory=dict)

    @property
    def inputs(self) -> list[np.ndarray]:
        """What the law reads of the runs, [n] each."""
        return self.runs.inputs(self.law)

    @cached_property
    def reference(self) -> int:
        """The run of which a law without an optimum tells the loss: of the largest compute, else the least loss."""
        flops = self.runs.flops
        return int(np.argmin(self.runs.loss) if np.isnan(flops).any() else np.argmax(flops))

    @cached_property
    def features(self) -> np.ndarray:
        """Of the law, centred, [f, n]."""
        return self.law.features(*self.inputs)[0]

    @cached_property
    def shift(self) -> np.ndarray:
        """What centring took off, [f]."""
        return self.law.features(*self.inputs)[1]

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

    def predict(self, coefficients: Any, rows: np.ndarray | slice | list[int] = slice(None)) -> np.ndarray:
        """ln loss of the chosen runs by every lane of coefficients, [lanes, m]."""
        lanes = type(coefficients)(*(np.asarray(v)[..., None] for v in coefficients))
        with np.errstate(all="ignore"):  # a lane that left the realm of numbers says so by not being finite
            return np.log(self.law.loss(lanes, *(x[..., rows] for x in self.inputs)))

    def at_target(self, coefficients: Any) -> dict[str, np.ndarray]:
        """Exponent a and the compute-optimal (params, tokens, loss) at the target, each [lanes]; NaN where none is.

        Of a law without an optimum the loss alone, that of the reference run.
        """
        params, tokens, loss = best_run(self.law, coefficients, self.target, self.k, self.fixed)
        a = np.asarray(exponents(self.law, coefficients, self.target, self.k, self.fixed)[0])
        if not self.law.optimum_kind:
            lanes = type(coefficients)(*(np.atleast_1d(v) for v in coefficients))
            loss = np.exp(self.predict(lanes, [self.reference])[:, 0]).reshape(a.shape)
            return {"a": a, "params": params, "tokens": tokens, "loss": loss}
        with np.errstate(all="ignore"):
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
    cells = find_starts(fitted.law, fitted.features[:, kept], fitted.runs.loss[kept], delta=rank_by, count=count)
    return np.concatenate([fitted.theta[None], cells])


def robust_sd(residual: np.ndarray, parameters: int) -> float:
    """Scale of residuals [n] that outliers do not move: 1.4826 x the median size of those a fit could not make vanish.

    A fit of k parameters brings k residuals to about zero whatever the noise, so the k smallest are left out.
    """
    size = np.sort(np.abs(residual))[min(parameters, len(residual) - 1) :]
    return max(1.4826 * float(np.median(size)), ROUNDING)


def identifiable(fitted: Fitted, kept: np.ndarray) -> bool:
    """Whether the rows `kept` [n] have enough distinct configurations for the law, and its inputs vary in them.

    Of params and tokens also that one does not follow from the other.
    """
    inputs = [x[..., kept] for x in fitted.inputs]
    if len(np.unique(np.concatenate([np.atleast_2d(x) for x in inputs]), axis=1).T) < len(fitted.law.names) + 2:
        return False
    logs = [np.log(x) for x, name in zip(inputs, fitted.law.inputs, strict=True) if name in BY_COMPUTE]
    if not logs:
        return True
    centred = np.stack(logs) - np.mean(logs, axis=1, keepdims=True)
    spread = np.linalg.svd(centred / np.sqrt(centred.shape[1]), compute_uv=False)
    return bool(spread[-1] > 0.02)  # else one size, one horizon, or tokens that follow from params


def nothing(reason: str) -> dict[str, Any]:
    """A diagnostic without an answer."""
    return {"status": "no_answer", "reason": reason}
