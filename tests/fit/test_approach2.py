"""Parabolas against the law that made the families, against NumPy, and against the published bias."""

import numpy as np
import pytest

from sweep.fit import approach2
from sweep.fit.approach2 import bias, families, isoflop, lines, vertices
from sweep.laws import additive
from sweep.laws.additive import Additive
from sweep.tables.load import load

BUDGETS = np.geomspace(1e17, 1e21, 5)
NO_LANES = np.empty((0, 35))


def test_vertex_is_polyfits():
    rng = np.random.default_rng(0)
    params = np.geomspace(1e8, 1e10, 9)
    tokens = 1e20 / 6 / params
    loss = 2.5 + 0.04 * (np.log(params) - 21) ** 2 + 0.002 * rng.standard_normal(9)
    weight = np.stack([np.ones(9), np.arange(9.0)])
    found = vertices(params, tokens, loss, weight)
    for lane in (0, 1):
        c2, c1, c0 = np.polyfit(np.log(params), loss, 2, w=np.sqrt(weight[lane]))
        assert found.ln_params[lane] == pytest.approx(-c1 / (2 * c2), rel=1e-9)
        assert found.loss[lane] == pytest.approx(c0 - c1**2 / (4 * c2), rel=1e-9)
        assert found.coefficients[lane, 2] == pytest.approx(c2, rel=1e-8)
    np.testing.assert_allclose(found.ln_params + found.ln_tokens, np.log(1e20 / 6), rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "verdict"),
    [
        (lambda x: (x - 0.1) ** 2, "ok"),
        (lambda x: -(x**2), "not_upward"),
        (lambda x: 3 * x, "not_upward"),
        (lambda x: (x - 5) ** 2, "minimum_outside"),
    ],
)
def test_verdicts(loss, verdict):
    x = np.linspace(-1, 1, 5)
    found = vertices(np.exp(20 + x), np.exp(22 - x), 3 + loss(x), np.ones((1, 5)))
    assert approach2.VERDICTS[found.status[0]] == verdict
    assert np.isfinite(found.ln_params[0]) == (verdict == "ok")


def test_a_resample_with_two_sizes_gives_no_vertex():
    x = np.linspace(-1, 1, 5)
    found = vertices(np.exp(20 + x), np.exp(22 - x), 3 + x**2, np.array([[1.0, 0, 3, 0, 0], [1, 1, 1, 0, 0]]))
    assert [approach2.VERDICTS[s] for s in found.status] == ["too_few_sizes", "ok"]


@pytest.mark.parametrize(
    ("surface", "errors"),
    [
        (Additive(1.69, 400.0, 400.0, 0.31, 0.31), {2: 0, 4: 0, 8: 0, 16: 0}),
        (Additive(1.69, 406.4, 410.7, 0.34, 0.28), {2: -0.33, 4: -1.30, 8: -2.90, 16: -5.10}),
        (Additive(1.69, 406.4, 410.7, 0.465, 0.155), {2: -1.67, 4: -6.50, 8: -13.91, 16: -23.12}),
    ],
)
def test_published_bias_of_noise_free_parabolas(simulate, surface, errors):
    """arXiv 2603.22339: percent error of D*(1e24), 15 sizes a budget, half-widths of 2 to 16."""
    for span, percent in errors.items():
        found = isoflop(load(simulate(BUDGETS, law=surface, sizes=15, span=span)), np.empty((0, 75)))
        assert found is not None
        truth = additive.optimum(surface, 1e24)[1]
        assert 100 * (found.tokens.at(1e24)[0] / truth - 1) == pytest.approx(percent, abs=0.25)
        shift = found.vertices[0].ln_params[0] - np.log(additive.optimum(surface, BUDGETS[0])[0])
        assert shift == pytest.approx(bias(surface.alpha, surface.beta, np.log(span)) * 15 / 14, rel=0.13, abs=1e-9)


def test_exponents_of_noise_free_families(simulate, law):
    found = isoflop(load(simulate(BUDGETS)), NO_LANES)
    assert found is not None
    assert (found.params.slope[0], found.tokens.slope[0]) == pytest.approx(additive.allocation(law), abs=1e-6)


def test_families_are_found_without_a_budget_column(simulate):
    table = simulate(BUDGETS)
    del table["budget"]
    table["flops"] = table["flops"] * np.exp(np.random.default_rng(0).uniform(0, 0.04, 35))
    found = families(load(table))
    assert [len(rows) for _, rows in found] == [7] * 5
    assert all(budget is None for budget, _ in found)
    assert families(load({**table, "flops": np.geomspace(1e17, 1e21, 35)})) == []


def test_lines():
    x = np.log([1e18, 1e19, 1e20])
    y = np.stack([0.5 * x + 1, np.array([np.nan, 1.0, 2.0]), np.array([np.nan, np.nan, 1.0])])
    found = lines(x, y)
    assert found.slope[0] == pytest.approx(0.5)
    assert found.intercept[0] == pytest.approx(1.0)
    assert found.slope[1] == pytest.approx(1 / np.log(10))
    assert np.isnan(found.slope[2])
