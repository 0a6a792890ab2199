"""The additive law: loss falls as a power of model size plus a power of data, above a floor.

    L(N, D) = E + A / N**alpha + B / D**beta          nats/token

The form of Chinchilla's approach 3 (Hoffmann et al. 2022, arXiv 2203.15556, eq. 2), refitted by Besiroglu et al. 2024
(2404.10102) and planned with by Sardana et al. 2024 (2401.00448). Under C = k N D everything a planner asks has a
closed form, below. Those functions use plain arithmetic: they take floats, NumPy or JAX arrays, and broadcast.

The fitter's coordinates are theta = (ln A', ln B', ln E, alpha, beta), where A' and B' belong to centred logarithms of
N and D: centring takes the near-collinearity of A with alpha (and B with beta) out of the 5 x 5 systems.
"""

import dataclasses
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from sweep.laws.form import NEGLIGIBLE, build
from sweep.laws.law import FLOOR, FLOPS_PER_PARAM_TOKEN, Published, Real, amplitude, exponent, floor


class Additive(NamedTuple):
    """Coefficients; every field may carry leading lane axes, and all functions below broadcast over them."""

    E: Annotated[Real, floor()]
    A: Annotated[Real, amplitude("nats/token x params^alpha")]
    B: Annotated[Real, amplitude("nats/token x tokens^beta")]
    alpha: Annotated[Real, exponent("exponent of params")]
    beta: Annotated[Real, exponent("exponent of tokens")]


PUBLISHED = {
    "hoffmann": Published(
        Additive(float(np.exp(0.5267228)), float(np.exp(6.0073404)), float(np.exp(6.0179186)), 0.33917084, 0.2849083),
        "Hoffmann et al. 2022, arXiv 2203.15556, approach 3, unrounded values of the TeX source",
        "V",
    ),
    "besiroglu": Published(
        Additive(1.8172, 482.01, 2085.43, 0.3478, 0.3658), "Besiroglu et al. 2024, arXiv 2404.10102, table 1", "V2"
    ),
    "sardana": Published(
        Additive(1.69, 406.4, 410.7, 0.336, 0.283), "Sardana et al. 2024, arXiv 2401.00448, footnote to eq. 1", "V"
    ),
    "muennighoff": Published(
        Additive(float(np.exp(0.6254804)), float(np.exp(6.255414)), float(np.exp(7.3049974)), 0.3526596, 0.3526596),
        "Muennighoff et al. 2023, arXiv 2305.16264, base law on C4, alpha = beta imposed",
        "V",
    ),
}


# What follows in closed form


def loss(law: Additive, params: Real, tokens: Real) -> Real:
    """Predicted loss in nats/token of `params` parameters trained on `tokens` tokens."""
    return law.E + law.A * params**-law.alpha + law.B * tokens**-law.beta


def allocation(law: Additive, *_: Real) -> tuple[Real, Real]:
    """Exponents (a, b) of the optimum, N* ~ C**a and D* ~ C**b, at every budget (Hoffmann et al. 2022, eq. 4)."""
    return law.beta / (law.alpha + law.beta), law.alpha / (law.alpha + law.beta)


def optimum(law: Additive, flops: Real, k: Real = FLOPS_PER_PARAM_TOKEN) -> tuple[Real, Real]:
    """Compute-optimal (params, tokens) for a budget in FLOPs, k N D = C (Hoffmann et al. 2022, eq. 4)."""
    scale = (law.alpha * law.A / (law.beta * law.B)) ** (1 / (law.alpha + law.beta))
    size = flops / k
    params = scale * size ** (law.beta / (law.alpha + law.beta))
    return params, size / params


def frontier(law: Additive, flops: Real, k: Real = FLOPS_PER_PARAM_TOKEN) -> Real:
    """Loss in nats/token of the compute-optimal run, E + K (C / k)**-gamma with gamma = alpha beta / (alpha + beta)."""
    return loss(law, *optimum(law, flops, k))


def compute_for_loss(law: Additive, target: Real, k: Real = FLOPS_PER_PARAM_TOKEN) -> Real:
    """FLOPs at which the frontier reaches `target` nats/token; NaN at or below the floor E."""
    reducible = np.where(target > law.E, target - law.E, np.nan)
    params = (law.A * (1 + law.alpha / law.beta) / reducible) ** (1 / law.alpha)
    tokens = (law.B * (1 + law.beta / law.alpha) / reducible) ** (1 / law.beta)
    return k * params * tokens


def curvature(law: Additive, flops: Real, k: Real = FLOPS_PER_PARAM_TOKEN) -> Real:
    """Second derivative of loss in ln N along the isoFLOP at its optimum, alpha beta (L* - E), nats/token."""
    return law.alpha * law.beta * (frontier(law, flops, k) - law.E)


def tokens_for_size(law: Additive, size: Real) -> Real:
    """Factor by which tokens must grow where a compute-optimal model is shrunk by the factor `size`, at equal loss.

    k_D = [1 - (k_N**-alpha - 1) beta / alpha]**(-1 / beta), whatever the budget; NaN below `least_size`. Compute grows
    by size times this (after H. de Vries, "Go smol or go home", 2023).
    """
    left = 1 - (np.asarray(size, float) ** -law.alpha - 1) * law.beta / law.alpha
    return np.where(left > 0, left, np.nan) ** (-1 / law.beta)


def least_size(law: Additive) -> Real:
    """Factor to which a compute-optimal model can shrink before no amount of data makes up for it."""
    return (1 + law.alpha / law.beta) ** (-1 / law.alpha)


# What the fitter works with: the hand-made fast path of the law that is fitted most


def features(params: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centred (ln N, ln D) [2, n] and their means [2]."""
    logs = np.log(np.stack([params, tokens]))
    shift = logs.mean(axis=1)
    return logs - shift[:, None], shift


def log_loss(
    theta: Float[jax.Array, "k *lanes"], features: Float[jax.Array, "f *rows"]
) -> tuple[Float[jax.Array, "*both"], Float[jax.Array, "k *both"]]:
    """ln loss and its Jacobian in theta; theta and features broadcast, as [k, 1, lanes] and [f, n, 1] do."""
    ln_params, ln_tokens = features
    model_term = jnp.exp(theta[0] - theta[3] * ln_params)
    data_term = jnp.exp(theta[1] - theta[4] * ln_tokens)
    floor = jnp.full_like(model_term, jnp.exp(theta[2]))
    total = model_term + data_term + floor
    columns = [model_term, data_term, floor, -model_term * ln_params, -data_term * ln_tokens]
    share = 1 / total
    return jnp.log(total), jnp.stack([column * share for column in columns])


def value(
    theta: Float[jax.Array, "k *lanes"], features: Float[jax.Array, "f *rows"]
) -> tuple[Float[jax.Array, "*both"], Float[jax.Array, "k *both"]]:
    """Loss and its Jacobian in theta, as `log_loss`."""
    logarithm, jacobian = log_loss(theta, features)
    return jnp.exp(logarithm), jacobian * jnp.exp(logarithm)[None]


def coefficients(theta: np.ndarray, shift: np.ndarray) -> Additive:
    """Coefficients of theta [..., 5]."""
    alpha, beta = theta[..., 3], theta[..., 4]
    with np.errstate(over="ignore"):  # of a lane that ran away: infinite, and no answer
        A, B = np.exp(theta[..., 0] + alpha * shift[0]), np.exp(theta[..., 1] + beta * shift[1])
    E = np.where(theta[..., 2] > FLOOR, np.exp(theta[..., 2]), 0.0)
    return Additive(E, A, B, alpha, beta)


def theta(law: Additive, shift: np.ndarray) -> np.ndarray:
    """Inverse of `coefficients`, [..., 5]."""
    ln_A, ln_B = np.log(law.A) - law.alpha * shift[0], np.log(law.B) - law.beta * shift[1]
    return np.stack(np.broadcast_arrays(ln_A, ln_B, np.log(law.E), law.alpha, law.beta), axis=-1)


def basis(exponents: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Columns [..., 3, n] that multiply (A', B', E) once the exponents [..., 2] are given."""
    powers = np.exp(-exponents[..., None] * features)
    return np.concatenate([powers, np.ones_like(powers[..., :1, :])], axis=-2)


def from_block(exponents: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Theta [..., 5] of exponents [..., 2] and non-negative weights (A', B', E) [..., 3].

    An A' or B' of zero becomes a small share of the largest weight, so that its exponent still means something; an E of
    zero stays negligible.
    """
    least = weights.max(axis=-1, keepdims=True) * np.array([1e-3, 1e-3, 1e-14])
    return np.concatenate([np.log(np.maximum(weights, least)), exponents], axis=-1)


BOUNDS = (
    "",
    "E is at zero: the table does not show a floor",
    "alpha is not positive: the table does not show that size helps",
    "beta is not positive: the table does not show that tokens help",
)


def bound(law: Additive, smallest_loss: float) -> np.ndarray:
    """Code of the bound that coefficients lie on, 0 for none (messages in BOUNDS)."""
    tests = [law.alpha < NEGLIGIBLE, law.beta < NEGLIGIBLE, law.E / smallest_loss < NEGLIGIBLE]
    return np.select(tests, [2, 3, 1], 0)


LAW = dataclasses.replace(
    build(
        id="additive",
        formula="L(N, D) = E + A / N^alpha + B / D^beta",
        coefficients=Additive,
        inputs=("params", "tokens"),
        loss=loss,
        source="Hoffmann et al. 2022, arXiv 2203.15556, eq. 2",
        published=PUBLISHED,
        limits={"params": "E + B / D^beta", "tokens": "E + A / N^alpha"},
        linear=("E", "A", "B"),
        allocation=allocation,
        optimum=optimum,
    ),
    features=features,
    log_loss=log_loss,
    value=value,
    coefficients=coefficients,
    theta=theta,
    linear=("A", "B", "E"),
    basis=basis,
    optional=2,
    from_block=from_block,
    lower=np.full(5, FLOOR),  # exponents are left free and judged by `bound`
    upper=np.full(5, np.inf),
    bound=bound,
    bounds=BOUNDS,
)
