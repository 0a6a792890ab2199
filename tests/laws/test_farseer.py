"""Farseer against the printed form and its limits. Its published values are unverified and unused."""

import numpy as np
import pytest

from sweep import laws
from sweep.laws.farseer import Farseer, loss

LAW = Farseer(a1=-0.1, b1=0.4, alpha=0.1, a2=80.0, B2=0.007, beta=-0.1, a3=-0.02, B3=1.35, gamma=0.17)


def test_formula_as_printed():
    n, d = np.array([1e7, 1e9]), np.array([1e9, 1e11])
    b2, b3 = np.log(LAW.B2), np.log(LAW.B3)
    size = np.exp(-0.02 * n**0.17 + b3)
    data = np.exp(80.0 * n**-0.1 + b2) * d ** -np.exp(-0.1 * n**0.1 + 0.4)
    np.testing.assert_allclose(loss(LAW, n, d), size + data, rtol=1e-12)


def test_without_size_it_is_a_power_of_tokens():
    flat = LAW._replace(a1=0.0, a2=0.0, a3=0.0, b1=float(np.log(0.3)))
    assert loss(flat, 1e9, 1e10) == pytest.approx(1.35 + 0.007 * 1e10**-0.3, rel=1e-14)


def test_limit_and_grade():
    given = laws.published("farseer_recalled")[1]
    assert given.grade == "R"
    assert loss(LAW, 1e9, 1e300) == pytest.approx(1.35 * np.exp(-0.02 * 1e9**0.17), rel=1e-9)
