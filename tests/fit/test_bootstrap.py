"""Resampling of groups, and percentile intervals."""

import numpy as np
import pytest

from sweep.fit.bootstrap import by_group, draw, interval


def test_groups_are_drawn_together_and_in_full():
    group = np.array([0, 0, 1, 2, 2, 2])
    weight = draw(group, 2000, seed=0)
    assert weight.shape == (2000, 6)
    np.testing.assert_array_equal(weight[:, 0], weight[:, 1])
    np.testing.assert_array_equal(weight[:, 3], weight[:, 5])
    assert set((weight[:, 0] + weight[:, 2] + weight[:, 3]).tolist()) == {3.0}
    np.testing.assert_allclose(weight.mean(axis=0), 1, atol=0.07)
    np.testing.assert_allclose(weight[:, 2].var(), 2 / 3, atol=0.05)  # multinomial, three groups


def test_the_seed_decides():
    group = np.arange(10)
    np.testing.assert_array_equal(draw(group, 5, seed=1), draw(group, 5, seed=1))
    assert (draw(group, 5, seed=1) != draw(group, 5, seed=2)).any()
    assert draw(group, 0, seed=0).shape == (0, 10)


def test_counts_by_group():
    group = np.array([2, 0, 0, 2, 1])
    weight = draw(group, 7, seed=3)
    counts = by_group(weight, group)
    np.testing.assert_array_equal(counts[:, group], weight)
    np.testing.assert_array_equal(counts.sum(axis=1), 3)


def test_interval():
    values = np.concatenate([np.arange(101.0), [np.nan, np.inf]])
    np.testing.assert_allclose(np.array(interval(values, 0.9), float), [5.0, 95.0])
    assert interval(values[:10], 0.9) == [None, None]


def test_no_interval_of_values_of_which_most_are_missing():
    values = np.concatenate([np.arange(101.0), np.full(102, np.nan)])
    assert interval(values, 0.9) == [None, None]
    assert interval(values[:202], 0.9) == pytest.approx([5.0, 95.0])
