"""The coupled law against published optima, and its two special cases."""

import numpy as np
import pytest

from sweep import laws
from sweep.laws import additive, coupled, kaplan

LAW = laws.get("gamma")
TRANSFORMER = laws.published("xlstm_transformer")[1].coefficients


def test_published_optimum():
    n, d = LAW.optimum(TRANSFORMER, 1e21)
    assert (n, d) == pytest.approx((2.12e9, 7.86e10), rel=3e-3)
    assert coupled.loss(TRANSFORMER, n, d) == pytest.approx(2.4862, abs=5e-5)
    assert abs(TRANSFORMER.E - 1.0943) < 5e-5
    assert LAW.allocation(TRANSFORMER)[0] == pytest.approx(0.4925, abs=5e-5)


def test_gamma_one_is_additive():
    plain = additive.PUBLISHED["besiroglu"].coefficients
    assert coupled.loss(coupled.Gamma(*plain, gamma=1.0), 1e9, 2e10) == pytest.approx(
        additive.loss(plain, 1e9, 2e10), rel=1e-15
    )


def test_without_floor_it_is_kaplans():
    k = laws.published("kaplan")[1].coefficients
    ratio = k.alpha_N / k.alpha_D
    same = coupled.Gamma(0.0, k.N_c**ratio, k.D_c, ratio, 1.0, k.alpha_D)
    n, d = np.array([1e8, 1e10]), np.array([1e10, 1e11])
    np.testing.assert_allclose(coupled.loss(same, n, d), kaplan.size_data(k, n, d), rtol=1e-12)


def test_limits():
    t = TRANSFORMER
    assert coupled.loss(t, 1e300, 1e11) == pytest.approx(t.E + (t.B * 1e11**-t.beta) ** t.gamma, rel=1e-12)
    assert coupled.loss(t, 1e9, 1e300) == pytest.approx(t.E + (t.A * 1e9**-t.alpha) ** t.gamma, rel=1e-12)
