"""Small symmetric systems, one a lane: lists of matrix entries, each a vector over lanes."""

import jax
import jax.numpy as jnp


def pairs(k: int) -> list[tuple[int, int]]:
    """Entries of the lower triangle of a k x k matrix, in the order in which sums are kept."""
    return [(i, j) for i in range(k) for j in range(i + 1)]


def solve_spd(matrix: list[jax.Array], vector: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Solve small positive definite systems by an unrolled Cholesky, elementwise over lanes.

    Args:
        matrix: lower triangles, a list in the order of `pairs` of [lanes].
        vector: k of [lanes].

    Returns:
        the solution [k, lanes], and the least pivot [lanes]: not positive where the matrix is not positive definite.
    """
    n = len(vector)
    entry = dict(zip(pairs(n), matrix, strict=True))
    lower, forward, solution, least = {}, [], [jnp.zeros(())] * n, matrix[0]
    for j in range(n):
        pivot = entry[j, j] - sum(lower[j, k] ** 2 for k in range(j))
        least = jnp.minimum(least, pivot)
        lower[j, j] = jax.lax.rsqrt(jnp.maximum(pivot, jnp.finfo(pivot.dtype).tiny))  # on the diagonal its inverse
        for i in range(j + 1, n):
            lower[i, j] = (entry[i, j] - sum(lower[i, k] * lower[j, k] for k in range(j))) * lower[j, j]
    for i in range(n):
        forward.append((vector[i] - sum(lower[i, k] * forward[k] for k in range(i))) * lower[i, i])
    for i in reversed(range(n)):
        solution[i] = (forward[i] - sum(lower[k, i] * solution[k] for k in range(i + 1, n))) * lower[i, i]
    return jnp.stack(solution), least


def solve_absolute(matrix: list[jax.Array], vector: list[jax.Array], ridge: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Solve small symmetric systems with the absolute values of their eigenvalues, plus `ridge` [lanes].

    Returns:
        the solution [k, lanes], and vector . solution without the ridge [lanes].
    """
    n = len(vector)
    entry = {pair: row for (i, j), row in zip(pairs(n), matrix, strict=True) for pair in ((i, j), (j, i))}
    full = jnp.stack([jnp.stack([entry[i, j] for j in range(n)], axis=-1) for i in range(n)], axis=-2)
    full = jnp.where(jnp.isfinite(full), full, jnp.eye(n)[None])
    values, vectors = jnp.linalg.eigh(full)
    along = jnp.sum(vectors * jnp.stack(vector, axis=-1)[:, :, None], axis=1)
    size = jnp.maximum(jnp.abs(values), 1e-13)
    solution = jnp.sum(vectors * (along / (size + ridge[:, None]))[:, None, :], axis=2).T
    return solution, jnp.sum(along**2 / size, axis=1)
