"""The optimum of any law: published values, the inputs that a budget leaves open, and laws without one."""

import numpy as np
import pytest

from sweep import laws
from sweep.fit.best import best_run, exponents, fixed_inputs
from sweep.laws.tied import Overtrain, Tied
from sweep.tables.load import load


def test_limited_data_at_the_published_optimum():
    law, given = laws.published("muennighoff_repeated")
    params, tokens, loss = best_run(law, given.coefficients, 1e22, 6.0, {"unique_tokens": 25e9})
    assert params == pytest.approx(7.026e9, rel=1e-3)
    assert tokens / 25e9 == pytest.approx(9.488, rel=1e-3)
    assert loss == pytest.approx(law.loss(given.coefficients, params, tokens, 25e9))
    a, b = exponents(law, given.coefficients, 1e22, 6.0, {"unique_tokens": 25e9})
    assert a + b == pytest.approx(1, abs=1e-4)


def test_inputs_that_a_budget_leaves_open_are_those_of_the_largest_run():
    law = laws.get("data_constrained")
    table = {"params": [1e8, 1e9, 3e8], "tokens": [1e10, 4e10, 2e10], "loss": [3.0, 2.5, 2.8]}
    runs = load({**table, "unique_tokens": [1e9, 7e9, 9e9]}, law=law)
    assert fixed_inputs(law, runs) == {"unique_tokens": 7e9}
    assert fixed_inputs(laws.get("additive"), runs) == {}


def test_a_law_of_compute_and_ratio_has_the_optimum_of_the_tied_law():
    tied, eta = Tied(1.8, 520.0, 1480.0, 0.35), 0.175
    same = Overtrain(1.8, 520.0 * 6**eta, 1480.0 * 6**eta, eta)
    one = best_run(laws.get("additive_tied"), tied, 1e21, 6.0)
    other = best_run(laws.get("overtrain"), same, 1e21, 6.0)
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_no_optimum_is_no_number():
    law, given = laws.published("gemstones")
    assert all(np.isnan(x) for x in best_run(law, given.coefficients, 1e21, 6.0))
    assert all(np.isnan(x) for x in exponents(law, given.coefficients, 1e21, 6.0, {}))
    lanes = type(given.coefficients)(*(np.full(3, x) for x in given.coefficients))
    assert best_run(law, lanes, 1e21, 6.0)[0].shape == (3,)
