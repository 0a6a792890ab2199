"""The envelope of simulated curves, and what is no envelope."""

import numpy as np
import pytest

from sweep.fit.approach1 import envelope, size_classes
from sweep.laws import additive
from sweep.tables.load import Curves, Runs, load

SIZES = np.geomspace(1e8, 1e10, 15)
NO_LANES = np.empty((0, 0))


def grid_of_runs(law, *, horizons):
    params = np.repeat(SIZES, horizons)
    tokens = np.tile(np.geomspace(1e9, 1e12, horizons), len(SIZES))
    return {"params": params, "tokens": tokens, "loss": additive.loss(law, params, tokens)}


def test_exponents_of_a_noise_free_law(law):
    found = envelope(load(grid_of_runs(law, horizons=40)), NO_LANES)
    assert found.reason == ""
    assert found.source == "endpoints"
    a, b = additive.allocation(law)
    assert found.params_line.slope[0] == pytest.approx(a, abs=0.005)
    assert found.tokens_line.slope[0] == pytest.approx(b, abs=0.005)
    np.testing.assert_allclose(found.params, additive.optimum(law, found.flops)[0], rtol=0.02)
    np.testing.assert_allclose(found.loss, additive.frontier(law, found.flops), rtol=1e-3)
    assert found.params.min() > SIZES[0]
    assert found.params.max() < SIZES[-1]  # interior minima only


def test_curves_serve_where_each_size_has_one_end(law):
    ends = grid_of_runs(law, horizons=1)
    tokens = np.geomspace(1e9, 1e12, 40)
    run = np.repeat(np.arange(len(SIZES)), 40)
    params, tokens = SIZES[run], np.tile(tokens, len(SIZES))
    curves = Curves(run, tokens, 6 * params * tokens, additive.loss(law, params, tokens))
    bare = load(ends)
    assert "overlap" in envelope(bare, NO_LANES).reason
    runs = Runs(**{**vars(bare), "curves": curves})
    found = envelope(runs, NO_LANES)
    assert found.source == "curves"
    assert found.params_line.slope[0] == pytest.approx(additive.allocation(law)[0], abs=0.005)


def test_resamples_drop_runs(law):
    table = grid_of_runs(law, horizons=12)
    runs = load(
        {**table, "loss": table["loss"] * np.exp(0.005 * np.random.default_rng(0).standard_normal(len(runs_of(table))))}
    )
    weight = np.random.default_rng(0).integers(0, 2, (20, len(runs))).astype(float)
    found = envelope(runs, weight)
    assert found.params_line.slope.shape == (21,)
    assert np.isfinite(found.params_line.slope).all()
    assert 0 < np.std(found.params_line.slope[1:]) < 0.2
    assert abs(np.median(found.params_line.slope[1:]) - additive.allocation(law)[0]) < 0.05


def runs_of(table):
    return table["loss"]


def test_size_classes():
    assert size_classes(np.array([1e6, 1.01e6, 5e6, 0.999e6])).tolist() == [0, 0, 1, 0]
