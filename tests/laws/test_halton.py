"""The design against its known discrepancy and against permutation-free digits."""

import numpy as np

from sweep.laws.halton import PRIMES, halton


def test_every_base_is_stratified():
    points = halton(2 * 3 * 5 * 7, 4)
    for column, base in zip(points.T, PRIMES, strict=False):
        assert set(np.histogram(column, base, (0, 1))[0]) == {210 // base}


def test_in_the_open_cube_and_reproducible():
    points = halton(500, 11, seed=3)
    assert np.all((points > 0) & (points < 1))
    assert len(np.unique(points, axis=0)) == 500
    np.testing.assert_array_equal(points, halton(500, 11, seed=3))


def test_fills_better_than_chance():
    """Mean of a product over the cube: error far below the 1 / sqrt(n) of random points."""
    n, d = 4096, 4
    error = abs(np.mean(np.prod(2 * halton(n, d), axis=1)) - 1)
    assert error < 0.3 * np.sqrt((4 / 3) ** d - 1) / np.sqrt(n)
