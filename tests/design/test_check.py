"""The design check against numbers known beforehand and against fits of simulated sweeps."""

import dataclasses
import math

import numpy as np
import pytest
import scipy.optimize

from sweep.config import Prior, load
from sweep.design import check, families
from sweep.errors import Refusal

HOFFMANN = Prior(E=1.69337, A=406.4, B=410.72, alpha=0.33917, beta=0.28491, noise=0.002, source="hoffmann")


def grid(budgets=(1e18, 1e19, 1e20, 1e21), sizes=6, span=4.0) -> tuple[np.ndarray, np.ndarray]:
    """An isoFLOP grid around the optimum of Besiroglu et al."""
    center = np.array([0.11963 * (c / 6) ** 0.5126 for c in budgets])
    params = np.outer(center, np.geomspace(1 / span, span, sizes))
    return params.ravel(), (np.array(budgets)[:, None] / 6 / params).ravel()


def test_known_doubts_of_a_ladder_and_of_a_grid():
    """An 8-run D = 20 N ladder has sd(alpha) of 16 to 60, a 24-run grid 0.005 at the same noise."""
    ladder = np.geomspace(1e8, 1e10, 8)
    along_a_ray = check.check(ladder, 20 * ladder, HOFFMANN, 1e22).doubts[0]
    assert 16 < along_a_ray.alpha < 60
    assert check.check(*grid(), HOFFMANN, 1e22).doubts[0].alpha == pytest.approx(0.005, abs=0.0005)


def test_a_ladder_at_one_ratio_is_refused_with_the_numbers_and_the_cure():
    ladder = np.geomspace(1e8, 1e10, 8)
    result = check.check(ladder, 20 * ladder, HOFFMANN, 1e22)
    assert not result.identifiable
    with pytest.raises(Refusal, match=r"8 runs at 20 to 20 tokens a parameter.*add budgets") as e:
        check.refuse_unidentifiable(result)
    assert e.value.code == "not_identifiable"


def test_a_ray_of_a_symmetric_law_is_exactly_blind():
    ladder = np.geomspace(1e8, 1e10, 8)
    symmetric = dataclasses.replace(HOFFMANN, alpha=0.3, beta=0.3)
    doubt = check.doubt("symmetric", symmetric, ladder, 20 * ladder, 1e22)
    assert doubt.alpha > 1e3


def test_fewer_points_than_coefficients_say_nothing():
    params, tokens = grid()
    doubt = check.check(params[:4], tokens[:4], HOFFMANN, 1e22).doubts[0]
    assert math.isinf(doubt.alpha)
    assert math.isinf(doubt.loss)


def test_one_budget_alone_is_refused_and_four_are_not():
    params, tokens = grid()
    assert not check.check(params[:6], tokens[:6], dataclasses.replace(HOFFMANN, noise=0.008), 1e22).identifiable
    check.refuse_unidentifiable(check.check(params, tokens, HOFFMANN, 1e22))


def test_doubt_is_proportional_to_noise_and_falls_with_repeats():
    params, tokens = grid()
    once = check.check(params, tokens, HOFFMANN, 1e22).doubts[0]
    noisy = check.check(params, tokens, dataclasses.replace(HOFFMANN, noise=0.004), 1e22).doubts[0]
    four = check.check(np.tile(params, 4), np.tile(tokens, 4), HOFFMANN, 1e22).doubts[0]
    assert (noisy.alpha, noisy.loss) == pytest.approx((2 * once.alpha, 2 * once.loss))
    assert (four.beta, four.log_optimum) == pytest.approx((once.beta / 2, once.log_optimum / 2))


def test_variants_agree_with_the_prior_at_the_center_of_the_grid():
    laws = check.variants(HOFFMANN, center=(1e9, 2e10))
    assert len(laws) >= 6
    for law in laws.values():
        assert law.A * 1e9**-law.alpha == pytest.approx(HOFFMANN.A * 1e9**-HOFFMANN.alpha)
        assert law.B * 2e10**-law.beta == pytest.approx(HOFFMANN.B * 2e10**-HOFFMANN.beta)


def test_the_worst_is_no_better_than_the_prior():
    result = check.check(*grid(), HOFFMANN, 1e22)
    assert result.worst.alpha >= result.doubts[0].alpha
    assert result.worst.loss == max(d.loss for d in result.doubts)


def test_learning_rates_of_one_cell_are_one_point_and_seeds_are_repeats():
    sweep = dataclasses.replace(load("configs/laptop.py"), lr_bracket=(0.5, 1.0, 2.0), seeds=(0, 1))
    made = families.plan(sweep, vocab=256, data="d", unique_tokens=10**9, platform="cpu")
    params, tokens = check.points_of(made.trials)
    assert len(params) == len(tokens) == len(made.trials) / 3


@pytest.mark.parametrize("name", ["smoke", "laptop", "gpu", "pod"])
def test_shipped_designs_are_worth_training(name):
    sweep = load(f"configs/{name}.py")
    made = families.plan(
        dataclasses.replace(sweep, data=dataclasses.replace(sweep.data, allow_repeat=True)),
        vocab=256 if name in ("smoke", "laptop") else 8192,
        data="d",
        unique_tokens=10**9,
        platform="cpu",
    )
    check.refuse_unidentifiable(check.check(*check.points_of(made.trials), sweep.prior, sweep.target))


@pytest.mark.slow
def test_doubts_equal_the_spread_of_refitted_simulations():
    """200 sweeps drawn from the law and refitted by SciPy: least squares in ln(loss), started at the truth."""
    params, tokens = grid()
    expected = check.doubt("hoffmann", HOFFMANN, params, tokens, 1e22)
    truth = np.array([math.log(HOFFMANN.E), math.log(HOFFMANN.A), math.log(HOFFMANN.B), HOFFMANN.alpha, HOFFMANN.beta])
    clean = np.log(check.losses(truth, params, tokens))
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        noisy = clean + rng.normal(0, HOFFMANN.noise, clean.size)
        fit = scipy.optimize.least_squares(
            lambda t, noisy=noisy: np.log(check.losses(t, params, tokens)) - noisy, truth, x_scale="jac", xtol=1e-10
        )
        found.append([*fit.x[3:], *check.answers(fit.x, 1e22)])
    spread = np.std(found, axis=0, ddof=1)
    predicted = [expected.alpha, expected.beta, expected.log_optimum, expected.loss]
    assert spread == pytest.approx(predicted, rel=0.15)  # the sd of an sd from 200 draws is 5 percent
