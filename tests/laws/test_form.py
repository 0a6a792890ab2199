"""The builder: equal to a hand-made law, bounds in words, and simulated truths found from its own starts."""

import numpy as np
import pytest

from sweep import laws
from sweep.fit.solver import solve
from sweep.fit.starts import nonnegative_least_squares
from sweep.laws import additive, form
from tests.laws.conftest import example, sample

PLAIN = form.build(
    id="plain",
    formula="as additive",
    coefficients=additive.Additive,
    inputs=("params", "tokens"),
    loss=additive.loss,
    source="here",
    published=additive.PUBLISHED,
    linear=("E", "A", "B"),
)


def huber(residual, delta=1e-3):
    size = np.minimum(np.abs(residual), delta)
    return size * (np.abs(residual) - size / 2)


def starts(law, inputs, loss, *, count=2048, keep=16):
    """The best of the design, the linear block solved for, as theta [keep, k]."""
    features, shift = law.features(*inputs)
    shape = law.design(count)
    with np.errstate(all="ignore"):  # a design has absurd corners
        weights = np.zeros((count, 0))
        if law.linear:
            weights = nonnegative_least_squares(law.basis(shape, features) / loss, np.ones_like(loss))
        theta = law.from_block(shape, weights)
        lanes = type(example(law))(*(c[:, None] for c in law.coefficients(theta, shift)))
        score = huber(np.log(law.loss(lanes, *inputs) / loss)).sum(axis=1)
    return theta[np.argsort(np.where(np.isfinite(score), score, np.inf))[:keep]]


@pytest.mark.slow
def test_built_and_hand_made_law_have_one_optimum():
    inputs = sample(PLAIN, 120)
    loss = additive.loss(example(additive.LAW), *inputs) * np.exp(0.01 * np.random.default_rng(0).standard_normal(120))
    found = []
    for law in (PLAIN, additive.LAW):
        features, shift = law.features(*inputs)
        lanes = solve(
            law, features, np.log(loss), starts(law, inputs, loss, count=256, keep=4), np.ones(120), delta=1e-3
        )
        best = np.argmin(lanes.objective)
        assert lanes.converged[best]
        found.append([lanes.objective[best], *law.coefficients(lanes.theta[best], shift)])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gamma", "data_constrained", "kaplan_lnd", "moe_krajewski", "farseer", "overtrain"])
def test_simulated_truth_is_found_without_start_values(name):
    """Nobody types starts: the optimum from the design is the one from the truth, and lies near it."""
    law, n, noise = laws.get(name), 240, 0.002
    inputs, truth = sample(law, n, seed=5), example(law)
    loss = law.loss(truth, *inputs) * np.exp(noise * np.random.default_rng(1).standard_normal(n))
    features, shift = law.features(*inputs)
    theta = np.concatenate([starts(law, inputs, loss), law.theta(truth, shift)[None]])
    lanes = solve(law, features, np.log(loss), theta, np.ones(n), delta=1e-3)
    best = np.argmin(lanes.objective[:-1])
    assert lanes.converged[best]
    assert lanes.objective[best] <= lanes.objective[-1] * (1 + 1e-9)
    error = np.log(law.loss(law.coefficients(lanes.theta[best], shift), *inputs) / law.loss(truth, *inputs))
    assert np.sqrt(np.mean(error**2)) < noise * np.sqrt(2 * len(truth) / n)  # the share of the noise that k numbers fit


def test_starts_are_spread_geometrically_where_they_can_be():
    assert form.between(-1.0, 3.0, np.array([0.0, 0.5, 1.0])).tolist() == [-1.0, 1.0, 3.0]
    np.testing.assert_allclose(form.between(0.01, 100.0, np.array([0.0, 0.5, 1.0])), [0.01, 1.0, 100.0])


@pytest.mark.parametrize(
    ("law", "change", "message"),
    [
        ("gamma", {"E": 1e-9}, "E is at its lower bound 0: the table does not show a floor"),
        ("gamma", {"beta": -0.01}, "beta is at its lower bound 0: the table does not show that this helps"),
        ("gamma", {"alpha": 3.0}, "alpha is at its upper bound 3"),
        ("moe_krajewski", {"g": 0.0}, "g is at its lower bound 0: the table does not show this term"),
        ("precision", {"gamma_w": 50.0}, "gamma_w is at its upper bound 50"),
        ("gamma", {"E": 0.0, "alpha": 0.0}, "alpha"),  # the exponent is the graver verdict
    ],
)
def test_bounds_in_words(law, change, message):
    law = laws.get(law)
    code = law.bound(example(law)._replace(**change), 2.0)
    assert law.bounds[int(code)].startswith(message)
    lanes = type(example(law))(
        *(np.array([x, y]) for x, y in zip(example(law), example(law)._replace(**change), strict=True))
    )
    assert law.bound(lanes, 2.0).tolist() == [0, int(code)]
