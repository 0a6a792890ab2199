"""Repeated data against the authors' printed values, the single-epoch limit, and the real runs' objective."""

import numpy as np
import pyarrow.csv
import pytest

from sweep import laws
from sweep.laws import additive
from sweep.laws.data_constrained import loss, saturating

LAW, GIVEN = laws.published("muennighoff_repeated")
C4 = GIVEN.coefficients


@pytest.mark.parametrize(
    ("params", "tokens", "value"), [(6.34e9, 242e9, 2.2256440889984477), (8.67e9, 178e9, 2.2269634075087867)]
)
def test_printed_losses(params, tokens, value):
    assert loss(C4, params, tokens, 25e9) == pytest.approx(value, rel=1e-12)


def test_worth_of_epochs():
    epochs = np.array([1, 2, 4, 5, 10, 16, 40])
    worth = [1, 1.9682, 3.7257, 4.5224, 7.8141, 10.5825, 15.1675]
    np.testing.assert_allclose(saturating(1.0, epochs, C4.R_D), worth, rtol=1e-4)
    assert saturating(1.0, 1e9, C4.R_D) == pytest.approx(16.39, abs=0.005)


def test_one_epoch_is_the_additive_law():
    plain = additive.Additive(*C4[:5])
    scale = (C4.alpha * C4.A / (C4.beta * C4.B)) ** (1 / (C4.alpha + C4.beta))
    assert scale**2 == pytest.approx(0.050987, rel=1e-4)  # U_N / U_D, alpha = beta
    n = 0.9 * scale**2 * 1e11
    assert loss(C4, n, 1e11, 1e12) == pytest.approx(additive.loss(plain, n, 1e11), rel=1e-14)
    assert loss(C4, 1e300, 1e300, 25e9) == pytest.approx(
        additive.loss(plain, scale**2 * 25e9 * (1 + C4.R_N), 25e9 * (1 + C4.R_D)), rel=1e-12
    )


def test_expm1_keeps_the_digits_of_a_large_constant():
    assert saturating(1.0, 3.0, 1e15) == pytest.approx(3.0, rel=1e-14)


def test_optimum_with_limited_data():
    n, d = LAW.optimum(C4, 1e22, unique_tokens=25e9)
    assert (n, d / 25e9) == pytest.approx((7.026e9, 9.488), rel=2e-4)
    n, d = LAW.optimum(C4, 5.76e23, unique_tokens=1e15)
    assert (n, d) == pytest.approx((6.99622e10, 1.37217e12), rel=1e-4)


def test_objective_on_the_published_runs(datasets):
    """The objective, not R_D*: the valley is flat. The optimum of R_D*, R_N* must not beat it by more than known."""
    table = pyarrow.csv.read_csv(datasets / "datablations.csv").to_pandas()
    table = table[table.in_fit182 == 1]
    columns = [table[name].to_numpy(float) for name in ("params", "tokens", "unique_tokens")]

    def objective(law):
        r = np.abs(np.log(loss(law, *columns)) - np.log(table.loss.to_numpy()))
        return np.where(r <= 1e-3, r**2 / 2, 1e-3 * (r - 5e-4)).sum()

    assert len(table) == 182
    assert objective(C4) == pytest.approx(0.0158259353, rel=1e-8)
    assert objective(C4._replace(R_D=95.3652, R_N=1.705905)) == pytest.approx(0.015804662474, rel=1e-7)
