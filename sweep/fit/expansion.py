"""A law around one start: coordinates in which its predictions are nearly straight, for many resamples at once.

Let u be coordinates in which the table's own information matrix is the identity (theta = start + out u), J and S the
law's first and second derivatives in them, and v the coordinates of a prediction along the tangent space of the start,

    v = J (prediction - prediction at the start) / n = u + S_t(u, u) / 2 + R_t(u, u, u) / 6

with the parts S_t, R_t of second and third derivatives that lie along J. Then, with the rest S_n, normal to it,

    prediction = prediction at the start + J' v + S_n(v, v) / 2

up to a third order that is small: nearly all curvature of a law is of its parameters (Bates and Watts 1980), and v
takes it out.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sweep.fit.linear import pairs, solve_spd
from sweep.fit.newton import predict
from sweep.laws import Law

FLAT = 1e-10  # directions with less than this share of the largest information stay where they are
BACK = 3  # Newton steps from v to u


class Expansion(NamedTuple):
    """The law around a start, in the coordinates u and v.

    Attributes:
        predicted: [n].
        straight: J [k, n], then S_n of the pairs [k (k + 1) / 2, n], which multiplies v_a v_b once a pair.
        products: J_a J_b of the pairs, [k (k + 1) / 2, n].
        second, third: S_t and R_t, [k, k, k] and [k, k, k, k]; the first axis is that of v.
        out, back: theta = start + out u, u = back (theta - start), [k, k].
    """

    predicted: jax.Array
    straight: jax.Array
    products: jax.Array
    second: jax.Array
    third: jax.Array
    out: jax.Array
    back: jax.Array


def derivatives(law: Law, in_loss: bool, start: jax.Array, features: jax.Array) -> tuple[jax.Array, ...]:
    """The prediction [n] at `start` [k], its first, second and third derivatives [k, n], [k, k, n], [k, k, k, n]."""

    def slopes(theta: jax.Array) -> jax.Array:
        return predict(law, in_loss, features, theta[:, None])[1][:, 0]

    def along(f: Callable[[jax.Array], jax.Array], theta: jax.Array) -> jax.Array:
        return jax.vmap(lambda axis: jax.jvp(f, (theta,), (axis,))[1])(jnp.eye(len(theta), dtype=theta.dtype))

    def bends(theta: jax.Array) -> jax.Array:
        return along(slopes, theta)

    predicted, first = predict(law, in_loss, features, start[:, None])
    return predicted[0], first[:, 0], bends(start), along(bends, start)


def scaling(information: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(out, back) [k, k], with out' information out = 1 but for directions of no information, which are zero."""
    diagonal = jnp.diagonal(information)
    seen = diagonal > 1e-24 * jnp.max(diagonal)
    scale = jnp.where(seen, jnp.sqrt(jnp.where(seen, diagonal, 1.0)), 1.0)[:, None]
    values, vectors = jnp.linalg.eigh(information / scale / scale.T * seen[None] * seen[:, None])
    known = values > FLAT * values[-1]
    root = jnp.sqrt(jnp.where(known, values, 1.0))[:, None]
    return vectors / scale / root.T * known[None] * seen[:, None], root * vectors.T * scale.T * known[:, None]


def expand(law: Law, in_loss: bool, start: jax.Array, features: jax.Array, share: jax.Array) -> Expansion:
    """The law around `start` [k]; `share` [n] is the mean weight of a row over the lanes."""
    share = share / jnp.sum(share)
    predicted, first, second, third = derivatives(law, in_loss, start, features)
    out, back = scaling(jnp.einsum("an,bn,n->ab", first, first, share))
    tangent = out.T @ first
    onto = tangent * share[None]
    second = jnp.einsum("xa,xyn,yb->abn", out, second, out)
    third = jnp.einsum("cn,xyzn,xa,yb,zd->cabd", onto, third, out, out, out)
    along = jnp.einsum("cn,abn->cab", onto, second)
    rest = second - jnp.einsum("cab,cn->abn", along, tangent)
    index = pairs(len(start))
    normal = jnp.stack([rest[i, j] * (0.5 if i == j else 1.0) for i, j in index])
    products = jnp.stack([tangent[i] * tangent[j] for i, j in index])
    return Expansion(predicted, jnp.concatenate([tangent, normal]), products, along, third, out, back)


def unbend(around: Expansion, v: jax.Array) -> tuple[jax.Array, jax.Array]:
    """u [k, lanes] of v, and dv / du [k, k, lanes] there; u = 0 where the expansion has no such point."""
    k = len(v)

    def bent(u: jax.Array) -> tuple[jax.Array, jax.Array]:
        half = jnp.einsum("cab,bl->cal", around.second, u, precision="highest")
        sixth = jnp.einsum("cabd,bl,dl->cal", around.third, u, u, precision="highest")
        here = u + jnp.sum((half / 2 + sixth / 6) * u[None], axis=1)
        return here, jnp.eye(k, dtype=u.dtype)[..., None] + half + sixth / 2

    def nearer(_: jax.Array, u: jax.Array) -> jax.Array:
        here, slope = bent(u)
        gram = [jnp.sum(slope[:, i] * slope[:, j], axis=0) + (1e-6 if i == j else 0.0) for i, j in pairs(k)]
        return u - solve_spd(gram, list(jnp.sum(slope * (here - v)[:, None], axis=0)))[0]

    u = jax.lax.fori_loop(0, BACK, nearer, v)
    here, slope = bent(u)
    sure = jnp.sum((here - v) ** 2, axis=0) <= 1e-4 * jnp.sum(v**2, axis=0) + 1e-12
    return jnp.where(sure[None], u, 0.0), jnp.where(sure[None, None], slope, jnp.eye(k, dtype=u.dtype)[..., None])


def outward(matrix: jax.Array, slope: jax.Array) -> jax.Array:
    """Symmetric matrices in v [k (k + 1) / 2, lanes] as such in theta, by the slope dv / dtheta [k, k, lanes]."""
    index = pairs(len(slope))
    rows = {pair: row for (i, j), row in zip(index, matrix, strict=True) for pair in ((i, j), (j, i))}
    full = jnp.stack([jnp.stack([rows[i, j] for j in range(len(slope))]) for i in range(len(slope))])
    whole = jnp.einsum("cxl,cdl,dyl->xyl", slope, full, slope)
    return jnp.stack([whole[i, j] for i, j in index])
