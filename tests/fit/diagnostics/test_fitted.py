"""What diagnostics start from: a scale that outliers do not move, refits that SciPy agrees with."""

import numpy as np
import pytest

from sweep.fit.diagnostics.fitted import identifiable, refit, robust_sd, subset_starts
from sweep.laws import additive
from tests.fit.diagnostics.conftest import solved
from tests.fit.diagnostics.peer import log_theta, scipy_fit


def test_the_scale_ignores_outliers_and_fitted_parameters():
    draw = 0.01 * np.random.default_rng(0).standard_normal(4000)
    assert robust_sd(draw, 0) == pytest.approx(0.01, rel=0.05)
    dirty = np.concatenate([draw, np.full(200, 3.0)])
    assert robust_sd(dirty, 5) == pytest.approx(0.0105, rel=0.06)
    few = np.concatenate([np.zeros(5), 0.01 * np.ones(5)])  # a fit of 5 parameters through 5 of 10 runs
    assert robust_sd(few, 5) == pytest.approx(0.014826)


def test_refits_of_subsets_equal_scipy(noisy):
    fitted = solved(noisy(), "log_mse")
    runs = fitted.runs
    kept = runs.flops < runs.flops.max() / 2
    found = refit(fitted, kept[None].astype(float), [subset_starts(fitted, kept)])
    start = log_theta(fitted.solution.coefficients)
    peer = scipy_fit(runs.params[kept], runs.tokens[kept], runs.loss[kept], start=start)
    here = type(found.coefficients)(*(v[0] for v in found.coefficients))
    assert found.status == ["converged"]
    assert log_theta(here) == pytest.approx(peer, rel=1e-5)


def test_what_a_subset_can_identify(noisy):
    table = noisy()
    fitted = solved(table)
    assert identifiable(fitted, np.ones(35, bool))
    assert not identifiable(fitted, np.arange(35) < 6)  # six configurations for five parameters
    ladder = dict(table)
    ladder["tokens"] = 20.0 * ladder["params"]
    ladder["loss"] = additive.loss(fitted.solution.coefficients, ladder["params"], ladder["tokens"])
    runs = type(fitted.runs)(**{**vars(fitted.runs), "params": ladder["params"], "tokens": ladder["tokens"]})
    assert not identifiable(type(fitted)(**{**vars(fitted), "runs": runs}), np.ones(35, bool))


def test_no_optimum_is_no_number(noisy):
    fitted = solved(noisy())
    rising = fitted.solution.coefficients._replace(alpha=-0.3)  # loss rises with size: no best size
    assert np.isnan(fitted.at_target(rising)["params"])
    here = fitted.at_target(fitted.solution.coefficients)
    assert here["params"] * here["tokens"] == pytest.approx(fitted.target / fitted.k)
