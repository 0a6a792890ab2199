"""A space-filling design in the unit cube: the Halton sequence with permuted digits."""

import numpy as np

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


def halton(count: int, dimensions: int, seed: int = 0) -> np.ndarray:
    """Points [count, dimensions] in (0, 1).

    Coordinate j is the index with its digits in base PRIMES[j] mirrored at the point (Halton 1960), each digit
    permuted at random: without that, coordinates of large bases march together.
    """
    rng = np.random.default_rng(seed)
    points = np.zeros((count, dimensions))
    for j, base in enumerate(PRIMES[:dimensions]):
        index, scale = np.arange(count), 1.0
        while scale > 1e-9:  # also the digits that are zero, so that no point lies on the boundary
            scale /= base
            points[:, j] += scale * rng.permutation(base)[index % base]
            index = index // base
    return np.clip(points, 1e-9, 1 - 1e-9)
