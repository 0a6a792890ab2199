"""Non-negative least squares against SciPy; the grid against the truth."""

import numpy as np
from scipy.optimize import nnls

from sweep.fit.starts import USUAL, grid_starts, local_minima, nonnegative_least_squares
from sweep.laws import additive, get


def test_nonnegative_least_squares_is_scipys():
    rng = np.random.default_rng(0)
    columns = rng.standard_normal((40, 3, 12))
    target = rng.standard_normal(12) + 0.5
    ours = nonnegative_least_squares(columns, target)
    theirs = np.stack([nnls(c.T, target)[0] for c in columns])
    assert (theirs == 0).any()
    assert (theirs > 0).all(axis=1).any()
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_a_law_on_the_grid_is_found_exactly():
    rng = np.random.default_rng(1)
    params, tokens = 10 ** rng.uniform(7, 10, 30), 10 ** rng.uniform(9, 12, 30)
    truth = additive.Additive(1.7, 300.0, 900.0, USUAL[9], USUAL[10])
    features, shift = additive.features(params, tokens)
    starts = grid_starts(get("additive"), features, additive.loss(truth, params, tokens), delta=1e-3, count=4)
    assert starts.shape == (5, 5)
    np.testing.assert_allclose(starts[0], additive.theta(truth, shift), rtol=1e-6)
    assert starts[-1, 2] < -25  # the last is the law without a floor


def test_weights_are_repeated_rows():
    rng = np.random.default_rng(2)
    params, tokens = 10 ** rng.uniform(7, 10, 30), 10 ** rng.uniform(9, 12, 30)
    loss = additive.loss(additive.Additive(1.7, 300.0, 900.0, 0.3, 0.4), params, tokens) * np.exp(
        0.01 * rng.standard_normal(30)
    )
    times = rng.integers(0, 3, 30)
    features, _ = additive.features(params, tokens)
    weighted = grid_starts(get("additive"), features, loss, delta=1e-3, weight=times.astype(float))
    rows = np.repeat(np.arange(30), times)
    repeated = grid_starts(get("additive"), features[:, rows], loss[rows], delta=1e-3)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-6, atol=1e-9)


def test_local_minima_by_brute_force():
    score = np.array([[3.0, 2, 5, 1], [4, 1, 6, 2], [5, 0, 7, 7]])
    expected = np.zeros_like(score, bool)
    expected[2, 1] = expected[0, 3] = True
    np.testing.assert_array_equal(local_minima(score), expected)
