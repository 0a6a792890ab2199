"""Farseer: its limit, and the additive law as a special case. Its published values are unverified and unused."""

import numpy as np
import pytest

from sweep import laws
from sweep.laws import additive
from sweep.laws.farseer import Farseer, loss


def test_a_power_of_size_and_a_constant_exponent_are_additive():
    """N^beta = 1 + beta ln N for small beta: exp(a N^beta + b) becomes a power of N."""
    small = 1e-7
    law = Farseer(
        0.0,
        float(np.log(0.3)),
        0.1,
        0.0,
        float(np.log(800.0)),
        0.1,
        -0.34 / small,
        float(np.log(400)) + 0.34 / small,
        small,
    )
    plain = additive.Additive(0.0, 400.0, 800.0, 0.34, 0.3)
    n, d = np.array([1e7, 1e9]), np.array([1e9, 1e11])
    np.testing.assert_allclose(loss(law, n, d), additive.loss(plain, n, d), rtol=1e-4)


def test_limit_and_grade():
    given = laws.published("farseer_recalled")[1]
    assert given.grade == "R"
    law = Farseer(-0.1, 0.4, 0.1, 80.0, -5.0, -0.1, -0.02, 0.3, 0.17)
    assert loss(law, 1e9, 1e300) == pytest.approx(np.exp(-0.02 * 1e9**0.17 + 0.3), rel=1e-9)
