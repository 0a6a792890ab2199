"""What a fit's resamples would learn from runs: derivatives of ln loss, and of what is wanted, at every resample.

A resample is a law that could be true. For each: the Jacobian of ln loss in the solver's coordinates at the fitted runs
and at candidates, and the gradients of ln L(C) and ln N*(C) at a target. They come from the law's `log_loss`, so that
any law of params and tokens with an optimum will do:

    ln L*(C)    along k N D = C the optimum is flat, so the gradient is that of ln loss at (N*, D*)
    ln N*(C)    f_x = 0 at the optimum, f = ln loss along x = ln N, so d x*/d theta = -f_x,theta / f_xx

A law is a form that somebody chose. `bent` lets it be wrong by a bend that the table could not have shown.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sweep import platforms
from sweep.laws import Law

BEND = 1.0  # sd of a bend at the edge of the fitted runs, over the noise of one run: more would have shown
STEP = 0.01  # in ln N, of the second differences along the isoFLOP
Points = tuple[np.ndarray, np.ndarray]  # params, tokens


class Sight(NamedTuple):
    """Derivatives at every resample with an optimum.

    Attributes:
        runs: of ln loss at the fitted runs [lanes, n, k].
        candidates: of ln loss at the candidates [lanes, m, k].
        loss: of ln L*(C) [lanes, k].
        params: of ln N*(C) [lanes, k].
        target: (ln N*, ln D*) of C [2, lanes].
        curvature: second derivative of ln loss in ln N along the isoFLOP there [lanes].
    """

    runs: np.ndarray
    candidates: np.ndarray
    loss: np.ndarray
    params: np.ndarray
    target: np.ndarray
    curvature: np.ndarray


def look(law: Law, lanes: Any, runs: Points, candidates: Points, flops: float, k: float) -> Sight:
    """The derivatives.

    Args:
        lanes: coefficients, [lanes] each.
        runs, candidates: (params, tokens), [n] and [m] each.
        flops: the target C.
        k: FLOPs per parameter and token.
    """
    with np.errstate(all="ignore"):
        best = np.log(np.asarray(law.optimum(lanes, flops, k)[0], float))
    good = np.isfinite(best)
    lanes, best = type(lanes)(*(np.asarray(x, float)[good] for x in lanes)), best[good]
    along = np.exp(best + STEP * np.array([[-1.0], [0.0], [1.0]]))  # [3, lanes]
    params = np.concatenate([runs[0], candidates[0], along.ravel()])
    tokens = np.concatenate([runs[1], candidates[1], (flops / k / along).ravel()])
    features, shift = law.features(params, tokens)  # of all points together: theta belongs to one centring
    with np.errstate(divide="ignore"):
        theta = np.maximum(law.theta(lanes, shift), law.lower).T  # [k, lanes]; a vanished term has a direction too
    n, m = len(runs[0]), len(candidates[0])
    _, of_runs = derivatives(law, theta, features[:, : n + m, None])
    value, slope = derivatives(law, theta, features[:, n + m :].reshape(len(features), 3, -1))
    curvature = (value[0] - 2 * value[1] + value[2]) / STEP**2
    mixed = (slope[:, 2] - slope[:, 0]) / (2 * STEP)
    to_lanes = (2, 1, 0)
    return Sight(
        of_runs[:, :n].transpose(to_lanes),
        of_runs[:, n:].transpose(to_lanes),
        slope[:, 1].T,
        -(mixed / curvature).T,
        np.stack([best, np.log(flops / k) - best]),
        curvature,
    )


def bent(seen: Sight, runs: Points, candidates: Points) -> Sight:
    """The same where the law may bend: three more coefficients, of the squares and the product of ln N and ln D.

    The logarithms run from -1 to 1 over the fitted runs. Rows are appended to `runs` for what is believed beforehand:
    no bend of more than about the noise at the edge of the fitted runs. Without it the best runs under a law are those
    at the far corners, where a law is the most wrong: on published tables such choices did worse (docs/suggest.md).
    """
    logs = np.log(np.stack(runs))
    middle, half = (logs.max(axis=1) + logs.min(axis=1)) / 2, np.ptp(logs, axis=1) / 2

    def place(at: np.ndarray) -> np.ndarray:
        return (at - middle[:, None]) / half[:, None]

    lanes = len(seen.loss)
    columns = [np.broadcast_to(bend(place(np.log(np.stack(p)))), (lanes, len(p[0]), 3)) for p in (runs, candidates)]
    x, y = place(seen.target)
    a, b = 1 / half
    along = np.stack([2 * x * a, y * a - x * b, -2 * y * b], axis=-1)  # d/d ln N with ln D falling as ln N rises
    of_runs = np.concatenate([seen.runs, columns[0]], axis=2)
    prior = np.zeros((lanes, 3, of_runs.shape[2]))
    prior[:, :, -3:] = np.eye(3) / BEND
    return Sight(
        np.concatenate([of_runs, prior], axis=1),
        np.concatenate([seen.candidates, columns[1]], axis=2),
        np.concatenate([seen.loss, bend(np.stack([x, y]))], axis=1),
        np.concatenate([seen.params, -along / seen.curvature[:, None]], axis=1),
        seen.target,
        seen.curvature,
    )


def bend(place: np.ndarray) -> np.ndarray:
    """x^2, x y, y^2 of places [2, n], as [n, 3]."""
    x, y = place
    return np.stack([x * x, x * y, y * y], axis=-1)


def derivatives(law: Law, theta: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln loss [rows, lanes] and its Jacobian [k, rows, lanes] of theta [k, lanes], features [f, rows, lanes or 1]."""
    with jax.enable_x64(True), jax.default_device(platforms.fitting_devices()[0]):
        value, jacobian = law.log_loss(jnp.asarray(theta[:, None, :]), jnp.asarray(features))
        return np.asarray(value), np.asarray(jacobian)
