"""Closed forms against published optima, and the solver's Jacobian against automatic differentiation."""

import jax
import numpy as np
import pytest

from sweep.laws import additive
from sweep.laws.additive import PUBLISHED, Additive

HOFFMANN = PUBLISHED["hoffmann"].coefficients
BESIROGLU = PUBLISHED["besiroglu"].coefficients
SARDANA = PUBLISHED["sardana"].coefficients
MUENNIGHOFF = PUBLISHED["muennighoff"].coefficients
PRINTED = Additive(1.69, 406.4, 410.7, 0.34, 0.28)  # Hoffmann et al. 2022 as rounded in the paper

OPTIMA = [
    (HOFFMANN, 1e21, 2.2170e9, 7.5178e10, 2.295491),
    (HOFFMANN, 5.76e23, 4.0361e10, 2.3785e12, 1.918412),
    (HOFFMANN, 3.8e25, 2.7324e11, 2.3179e13, 1.811011),
    (PRINTED, 1e21, 1.8242e9, 9.1363e10, 2.328883),
    (PRINTED, 3.8e25, 2.1348e11, 2.9667e13, 1.816533),
    (SARDANA, 1e21, 2.2817e9, 7.3044e10, 2.327502),
    (SARDANA, 5.76e23, 4.1716e10, 2.3013e12, 1.930125),
    (BESIROGLU, 1e21, 2.7785e9, 5.9985e10, 2.305529),
    (BESIROGLU, 5.76e23, 7.2249e10, 1.3287e12, 1.974441),
    (MUENNIGHOFF, 1e21, 2.9151e9, 5.7174e10, 2.347687),
    (MUENNIGHOFF, 3.8e25, 5.6826e11, 1.1145e13, 1.943680),
]


@pytest.mark.parametrize(("law", "flops", "params", "tokens", "loss"), OPTIMA)
def test_optimum_and_frontier_match_reference_values(law, flops, params, tokens, loss):
    assert additive.optimum(law, flops) == pytest.approx((params, tokens), rel=1e-4)
    assert additive.frontier(law, flops) == pytest.approx(loss, rel=1e-6)


def test_unrounded_hoffmann_is_what_the_source_says():
    assert list(HOFFMANN) == pytest.approx([1.6933737, 406.40102, 410.72283, 0.33917084, 0.2849083], rel=1e-7)


@pytest.mark.parametrize(
    ("law", "a", "gamma"),
    [(HOFFMANN, 0.456526, 0.154840), (BESIROGLU, 0.512612, 0.178286), (MUENNIGHOFF, 0.5, 0.17633)],
)
def test_allocation_and_frontier_exponent(law, a, gamma):
    assert additive.allocation(law) == pytest.approx((a, 1 - a), abs=1e-6)
    reducible = [additive.frontier(law, c) - law.E for c in (1e20, 1e24)]
    assert np.log(reducible[0] / reducible[1]) / np.log(1e4) == pytest.approx(gamma, abs=2e-6)


def test_curvature_of_the_printed_law_and_by_differences():
    assert additive.curvature(PRINTED, 1e21) == pytest.approx(0.0608217, rel=1e-5)
    n, _ = additive.optimum(PRINTED, 1e21)
    along = [additive.loss(PRINTED, n * np.exp(x), 1e21 / 6 / (n * np.exp(x))) for x in (-1e-3, 0, 1e-3)]
    assert (along[0] - 2 * along[1] + along[2]) / 1e-6 == pytest.approx(0.0608217, rel=1e-4)


def test_compute_for_loss_inverts_the_frontier():
    compute = np.array([1e18, 1e21, 5.76e23])
    np.testing.assert_allclose(
        additive.compute_for_loss(BESIROGLU, additive.frontier(BESIROGLU, compute)), compute, rtol=1e-8
    )
    assert np.isnan(additive.compute_for_loss(BESIROGLU, BESIROGLU.E))


def test_fewer_params_for_more_tokens():
    shrunk = np.array([0.75, 0.5, 0.3])
    np.testing.assert_allclose(shrunk * additive.tokens_for_size(SARDANA, shrunk), [1.0285, 1.208, 2.056], atol=1e-3)
    np.testing.assert_allclose(0.5 * additive.tokens_for_size(BESIROGLU, 0.5), 1.259, atol=1e-3)
    assert additive.least_size(SARDANA) == pytest.approx(0.0974, abs=1e-4)
    assert additive.least_size(BESIROGLU) == pytest.approx(0.146, abs=5e-4)
    assert np.isnan(additive.tokens_for_size(SARDANA, 0.097))
    for law in (SARDANA, HOFFMANN):  # the loss is indeed the same
        n, d = additive.optimum(law, 1e22)
        small = additive.loss(law, 0.4 * n, d * additive.tokens_for_size(law, 0.4))
        assert small == pytest.approx(additive.loss(law, n, d), rel=1e-12)


def test_theta_round_trip_and_prediction():
    rng = np.random.default_rng(0)
    params, tokens = 10 ** rng.uniform(7, 10, 12), 10 ** rng.uniform(9, 12, 12)
    features, shift = additive.features(params, tokens)
    theta = additive.theta(BESIROGLU, shift)
    assert additive.coefficients(theta, shift) == pytest.approx(BESIROGLU, rel=1e-12)
    with jax.enable_x64(True):
        log_loss, jacobian = additive.log_loss(jax.numpy.asarray(theta), jax.numpy.asarray(features))
        auto = jax.jacfwd(lambda t: additive.log_loss(t, jax.numpy.asarray(features))[0])(jax.numpy.asarray(theta))
    np.testing.assert_allclose(np.exp(log_loss), additive.loss(BESIROGLU, params, tokens), rtol=1e-12)
    np.testing.assert_allclose(jacobian, auto.T, rtol=1e-12, atol=1e-15)


def test_basis_and_block_reproduce_the_law():
    params, tokens = np.array([1e8, 1e9, 1e10]), np.array([1e10, 3e10, 1e9])
    features, shift = additive.features(params, tokens)
    theta = additive.theta(BESIROGLU, shift)
    columns = additive.basis(theta[3:], features)
    weights = np.exp(theta[:3])
    np.testing.assert_allclose(weights @ columns, additive.loss(BESIROGLU, params, tokens), rtol=1e-12)
    np.testing.assert_allclose(additive.from_block(theta[3:], weights), theta, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [({}, ""), ({"E": 1e-6}, "E is at zero"), ({"alpha": -0.1}, "alpha"), ({"beta": 0.0}, "beta")],
)
def test_bounds_are_named(change, message):
    code = int(additive.bound(BESIROGLU._replace(**change), 2.0))
    assert additive.BOUNDS[code].startswith(message)
    assert bool(code) == bool(message)
