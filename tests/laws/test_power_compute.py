"""The frontier law against the frontier of the additive law."""

import numpy as np
import pytest

from sweep.laws import additive
from sweep.laws.power_compute import PowerCompute, loss


def test_it_is_the_frontier_of_the_additive_law():
    law = additive.PUBLISHED["hoffmann"].coefficients
    gamma = law.alpha * law.beta / (law.alpha + law.beta)
    scale = (law.alpha * law.A / (law.beta * law.B)) ** (1 / (law.alpha + law.beta))
    power = PowerCompute(law.E, (law.A * scale**-law.alpha + law.B * scale**law.beta) * 6**gamma, gamma)
    flops = np.array([1e18, 1e21, 5.76e23])
    np.testing.assert_allclose(loss(power, flops), additive.frontier(law, flops), rtol=1e-12)
    assert loss(power, 1e300) == pytest.approx(law.E, rel=1e-9)
