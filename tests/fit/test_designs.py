"""Starts of laws without a grid: in the basin of the truth, deterministic, apart, and a bare one last."""

import numpy as np
import pytest

from sweep import laws
from sweep.fit.designs import apart, design_starts, find_starts, has_grid
from sweep.fit.objective import huber
from sweep.laws.coupled import Gamma
from sweep.laws.width_depth import WidthDepth

RNG = np.random.default_rng(0)
PARAMS, TOKENS = np.exp(RNG.uniform(np.log([1e7, 1e9]), np.log([1e10, 1e12]), (60, 2))).T
TRUTH = Gamma(1.7, 2300.0, 9900.0, 0.42, 0.43, 0.77)


def score(law, theta, features, loss, delta=1e-3):
    lanes = law.coefficients(theta[:, None], np.zeros(len(law.inputs)))
    return huber(np.log(law.loss(lanes, *np.exp(features))) - np.log(loss), delta).sum(axis=1)


def test_a_grid_serves_two_exponents_of_params_and_tokens():
    assert has_grid(laws.get("additive"))
    assert not any(has_grid(laws.get(id)) for id in ("gamma", "additive_tied", "data_constrained", "power_compute"))


def test_starts_without_a_linear_block_are_near_the_data():
    law = laws.get("gamma")
    loss = law.loss(TRUTH, PARAMS, TOKENS)
    features, _ = law.features(PARAMS, TOKENS)
    starts = find_starts(law, features, loss, delta=1e-3)
    assert starts.shape == (16, 6)
    values = score(law, starts, features, loss)
    assert values[0] == values.min()
    assert values[0] < 1e-3 * 60 * 0.03  # within 3 percent a run, of losses that span a factor of 2
    assert np.all((starts >= law.lower) & (starts <= law.upper))
    np.testing.assert_array_equal(starts, find_starts(law, features, loss, delta=1e-3))


def test_the_linear_block_is_solved_for_and_the_last_start_is_bare():
    law = laws.get("width_depth")
    truth = WidthDepth(1.8, 4.0, 0.9, 650.0, 27000.0, 0.3, 0.5, 0.4, 0.5)
    width, depth = np.exp(RNG.uniform(np.log([256, 4]), np.log([4096, 80]), (60, 2))).T
    features, _ = law.features(width, depth, PARAMS, TOKENS)
    loss = law.loss(truth, width, depth, PARAMS, TOKENS)
    starts = design_starts(law, features, loss, delta=1e-3, count=5)
    assert starts.shape == (6, 9)
    found = law.coefficients(starts, np.zeros(4))
    assert found.E[-1] < 1e-9
    assert score(law, starts[:1], features, loss)[0] < 1e-3 * 60 * 0.005


def test_weights_count_as_repeated_rows():
    law = laws.get("additive_tied")
    features, _ = law.features(PARAMS, TOKENS)
    loss = 1.8 + 500 / PARAMS**0.35 + 1500 / TOKENS**0.35 + 0.01 * RNG.standard_normal(60)
    times = RNG.integers(0, 3, 60)
    rows = np.repeat(np.arange(60), times)
    weighted = find_starts(law, features, loss, delta=1e-3, weight=times.astype(float))
    repeated = find_starts(law, features[:, rows], loss[rows], delta=1e-3)
    np.testing.assert_allclose(weighted[0], repeated[0], rtol=1e-6)


@pytest.mark.parametrize("count", [1, 3, 40])
def test_starts_keep_apart_while_there_is_room(count):
    unit = RNG.uniform(size=(30, 2))
    chosen = apart(unit, np.zeros(2), np.ones(2), count)
    assert len(chosen) == min(count, 30) == len(set(chosen.tolist()))
    assert 0 in chosen
    if count == 3:
        gaps = np.abs(unit[chosen][:, None] - unit[chosen][None]).max(axis=-1)
        assert gaps[~np.eye(3, dtype=bool)].min() > 0.15
