"""The broken power law: slopes on both sides of the break, no overflow at a sharp one."""

import numpy as np
import pytest

from sweep import laws
from sweep.laws.bnsl import Broken, loss

LAW = Broken(0.0, 50.0, 0.1, 0.3, 1e20, 0.5)


def slope(law, x):
    return np.log(loss(law, x * 1.01) / loss(law, x / 1.01)) / np.log(1.01**2)


def test_slopes_far_from_the_break():
    assert slope(LAW, 1e12) == pytest.approx(-0.1, abs=1e-6)
    assert slope(LAW, 1e28) == pytest.approx(-0.4, abs=1e-6)
    assert slope(LAW, 1e20) == pytest.approx(-0.25, abs=1e-3)


def test_formula_as_printed():
    x = np.array([1e18, 1e20, 1e22])
    printed = 0.3 + 50 * x**-0.1 * (1 + (x / 1e20) ** 2) ** (-0.3 * 0.5)
    np.testing.assert_allclose(loss(LAW._replace(a=0.3), x), printed, rtol=1e-12)


def test_a_sharp_break_does_not_overflow():
    sharp = LAW._replace(f1=1e-3)
    assert loss(sharp, 1e30) == pytest.approx(50 * 1e30**-0.1 * (1e30 / 1e20) ** -0.3, rel=1e-9)
    assert loss(sharp, 1e300) == pytest.approx(0.0, abs=1e-50)


def test_published_fit_drops_at_its_break():
    law = laws.published("bnsl_addition")[1].coefficients
    before, after = loss(law, np.array([500.0, 900.0]))
    assert before > 1.5
    assert after < 1.0
