"""Does the table pin the law down? Conditioning, correlations, curvature, and other optima nearly as good."""

from statistics import NormalDist
from typing import Any

import numpy as np

from sweep.fit.diagnostics.curvature import Curvature
from sweep.fit.diagnostics.fitted import Fitted
from sweep.fit.result import warning

PAIRS = (("A", "alpha"), ("B", "beta"), ("E", "alpha"), ("E", "beta"), ("alpha", "beta"))
TIE = 0.01  # relative: an objective that is nearly as good
APART = 0.10  # relative: N* that is not the same answer
FLAT = 10.0  # factor between the ends of the interval of N*: a valley, not a point
NOT_CURVED = 1e-8  # least eigenvalue of the scaled Hessian, relative to its largest


def identifiability(fitted: Fitted, shape: Curvature) -> dict[str, Any]:
    """Condition of the scaled Jacobian, correlations, standard error of ln N*, near ties, and verdicts in words."""
    free = shape.jacobian[shape.free]
    unit = free / np.linalg.norm(free, axis=1, keepdims=True)
    condition = float(np.linalg.cond(unit)) if shape.free.all() else None
    names = fitted.law.names
    moves = gradients(fitted, shape, lambda coefficients: np.stack(coefficients, axis=-1))
    covariance = moves @ shape.covariance @ moves.T
    error = np.sqrt(np.diag(covariance))
    correlation = {
        f"{x},{y}": covariance[i, j] / (error[i] * error[j])
        for x, y in PAIRS
        if x in names and y in names and error[i := names.index(x)] > 0 and error[j := names.index(y)] > 0
    }
    factor, ties = None, []
    if fitted.law.optimum_kind:
        slope = gradients(fitted, shape, lambda c: np.log(fitted.at_target(c)["params"])[..., None])
        z = NormalDist().inv_cdf((1 + fitted.level) / 2)
        factor = float(np.exp(2 * z * np.sqrt(np.squeeze(slope @ shape.covariance @ slope.T))))
        ties = near_ties(fitted)
    return {
        "status": "ok",
        "condition": condition,
        "correlation": correlation,
        "params_ratio": factor,
        "no_optimum": not fitted.law.optimum_kind,
        "starts": {"agree": fitted.solution.agree, "of": fitted.solution.starts},
        "near_ties": ties,
        "verdicts": verdicts(fitted, shape, factor, ties),
    }


def gradients(fitted: Fitted, shape: Curvature, function: Any) -> np.ndarray:
    """Central differences of function(coefficients) [..., m] in the free coordinates, [m, f]."""
    near = 1e-5 * np.eye(len(fitted.theta))[shape.free]
    with np.errstate(all="ignore"):
        up, down = (function(fitted.law.coefficients(fitted.theta + sign * near, fitted.shift)) for sign in (1, -1))
    return (up - down).T / 2e-5


def near_ties(fitted: Fitted) -> list[dict[str, Any]]:
    """Other ends of the starts: objective within 1 percent of the best, N* at the target more than 10 percent away."""
    solution = fitted.solution
    answers = fitted.at_target(fitted.law.coefficients(solution.ends, fitted.shift))
    here = float(fitted.at_target(solution.coefficients)["params"])
    away = np.abs(np.log(answers["params"] / here))
    close = (solution.values <= (1 + TIE) * solution.values.min()) & (away > np.log(1 + APART))
    found = sorted(np.flatnonzero(close), key=lambda i: answers["params"][i])
    distinct = [
        i for n, i in enumerate(found) if n == 0 or answers["params"][i] > 1.01 * answers["params"][found[n - 1]]
    ]
    return [
        {
            "objective_ratio": solution.values[i] / solution.values.min(),
            "converged": bool(solution.ends_converged[i]),
            **{name: value[i] for name, value in answers.items()},
        }
        for i in distinct
    ]


def verdicts(
    fitted: Fitted, shape: Curvature, factor: float | None, ties: list[dict[str, Any]]
) -> list[dict[str, str]]:
    """What keeps the optimum from being a confident point: {code, message}."""
    found = []
    if fitted.solution.status == "at_bound":
        found.append(warning("at_bound", fitted.solution.reason))
    size = np.sqrt(np.maximum(np.sum(shape.jacobian**2, axis=1), 1e-300))
    least, largest = np.linalg.eigvalsh(shape.hessian / np.outer(size, size))[[0, -1]]
    if least <= NOT_CURVED * largest:
        message = "the objective does not curve upward in every direction at the optimum: some combination is not seen"
        found.append(warning("hessian_not_pd", message))
    if factor is not None and not factor < FLAT:
        told = f"spans a factor {factor:.2g}" if np.isfinite(factor) else "is not held at all"
        found.append(warning("flat", f"the valley is flat: N* at the target {told} within its interval"))
    if ties:
        ends = [t["params"] for t in ties]
        message = f"other optima within {TIE:.0%} of the objective put N* at the target at "
        found.append(warning("near_tie", message + ", ".join(f"{n:.3g}" for n in ends[:4])))
    return found
