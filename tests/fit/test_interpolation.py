"""Akima against SciPy, minima against a dense grid, and the optima and exponents of Porian et al. 2024."""

import csv
import json

import numpy as np
import pytest
from scipy.interpolate import Akima1DInterpolator

from sweep.fit.interpolation import PUBLISHED_NOISE, akima, interpolate, least, roughness
from sweep.laws import additive
from sweep.tables.load import load

BUDGETS = np.geomspace(1e18, 1e21, 6)


@pytest.mark.parametrize("knots", [2, 3, 4, 5, 9, 20])
def test_akima_is_scipys(knots):
    rng = np.random.default_rng(knots)
    x, y = np.sort(rng.uniform(0, 5, knots)), rng.standard_normal((8, knots))
    y[0] = 1.0  # flat: every weight is zero
    if knots > 4:
        y[1, :4] = 0.0
    at = np.linspace(x[0], x[-1], 501)
    piece = np.clip(np.searchsorted(x, at, side="right") - 1, 0, knots - 2)
    c0, c1, c2, c3 = akima(x, y)[:, :, piece]
    t = at - x[piece]
    expected = np.stack([Akima1DInterpolator(x, row)(at) for row in y])
    np.testing.assert_allclose(c0 + t * (c1 + t * (c2 + t * c3)), expected, atol=1e-12)


@pytest.mark.parametrize("knots", [3, 4, 6, 15])
def test_the_least_is_that_of_a_dense_grid(knots):
    rng = np.random.default_rng(knots)
    x, y = np.sort(rng.uniform(0, 5, knots)), rng.standard_normal((40, knots))
    at = np.linspace(x[0], x[-1], 20_001)
    dense = np.stack([Akima1DInterpolator(x, row)(at) for row in y])
    best = np.argmin(dense, axis=1)
    edge = (best == 0) | (best == len(at) - 1)
    where, value = least(x, y)
    np.testing.assert_array_equal(np.isnan(where), edge)
    np.testing.assert_allclose(where[~edge], at[best][~edge], atol=2 * np.ptp(x) / 20_000)
    np.testing.assert_allclose(value[~edge], dense.min(axis=1)[~edge], atol=3e-4)
    assert 0 < edge.sum() < 40


def test_roughness_vanishes_on_cubics_and_measures_noise():
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-1, 1, 3000))
    cubic = 2 + x - x**2 + 3 * x**3
    assert np.abs(roughness(x[::200], cubic[::200])).max() < 1e-10
    assert np.std(roughness(x, cubic + 0.01 * rng.standard_normal(3000))) == pytest.approx(0.01, rel=0.1)


def test_truth_of_simulated_families(simulate, law):
    found = interpolate(load(simulate(BUDGETS, sizes=9)), 0)
    assert found is not None
    a, b = additive.allocation(law)
    assert (found.params.slope[0], found.tokens.slope[0]) == pytest.approx((a, b), abs=0.01)
    np.testing.assert_allclose(np.exp(found.ln_params), additive.optimum(law, BUDGETS)[0], rtol=0.05)
    noisy = interpolate(load(simulate(BUDGETS, sizes=9, noise=0.003, seed=1)), 0)
    assert noisy is not None
    assert noisy.noise_from == "roughness"
    assert noisy.noise == pytest.approx(0.003 * 2.5, rel=0.5)  # of ln loss, at losses of about 2.5
    low, high = np.nanpercentile(noisy.params.slope[1:], [5, 95])
    assert low < a < high


def test_noise_comes_from_repeats_where_there_are(simulate):
    one, two = (simulate(BUDGETS, sizes=7, noise=0.01, seed=seed) for seed in (1, 2))
    found = interpolate(load({key: np.concatenate([one[key], two[key]]) for key in one}), 0)
    assert found is not None
    assert found.noise_from == "repeats"
    assert found.noise == pytest.approx(np.sqrt(np.mean((one["loss"] - two["loss"]) ** 2) / 2), rel=1e-9)
    few = interpolate(load(simulate(BUDGETS, sizes=4)), 0)
    assert few is not None
    assert (few.noise, few.noise_from) == (PUBLISHED_NOISE, "assumed")


def test_a_minimum_at_the_edge_gives_no_vertex(simulate):
    table = simulate(BUDGETS, sizes=7)
    table["loss"] = np.where(table["budget"] == BUDGETS[2], 2 + 1e-10 * table["params"], table["loss"])
    found = interpolate(load(table), 0)
    assert found is not None
    assert np.isnan(found.ln_params).tolist() == [False, False, True, False, False, False]
    assert interpolate(load({key: v for key, v in simulate([1e18], sizes=2).items() if key != "budget"}), 0) is None


PORIAN = [
    f"porian_rw_{name}"
    for name in (
        "base_long_kaplan_kaplan_train",
        "base_long_kaplan_standard_val",
        "base_short_kaplan_standard_val",
        "base_short_chinchilla_standard_val",
        "tuned_short_const_standard_val",
        "base_long_kaplan_attention_train",
        "base_short_kaplan_attention_train",
        "base_short_chinchilla_attention_train",
        "tuned_short_const_attention_train",
        "tuned_long_const_kaplan_train",
    )
]


@pytest.mark.parametrize("table", PORIAN)
def test_published_optima_and_exponents(datasets, table):
    published = json.loads((datasets / "reference_fits.json").read_text())["porian_published"][table]
    with (datasets / "porian_optima.csv").open() as file:
        optima = {float(row["budget"]): row for row in csv.DictReader(file) if row["experiment"] == table}
    found = interpolate(load(datasets / f"{table}.csv"), 0, noise=PUBLISHED_NOISE)
    assert found is not None
    for k, (budget, _) in enumerate(found.members):
        assert budget is not None
        row = optima[budget]
        if not row["params_opt"]:
            assert np.isnan(found.ln_params[k])
            continue
        sd = float(row["log_params_opt_std"])
        assert found.ln_params[k] == pytest.approx(np.log(float(row["params_opt"])), abs=0.3 * sd)
        assert found.ln_tokens[k] == pytest.approx(np.log(float(row["tokens_opt"])), abs=0.3 * sd)
        assert np.log(found.loss[k]) == pytest.approx(np.log(float(row["loss_opt"])), abs=5e-4)
        assert found.ln_params_sd[k] == pytest.approx(sd, rel=0.05)
    weighted, spread = published["bs_median_weighted"], published["bootstrap_weighted_n_exponent"]
    assert found.params.slope[0] == pytest.approx(weighted["n_exponent"], abs=0.002)
    assert found.tokens.slope[0] == pytest.approx(weighted["t_exponent"], abs=0.002)
    low, high = np.nanpercentile(found.params.slope[1:], [2.5, 97.5])
    assert (low, high) == pytest.approx((spread["p2.5"], spread["p97.5"]), abs=0.002)
    # with the noise that the table itself shows, wider, but no further off than the published interval reaches
    own = interpolate(load(datasets / f"{table}.csv"), 0)
    assert own is not None
    low, high = np.nanpercentile(own.params.slope[1:], [2.5, 97.5])
    assert low < weighted["n_exponent"] < high
