"""The check before spending: how well the planned trials could determine the law, if the law holds.

The information matrix of the grid (Fisher) under the prior and under plausible variants of it, for independent errors
of known size in ln(loss). It is local and assumes the form: a lower bound on the doubt, not a promise. A ladder of
models at one ratio of tokens to parameters cannot tell the model term from the data term (arXiv 2605.08541): refused.
"""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sweep.config import Prior
from sweep.design.trial import Trial
from sweep.errors import Refusal
from sweep.laws import additive

LARGEST_SD = 1.0  # of an exponent, as a share of it: beyond that the data cannot tell its term from a constant
Numbers = np.ndarray | np.generic
EXPONENTS = {"hoffmann exponents": (0.33917, 0.28491), "besiroglu exponents": (0.34731, 0.36717)}


@dataclass(frozen=True)
class Doubt:
    """Expected standard deviations under one law; infinite where the grid says nothing."""

    law: str
    alpha: float
    beta: float
    log_optimum: float  # of ln N* at the target
    loss: float  # of the frontier loss at the target, nats/token


@dataclass(frozen=True)
class Check:
    """What the planned grid could determine."""

    points: int
    noise: float  # sd of ln(loss) between repeats
    target: float  # FLOPs
    ratios: tuple[float, float]  # least and most tokens per parameter of the grid
    prior: Prior
    doubts: tuple[Doubt, ...]  # the prior's first, then its variants

    @property
    def identifiable(self) -> bool:
        """Both exponents told from nothing under the prior."""
        doubt = self.doubts[0]
        return doubt.alpha < LARGEST_SD * self.prior.alpha and doubt.beta < LARGEST_SD * self.prior.beta

    @property
    def worst(self) -> Doubt:
        """The largest doubt of each kind over the laws."""
        names = ("alpha", "beta", "log_optimum", "loss")
        return Doubt("worst", **{name: max(getattr(d, name) for d in self.doubts) for name in names})


def points_of(trials: Iterable[Trial]) -> tuple[np.ndarray, np.ndarray]:
    """Parameters (with the head) and tokens of each cell and seed: of a learning-rate bracket only the best counts."""
    cells = {(t.shape, t.steps, t.seed): (t.params.with_head, t.tokens) for t in trials}
    params, tokens = np.array(list(cells.values()), dtype=np.float64).reshape(-1, 2).T
    return params, tokens


def check(params: np.ndarray, tokens: np.ndarray, prior: Prior, target: float) -> Check:
    """Expected doubt of a grid of runs.

    Args:
        params, tokens: float64[points].
        prior: the law, and the noise of ln(loss).
        target: FLOPs at which the optimum and the loss are wanted.
    """
    laws = variants(prior, center=(geometric_mean(params), geometric_mean(tokens)))
    doubts = tuple(doubt(name, law, params, tokens, target) for name, law in laws.items())
    ratios = tokens / params
    return Check(len(params), prior.noise, target, (float(ratios.min()), float(ratios.max())), prior, doubts)


def refuse_unidentifiable(result: Check) -> None:
    """Raise Refusal `not_identifiable` where the grid cannot tell the exponents under the prior."""
    if result.identifiable:
        return
    doubt, (low, high) = result.doubts[0], result.ratios
    raise Refusal(
        "not_identifiable",
        f"{result.points} runs at {low:.3g} to {high:.3g} tokens a parameter cannot tell alpha from beta: expected sd "
        f"{doubt.alpha:.2g} and {doubt.beta:.2g} on {result.prior.alpha:.2g} and {result.prior.beta:.2g} at noise "
        f"{result.noise:g}; add budgets, widen span, or repeat with more seeds",
    )


# The information matrix


def doubt(name: str, law: Prior, params: np.ndarray, tokens: np.ndarray, target: float) -> Doubt:
    """Expected standard deviations of a maximum-likelihood fit of ln(loss) under `law`."""
    theta = np.array([math.log(law.E), math.log(law.A), math.log(law.B), law.alpha, law.beta])
    jacobian = derivative(lambda t: np.log(losses(t, params, tokens)), theta)
    wanted = np.stack([np.eye(5)[3], np.eye(5)[4], *derivative(lambda t: answers(t, target), theta)])
    alpha, beta, log_optimum, loss = law.noise * spread(jacobian, wanted)
    return Doubt(name, float(alpha), float(beta), float(log_optimum), float(loss))


def law_of(theta: np.ndarray) -> additive.Additive:
    """Coefficients of theta = (ln E, ln A, ln B, alpha, beta), which may be complex."""
    return additive.Additive(*np.exp(theta[:3]), *theta[3:])


def losses(theta: np.ndarray, params: Numbers, tokens: Numbers) -> Numbers:
    """The additive law at theta, nats/token."""
    return additive.loss(law_of(theta), params, tokens)


def answers(theta: np.ndarray, target: float) -> np.ndarray:
    """(ln N*, L*) at `target` FLOPs, C = 6 N D."""
    law = law_of(theta)
    params, tokens = additive.optimum(law, target)
    return np.stack([np.log(params), additive.loss(law, params, tokens)])


def derivative(function, theta: np.ndarray) -> np.ndarray:
    """Jacobian [outputs, 5] by the complex step: exact to rounding, with no step size to choose."""
    step = 1e-30
    return np.stack([function(theta + 1j * step * unit).imag / step for unit in np.eye(5)], axis=-1)


def spread(jacobian: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Standard deviations of `wanted` [q, k] at unit noise: sqrt(w (J'J)^-1 w'), infinite along what J cannot see.

    By the singular values of J with scaled columns, since forming J'J would square its condition number.
    """
    k = jacobian.shape[1]
    rows = np.zeros((max(len(jacobian), k), k))
    rows[: len(jacobian)] = jacobian  # at least k rows, so that directions never seen have a singular value: zero
    scale = np.linalg.norm(rows, axis=0)
    scale[scale == 0] = 1.0
    _, singular, directions = np.linalg.svd(rows / scale, full_matrices=False)
    seen = singular > np.finfo(np.float64).eps * len(rows) * singular[0]
    parts = (wanted / scale) @ directions.T
    blind = np.abs(parts[:, ~seen]).max(axis=1, initial=0.0) > 1e-9 * np.abs(parts).max(axis=1)
    return np.where(blind, np.inf, np.sqrt(np.sum((parts[:, seen] / singular[seen]) ** 2, axis=1)))


# Other laws that could be true


def variants(prior: Prior, center: tuple[float, float]) -> dict[str, Prior]:
    """The prior, and laws with other exponents whose two terms equal the prior's at the centre of the grid."""
    mean = math.sqrt(prior.alpha * prior.beta)
    exponents = {
        "alpha -20%": (0.8 * prior.alpha, prior.beta),
        "alpha +20%": (1.2 * prior.alpha, prior.beta),
        "beta -20%": (prior.alpha, 0.8 * prior.beta),
        "beta +20%": (prior.alpha, 1.2 * prior.beta),
        "symmetric": (mean, mean),
        **EXPONENTS,
    }
    return {prior.source: prior} | {name: bend(prior, *pair, center) for name, pair in exponents.items()}


def bend(prior: Prior, alpha: float, beta: float, center: tuple[float, float]) -> Prior:
    """The prior with other exponents, equal to it term by term at `center` = (params, tokens)."""
    params, tokens = center
    a = prior.A * params ** (alpha - prior.alpha)
    b = prior.B * tokens ** (beta - prior.beta)
    return dataclasses.replace(prior, A=a, B=b, alpha=alpha, beta=beta)


def geometric_mean(values: np.ndarray) -> float:
    """exp of the mean logarithm."""
    return float(np.exp(np.log(values).mean()))
