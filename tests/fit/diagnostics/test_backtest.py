"""Backtests: honest on simulated truth, alarmed by a break, silent where nothing can be left out."""

import dataclasses

import numpy as np
import pytest

from sweep.fit.diagnostics.backtest import Backtest, backtest, backtest_block, origins
from sweep.laws import additive
from tests.fit.diagnostics.conftest import solved


def answered(fitted, seed: int = 0) -> Backtest:
    """The backtest of a table where there is one."""
    found = backtest(fitted, seed)
    assert found is not None
    return found


def test_the_origin_rolls_back(noisy):
    fitted = solved(noisy())
    assert origins(fitted).sum(axis=1).tolist() == [28, 21, 14]
    found = answered(fitted)
    cuts = np.unique(found.origin)[::-1]
    assert cuts == pytest.approx(np.geomspace(1e18, 1e21, 5)[[3, 2, 1]], rel=1e-9)
    assert (found.factor > 1).all()
    assert found.factor.max() == pytest.approx(10**2.25, rel=1e-9)
    assert [np.sum(found.origin == c) for c in cuts] == [7, 14, 21]


def test_compute_without_budgets_is_cut_anywhere(law):
    rng = np.random.default_rng(0)
    params = np.exp(rng.uniform(17, 22, 60))
    tokens = params * np.exp(rng.uniform(0, 5, 60))
    table = {"params": params, "tokens": tokens, "loss": additive.loss(law, params, tokens)}
    fitted = solved(table)
    kept = origins(fitted)
    flops = fitted.runs.flops
    assert kept.sum(axis=1)[0] == 57  # three runs at least are held out
    for rows, reach in zip(kept[1:], (3, 10, 30, 100), strict=True):
        assert rows.sum() >= 10
        assert flops[rows].max() * reach <= flops.max() < flops[rows].max() * reach * 2.5
        assert flops[~rows].min() > flops[rows].max()


def test_calibrated_where_the_law_is_true(noisy):
    scores = []
    for seed in range(25):
        found = answered(solved(noisy(seed), "log_mse"), seed)
        scores.append(found.score[found.origin == found.origin.max()])
    inside = np.mean(np.abs(np.concatenate(scores)) <= 1.645)
    assert 0.82 <= inside <= 0.96  # errors above one origin are correlated: 25 tables are fewer than 175 runs


def test_a_break_above_the_smaller_budgets_is_seen(noisy):
    table = noisy()
    table["loss"][table["flops"] > 5e20] *= 1.05
    block = backtest_block(fitted := solved(table), backtest(fitted))
    first = block["origins"][0]
    assert first["mean"] / fitted.runs.loss.min() > 0.03
    assert first["inside"] <= 1
    assert first["score_rms"] > 2
    assert block["held_out"] == len(block["points"]) == 42


def test_errors_are_those_of_the_fit_below(clean):
    """Without noise the law below is the law above."""
    found = answered(solved(clean))
    assert np.abs(found.error).max() < 1e-6


def test_nothing_to_leave_out(simulate):
    table = simulate(np.array([1e20]), sizes=12, noise=0.005)
    table["tokens"] = table["tokens"] * np.geomspace(1, 1.04, 12)
    table["flops"] = 6 * table["params"] * table["tokens"]
    fitted = solved(table)
    assert backtest(fitted) is None
    assert backtest_block(fitted, None)["status"] == "no_answer"


@pytest.mark.parametrize("counted", [False, True])
def test_an_origin_at_exactly_three_times_does_not_fall_to_rounding(law, counted):
    """Budgets a factor 3 apart, as they are named, and as products of rounded sizes and horizons come to be."""
    budgets = 1e18 * 3.0 ** np.arange(6)
    params = np.round(np.concatenate([np.geomspace(n / 4, n * 4, 7) for n in 0.3 * (budgets / 6) ** 0.5]))
    tokens = np.round(np.repeat(budgets, 7) / (6 * params))
    loss = additive.loss(law, params, tokens) * np.exp(0.003 * np.random.default_rng(0).standard_normal(42))
    table = {"params": params, "tokens": tokens, "loss": loss}
    fitted = solved(table if counted else {**table, "budget": np.repeat(budgets, 7)})
    assert origins(fitted).sum(axis=1).tolist() == [35, 21, 14]  # 3, 27 and 81 times below the largest


def test_predictions_that_are_no_numbers_are_not_judged(noisy):
    """A fit of pure noise may run away below an origin."""
    fitted = solved(noisy())
    found = answered(fitted)
    broken = dataclasses.replace(found, error=np.where(np.arange(len(found.row)) < 3, np.nan, found.error))
    block = backtest_block(fitted, broken)
    assert block["held_out"] == len(found.row) - 3
    assert np.isfinite(block["score_rms"])
    nothing = backtest_block(fitted, dataclasses.replace(found, sd=np.full(len(found.row), np.inf)))
    assert nothing["status"] == "no_answer"
