"""How much each of several laws counts in their mixture: stacking of predictive densities, shrunk to equal weights.

Weights are those under which the mixture gives the held-out runs the most density (Yao, Vehtari, Simpson and Gelman
2018, "Using stacking to average Bayesian predictive distributions"). An origin counts as one, however many runs lie
above it: they share what a law gets wrong there. Densities are Student's with four degrees of freedom around each law's
prediction, on the scale of its own claimed standard deviation: a normal density would let the run on which a law
claimed too much decide alone.

Few origins say little, so the weights are drawn to equal ones: m origins count m - 1 against one pseudo-origin a law.
A single origin leaves them equal.
"""

import math

import numpy as np

FREEDOM = 4.0  # of Student's density
ROUNDS = 2000  # of expectation and maximisation; the objective is concave
STILL = 1e-10  # change of the weights that ends them


def log_density(error: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """ln of Student's density of errors on the scale `sd`, elementwise; -inf where either is not a number."""
    constant = math.lgamma((FREEDOM + 1) / 2) - math.lgamma(FREEDOM / 2) - 0.5 * math.log(FREEDOM * math.pi)
    good = np.isfinite(error) & np.isfinite(sd) & (sd > 0)
    e, s = np.where(good, error, 0.0), np.where(good, sd, 1.0)
    value = constant - np.log(s) - (FREEDOM + 1) / 2 * np.log1p((e / s) ** 2 / FREEDOM)
    return np.where(good, value, -np.inf)


def stacked(density: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Weights [laws], of sum 1, that maximise the mean over origins of the mean ln mixture density of their runs.

    Args:
        density: ln predictive density of each held-out run by each law, [m, laws].
        origin: which origin held the run out, [m].
    """
    laws = density.shape[1]
    equal = np.full(laws, 1 / laws)
    told = np.isfinite(density).any(axis=1)  # a run that no law predicts tells none apart
    density, origin = density[told], origin[told]
    if not len(density):
        return equal
    _, index, count = np.unique(origin, return_inverse=True, return_counts=True)
    share = 1 / count[index] / len(count)
    likely = np.exp(density - density.max(axis=1, keepdims=True))
    weight = equal
    for _ in range(ROUNDS):
        part = weight * likely
        fresh = share @ (part / part.sum(axis=1, keepdims=True))
        done = np.abs(fresh - weight).max() < STILL
        weight = fresh
        if done:
            break
    return weight


def shrunk(weight: np.ndarray, origins: int) -> np.ndarray:
    """Weights [laws] drawn to equal ones, which they are at one origin or none."""
    laws, worth = len(weight), max(origins - 1, 0)
    return (worth * weight + 1.0) / (worth + laws)


def weights(density: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Stacked and shrunk, [laws]."""
    return shrunk(stacked(density, origin), len(np.unique(origin)))
