"""Bisection in lanes."""

import numpy as np
import pytest

from sweep.plan import root


def test_roots_of_lanes_to_rounding():
    wanted = np.array([0.5, 3.0, 40.0])
    np.testing.assert_allclose(root.rising(lambda x: np.exp(x) - np.exp(wanted)), wanted, rtol=1e-14)
    found = root.rising(lambda x: x - 7.25)
    assert np.ndim(found) == 0
    assert found == pytest.approx(7.25, rel=1e-14)


def test_brackets_may_carry_lanes_and_no_root_is_nan():
    found = root.rising(lambda x: x**3 - 8, np.array([0.0, 3.0, 0.0]), np.array([5.0, 5.0, 1.0]))
    np.testing.assert_allclose(found, [2.0, np.nan, np.nan], rtol=1e-14)
    assert np.isnan(root.rising(lambda x: -x))
    assert np.isnan(root.rising(lambda x: x * np.nan))
