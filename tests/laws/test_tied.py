"""One exponent: equality with the additive law, Gadre's published predictions."""

import numpy as np
import pytest

from sweep import laws
from sweep.laws import additive
from sweep.laws.tied import Overtrain, Tied, error, overtrain_loss, tied_loss

TIED = Tied(1.8, 520.0, 1480.0, 0.35)


def test_tied_is_additive_with_equal_exponents():
    full = additive.Additive(1.8, 520.0, 1480.0, 0.35, 0.35)
    assert tied_loss(TIED, 1e9, 2e10) == additive.loss(full, 1e9, 2e10)
    assert laws.get("additive_tied").allocation(TIED) == pytest.approx((0.5, 0.5))
    assert laws.get("additive_tied").optimum(TIED, 1e22) == pytest.approx(additive.optimum(full, 1e22), rel=1e-12)


def test_overtrain_is_tied_seen_from_compute_and_ratio():
    eta = TIED.alpha / 2
    same = Overtrain(TIED.E, TIED.A * 6**eta, TIED.B * 6**eta, eta)
    n, d = np.array([1e8, 1e9, 3e10]), np.array([1e9, 1e12, 2e10])
    np.testing.assert_allclose(overtrain_loss(same, 6 * n * d, d / n), tied_loss(TIED, n, d), rtol=1e-12)
    assert laws.get("overtrain").optimum(same, 1e22) == pytest.approx(
        laws.get("additive_tied").optimum(TIED, 1e22), rel=1e-12
    )


@pytest.mark.parametrize(
    ("name", "ratio"), [("gadre_c4_refit", 3.4), ("gadre_redpajama", 7.5), ("gadre_refinedweb", 5.9)]
)
def test_best_ratio(name, ratio):
    n, d = laws.get("overtrain").optimum(laws.published(name)[1].coefficients, 1e22)
    assert d / n == pytest.approx(ratio, abs=0.1)
    assert 6 * n * d == pytest.approx(1e22)


@pytest.mark.parametrize(("params", "ratio", "loss"), [(1_439_795_200, 640, 2.5198), (6_889_410_560, 20, 2.4427)])
def test_redpajama_predictions(params, ratio, loss):
    law = laws.published("gadre_redpajama")[1].coefficients
    assert overtrain_loss(law, 6.0 * params**2 * ratio, ratio) == pytest.approx(loss, abs=3e-4)


def test_error_rises_to_its_limit():
    law = laws.published("gadre_error_c4")[1].coefficients
    assert error(law, 1e3) == pytest.approx(law.epsilon)
    assert error(law, 2.5) == pytest.approx(0.8497 - 2.0789 * np.exp(-0.7561 * 2.5), rel=1e-12)
    assert np.all(np.diff(error(law, np.linspace(2, 5, 9))) > 0)
