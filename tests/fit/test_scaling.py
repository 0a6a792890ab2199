"""Other units of params, tokens and loss transform every answer exactly: nothing in a fit knows what a parameter is."""

import numpy as np
import pytest

from sweep.fit import fit

PARAMS, TOKENS, LOSS, TARGET = 1.7, 0.6, 1.3, 1e22


@pytest.fixture(scope="module")
def both(simulate):
    """A fit, and the fit of the same table in other units."""
    table = simulate(np.geomspace(1e18, 1e21, 5), noise=0.003, seed=1)
    by = {"params": PARAMS, "tokens": TOKENS, "loss": LOSS, "flops": PARAMS * TOKENS, "budget": PARAMS * TOKENS}
    other = {name: by[name] * values for name, values in table.items()}
    return (
        fit(table, bootstrap=100, target_compute=TARGET).record,
        fit(other, bootstrap=100, target_compute=TARGET * PARAMS * TOKENS).record,
    )


def test_coefficients_and_their_intervals(both):
    one, other = both
    c = one["params"]
    factors = {"E": LOSS, "A": LOSS * PARAMS ** c["alpha"], "B": LOSS * TOKENS ** c["beta"], "alpha": 1, "beta": 1}
    for name, factor in factors.items():
        assert other["params"][name] == pytest.approx(factor * c[name], rel=1e-5)
    for name in ("E", "alpha", "beta"):
        assert other["interval"][name] == pytest.approx([factors[name] * x for x in one["interval"][name]], rel=1e-4)
    assert other["residual_sd"] == pytest.approx(one["residual_sd"], rel=1e-6)


def test_optima_of_all_approaches(both):
    one, other = both
    for k in (2, 3):
        here, there = one["target"][f"approach{k}"], other["target"][f"approach{k}"]
        assert there["params"] == pytest.approx(PARAMS * here["params"], rel=1e-5)
        assert there["tokens"] == pytest.approx(TOKENS * here["tokens"], rel=1e-5)
        assert there["params_interval"] == pytest.approx([PARAMS * x for x in here["params_interval"]], rel=1e-4)
    assert other["approach2"]["bias_at_target"]["params"] == pytest.approx(
        one["approach2"]["bias_at_target"]["params"], abs=1e-6
    )


def test_verdicts(both):
    one, other = both
    assert [w["code"] for w in one["warnings"]] == [w["code"] for w in other["warnings"]]
    for name in ("score_rms", "inside", "held_out"):
        assert other["diagnostics"]["backtest"][name] == pytest.approx(one["diagnostics"]["backtest"][name], rel=1e-3)
    for by in ("flops", "params", "tokens_per_param"):
        here, there = (r["diagnostics"]["residuals"][by] for r in (one, other))
        assert there["bend_t"] == pytest.approx(here["bend_t"], rel=1e-3)
