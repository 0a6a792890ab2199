"""Mixtures of experts against printed optima and losses."""

import numpy as np
import pytest

from sweep import laws
from sweep.laws import additive, moe
from sweep.laws.additive import Additive

LUD, L = laws.get("moe_ludziejewski"), laws.published("ludziejewski")[1].coefficients

TABLE = """
1e20 1.7B/9.7B 1.5/11.4 1.2/13.9 .99/17 .81/20.7 .669/24.9
1e21 5.7/29.3 5/33 4.4/38 3.8/44.3 3.3/51.2 2.85/58.4
1e22 18.8/88.6 17.4/96 15.8/105.4 14.4/115.8 13.2/126.5 12.2/136.9
""".replace("B", "").split("\n")[1:-1]
CELLS = [
    (float(row.split()[0]), 2.0**i, *(float(x) * 1e9 for x in cell.split("/")))
    for row in TABLE
    for i, cell in enumerate(row.split()[1:])
]


@pytest.mark.parametrize(("flops", "experts", "params", "tokens"), CELLS)
def test_printed_optima(flops, experts, params, tokens):
    assert LUD.optimum(L, flops, experts=experts) == pytest.approx((params, tokens), rel=0.035)


@pytest.mark.parametrize(
    ("experts", "flops", "params", "tokens", "loss"),
    [(1, 1e20, 1.723e9, 9.672e9, 2.5897), (32, 1e22, 1.217e10, 1.370e11, 2.0699)],
)
def test_exact_optima(experts, flops, params, tokens, loss):
    n, d = LUD.optimum(L, flops, experts=experts)
    assert (n, d) == pytest.approx((params, tokens), rel=1e-2)  # the coefficients are printed to four digits
    assert moe.ludziejewski(L, n, d, experts) == pytest.approx(loss, rel=1e-3)


@pytest.mark.parametrize(
    ("experts", "row"),
    [
        (1, (30.3640, 0.1817, 53.9838, 0.1965)),
        (8, (21.8330, 0.1676, 119.9126, 0.2338)),
        (32, (16.5424, 0.1557, 234.6726, 0.2652)),
    ],
)
def test_additive_at_fixed_experts(experts, row):
    """Table 4: L = m N^-mu + n D^-nu + c."""
    m, mu, n, nu = row
    for params, tokens in ((1e9, 1e10), (1e10, 3e11)):
        expected = m * params**-mu + n * tokens**-nu + L.c
        assert moe.ludziejewski(L, params, tokens, experts) == pytest.approx(expected, rel=1e-3)
    law = Additive(L.c, m, n, mu, nu)
    optima = {1: (1e20, 1.723e9, 9.672e9, 2.5897), 32: (1e22, 1.217e10, 1.370e11, 2.0699)}
    if experts in optima:
        flops, *best = optima[experts]
        assert (*additive.optimum(law, flops), additive.frontier(law, flops)) == pytest.approx(tuple(best), rel=1e-3)


def test_saturation_runs_from_start_to_most():
    assert moe.saturated(1, 2.0732, 290.4521) == pytest.approx(2.0732)
    assert moe.saturated(1e12, 2.0732, 290.4521) == pytest.approx(290.4521)


def test_examples_of_the_others():
    k, a = laws.published("krajewski")[1].coefficients, laws.published("abnar")[1].coefficients
    assert moe.krajewski(k, 1e9, 1e11, np.array([1, 8])) == pytest.approx([3.07756, 2.94182], abs=1e-5)
    assert moe.abnar(a, 1e10, 1e11, np.array([0, 0.9])) == pytest.approx([2.1005, 2.1498], abs=5e-5)
    s = laws.published("clark_s_base")[1].coefficients
    assert moe.clark(s, 5e6, 128) == pytest.approx(2.8915, rel=1e-3)
    assert moe.clark(s, 55e6, 1) == pytest.approx(2.8779, rel=1e-3)
