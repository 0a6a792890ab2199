"""Searched optima and exponents against closed forms, on random laws."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sweep.laws import additive, search
from sweep.laws.additive import Additive

laws = st.builds(
    Additive,
    E=st.floats(0.5, 3),
    A=st.floats(100, 5000),
    B=st.floats(100, 5000),
    alpha=st.floats(0.25, 0.5),
    beta=st.floats(0.25, 0.5),
)


@settings(max_examples=25, deadline=None)
@given(law=laws, flops=st.floats(1e17, 1e25), k=st.floats(4, 9))
def test_optimum_of_random_additive_laws(law, flops, k):
    best = additive.optimum(law, flops, k)
    assume(abs(np.log(best[0] / best[1])) < 23)  # the search ends at e^24 and answers NaN beyond
    n, d = search.optimum(lambda n, d: additive.loss(law, n, d), flops, k)
    np.testing.assert_allclose((n, d), best, rtol=1e-4)
    np.testing.assert_allclose(n * d * k, flops, rtol=1e-12)
    assert additive.loss(law, n, d) <= additive.loss(law, *best) * (1 + 1e-14)
    exponents = search.allocation(lambda c: search.optimum(lambda n, d: additive.loss(law, n, d), c, k), flops)
    np.testing.assert_allclose(exponents, additive.allocation(law), atol=1e-3)


def test_lanes_and_budgets_broadcast():
    alpha, beta = np.array([[0.3], [0.4], [0.5]]), np.array([[0.5], [0.3], [0.35]])
    lanes = Additive(np.full((3, 1), 1.8), np.full((3, 1), 400.0), np.full((3, 1), 2000.0), alpha, beta)
    budgets = np.array([1e18, 1e20, 1e22, 1e24])
    n, d = search.optimum(lambda n, d: additive.loss(lanes, n, d), budgets, 6.0)
    assert n.shape == d.shape == (3, 4)
    np.testing.assert_allclose(n, additive.optimum(lanes, budgets)[0], rtol=1e-5)


def test_no_valley_no_optimum():
    n, d = search.optimum(lambda n, d: n**-0.1 + 0 * d, 1e20, 6.0)
    assert np.isnan(n)
    assert np.isnan(d)
