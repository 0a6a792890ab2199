"""Kaplan's laws against values computed from the printed parameters, and L(N, D) against its limits."""

import numpy as np
import pytest

from sweep import laws
from sweep.laws import kaplan
from sweep.laws.kaplan import SizeData

LND = laws.published("kaplan")[1].coefficients


def test_size_and_data():
    printed = SizeData(8.8e13, 5.4e13, 0.076, 0.095)
    assert kaplan.size_data(LND, 1e9, 2.2e10) == pytest.approx(2.36932, rel=1e-4)
    assert kaplan.size_data(printed, 1e9, 1e300) == pytest.approx((8.8e4) ** 0.076, rel=1e-9)
    assert kaplan.size_data(printed, 1e300, 1e10) == pytest.approx((5.4e3) ** 0.095, rel=1e-9)


def test_optimum_is_that_of_the_additive_law_inside():
    law = laws.get("kaplan_lnd")
    assert law.optimum(LND, np.array([1e20, 1e22]))[0] == pytest.approx([1.6564e9, 2.3442e10], rel=1e-4)
    assert law.allocation(LND)[0] == pytest.approx(0.5754, abs=1e-4)
    assert law.allocation(LND._replace(alpha_D=0.095))[0] == pytest.approx(0.5556, abs=1e-4)


def test_doubling_size_multiplies_the_loss_by_0_95():
    size = laws.published("kaplan_size")[1].coefficients
    assert kaplan.one_power(size, 2e9) / kaplan.one_power(size, 1e9) == pytest.approx(0.95, abs=0.002)


def test_compute_and_data_laws_cross_where_the_paper_says():
    """Near 1e4 PF-days and 1.7 nats/token, at the tokens that compute-optimal training uses."""
    least, data = (laws.published(x)[1].coefficients for x in ("kaplan_least_compute", "kaplan_data"))
    flops = np.geomspace(1e2, 1e6, 2001)
    gap = kaplan.one_power(least, flops * kaplan.PF_DAY) - kaplan.one_power(data, 2e10 * flops**0.27)
    crossing = flops[np.argmin(np.abs(gap))]
    assert 3e3 < crossing < 3e4
    assert kaplan.one_power(least, crossing * kaplan.PF_DAY) == pytest.approx(1.7, abs=0.05)


def test_critical_batch():
    batch = laws.published("kaplan_batch")[1].coefficients
    assert kaplan.critical_batch(batch, np.array([2.0, 3.0])) == pytest.approx([7.371e6, 1.069e6], rel=1e-3)


def test_batch_adjustments_obey_their_hyperbola():
    """(S / S_min - 1) (E / E_min - 1) = 1 with examples E = B S, and E_min in proportion to the least compute."""
    steps, batch, critical = 1000.0, 3e5, 1e6
    s_min = kaplan.least_steps(steps, batch, critical)
    e_ratio = 1 / kaplan.least_compute(1.0, batch, critical)
    assert (steps / s_min - 1) * (e_ratio - 1) == pytest.approx(1.0, rel=1e-12)
