"""What to train, against closed forms, published values and a grid."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep import laws
from sweep.errors import InputError
from sweep.laws import additive
from sweep.laws.additive import Additive
from sweep.plan import optimum
from sweep.plan.optimum import Wish, solve
from sweep.plan.surface import Surface
from tests.plan.conftest import surface

COEFFICIENTS = st.builds(
    Additive,
    E=st.floats(0.5, 2.5),
    A=st.floats(100, 2000),
    B=st.floats(100, 5000),
    alpha=st.floats(0.25, 0.5),
    beta=st.floats(0.25, 0.5),
)
ADDITIVE = laws.get("additive")

REFERENCE = [  # computed from unrounded coefficients: law, FLOPs, params, tokens, loss
    ("hoffmann", 1e21, 2.2170e9, 7.5178e10, 2.295491),
    ("hoffmann", 5.76e23, 4.0361e10, 2.3785e12, 1.918412),
    ("hoffmann", 3.8e25, 2.7324e11, 2.3179e13, 1.811011),
    ("sardana", 1e21, 2.2817e9, 7.3044e10, 2.327502),
    ("sardana", 5.76e23, 4.1716e10, 2.3013e12, 1.930125),
    ("sardana", 3.8e25, 2.8320e11, 2.2364e13, 1.816170),
    ("besiroglu", 1e21, 2.7785e9, 5.9985e10, 2.305529),
    ("besiroglu", 5.76e23, 7.2249e10, 1.3287e12, 1.974441),
    ("besiroglu", 3.8e25, 6.1867e11, 1.0237e13, 1.891707),
    ("muennighoff", 1e21, 2.9151e9, 5.7174e10, 2.347687),
    ("muennighoff", 5.76e23, 6.9962e10, 1.3722e12, 2.025162),
    ("muennighoff", 3.8e25, 5.6826e11, 1.1145e13, 1.943680),
]


@pytest.mark.parametrize(("id", "flops", "params", "tokens", "loss"), REFERENCE)
def test_compute_optimal_runs_of_published_laws_both_ways(id, flops, params, tokens, loss):
    at = surface(id)
    np.testing.assert_allclose(solve(at, Wish(spend=flops / 6)), (params, tokens), rtol=1e-4)
    assert at.loss(*solve(at, Wish(spend=flops / 6))) == pytest.approx(loss, rel=1e-4)
    exact = at.loss(*at.frontier(flops))
    for wish in (Wish(loss=exact), Wish(params=at.frontier(flops)[0]), Wish(tokens=at.frontier(flops)[1])):
        np.testing.assert_allclose(solve(at, wish), (params, tokens), rtol=1e-4)


@pytest.mark.parametrize(
    ("size", "served", "params", "tokens", "ratio"),
    [
        (13e9, 2e12, 6.9686e9, 1.24778e12, 0.8255),
        (7e9, 1e11, 5.9997e9, 3.2502e11, 0.9915),
        (30e9, 1e13, 1.3613e10, 4.4262e12, 0.7202),
        (70e9, 1e13, 4.1551e10, 7.9225e12, 0.8805),
    ],
)
def test_the_demand_of_sardana_et_al(size, served, params, tokens, ratio):
    """Quality of a compute-optimal model of `size`, at least 6 N D + 2 N T."""
    at = surface("sardana")
    usual = float(optimum.right_tokens(at, size, 0.0))
    found = solve(at, Wish(loss=at.loss(size, usual), load=served / 3))
    np.testing.assert_allclose(found, (params, tokens), rtol=1e-3)
    assert found[0] * (found[1] + served / 3) / (size * (usual + served / 3)) == pytest.approx(ratio, rel=1e-3)


def test_the_readme_example_and_the_budget_dual_of_sardana_et_al():
    at = surface("sardana")
    np.testing.assert_allclose(solve(at, Wish(loss=1.947, load=2e12 / 3)), (2.4184e10, 2.65705e12), rtol=1e-3)
    np.testing.assert_allclose(solve(at, Wish(spend=8.0046e22 / 6, load=2e12 / 3)), (6.968e9, 1.248e12), rtol=1e-3)


def grid(at: Surface, size: np.ndarray, spend: float, load: float) -> float:
    """ln N of the least loss at a spend, by looking everywhere."""
    tokens = spend / np.exp(size) - load
    loss = np.where(tokens > 0, at.loss(np.exp(size), np.where(tokens > 0, tokens, 1.0)), np.inf)
    return size[np.argmin(loss)]


@settings(max_examples=30, deadline=None)
@given(law=COEFFICIENTS, flops=st.floats(1e18, 1e25), share=st.floats(0, 30))
def test_random_laws_against_a_grid(law, flops, share):
    at = Surface(ADDITIVE, law)
    load = share * additive.optimum(law, flops)[1]
    params, tokens = solve(at, Wish(spend=flops / 6, load=load))
    assert params * (tokens + load) == pytest.approx(flops / 6, rel=1e-9)
    wide = np.linspace(np.log(params) - 8, np.log(params) + 8, 4001)
    assert np.log(params) == pytest.approx(grid(at, wide, flops / 6, load), abs=2 * 16 / 4000)
    close = np.exp(np.linspace(-0.01, 0.01, 11)) * params
    assert np.all(at.loss(close, flops / 6 / close - load) >= at.loss(params, tokens) * (1 - 1e-14))
    # the dual: the cheapest run of that loss is the same run
    np.testing.assert_allclose(solve(at, Wish(loss=at.loss(params, tokens), load=load)), (params, tokens), rtol=1e-6)
    # the first-order condition, and its inverse
    assert at.worth(params, tokens) == pytest.approx(1 + load / tokens, rel=1e-9)
    assert optimum.right_load(at, params, tokens) == pytest.approx(load, rel=1e-6, abs=1e-6 * tokens)


@settings(max_examples=30, deadline=None)
@given(law=COEFFICIENTS, flops=st.floats(1e18, 1e25))
def test_more_demand_never_gives_a_larger_model_at_equal_loss(law, flops):
    at = Surface(ADDITIVE, law)
    params, tokens = at.frontier(flops)
    load = np.concatenate([[0.0], tokens * np.geomspace(1e-3, 1e3, 25)])
    n, d = solve(at, Wish(loss=at.loss(params, tokens), load=load))
    assert np.all(np.diff(n) <= 1e-9 * n[:-1])
    assert np.all(np.diff(d) >= -1e-9 * d[:-1])
    spend = n * (d + load)
    assert np.all(np.diff(spend) > 0)
    assert n[0] == pytest.approx(params, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(law=COEFFICIENTS, unit=st.sampled_from([1e-6, 1e-3, 1e3]))
def test_answers_do_not_depend_on_the_unit_of_tokens(law, unit):
    """Tokens counted in thousands: B and the load change with them, the model does not."""
    scaled = law._replace(B=law.B * unit**law.beta)
    one, other = Surface(ADDITIVE, law), Surface(ADDITIVE, scaled)
    n, d = solve(one, Wish(spend=1e21, load=1e12))
    m, e = solve(other, Wish(spend=1e21 * unit, load=1e12 * unit))
    np.testing.assert_allclose((m, e), (n, d * unit), rtol=1e-9)


def test_lanes_and_demands_in_one_call_equal_one_at_a_time():
    rng = np.random.default_rng(0)
    law = additive.PUBLISHED["besiroglu"].coefficients
    lanes = Additive(*(value * (1 + 0.05 * rng.standard_normal(40)) for value in law))
    load = np.array([[0.0], [1e11], [1e13]])
    for wish in ("spend", "loss"):
        value = {"spend": 1e22 / 6, "loss": 2.4}[wish]
        n, d = solve(Surface(ADDITIVE, lanes), Wish(**{wish: value}, load=load))
        assert n.shape == d.shape == (3, 40)
        for i in (0, 1, 2):
            for j in (0, 17, 39):
                one = Surface(ADDITIVE, Additive(*(float(x[j]) for x in lanes)))
                single = solve(one, Wish(**{wish: value}, load=float(load[i, 0])))
                np.testing.assert_allclose((n[i, j], d[i, j]), single, rtol=1e-9)


@pytest.mark.parametrize("id", ["muennighoff", "besiroglu"])
def test_searched_laws_agree_with_the_closed_form(id):
    """The same coefficients through a law without closed forms: the additive law inside (...)^gamma with gamma = 1."""
    at = surface(id)
    E, A, B, alpha, beta = at.coefficients
    law = laws.get("gamma")
    kind = type(law.published["xlstm"].coefficients)
    searched = Surface(law, kind(E=E, A=A, B=B, alpha=alpha, beta=beta, gamma=1.0))
    for wish in (
        Wish(spend=1e22 / 6, load=1e12),
        Wish(loss=2.2, load=1e12),
        Wish(loss=2.2),
        Wish(params=5e9, load=1e12),
        Wish(tokens=5e11, load=1e11),
        Wish(loss=2.2, params=8e9),
        Wish(loss=2.2, tokens=4e11),
        Wish(loss=2.2, ratio=40.0),
    ):
        np.testing.assert_allclose(solve(searched, wish), solve(at, wish), rtol=1e-5)


@pytest.mark.parametrize(
    ("fixed", "left"),
    [
        ({"spend": 1e21, "params": 5e9}, lambda n, d: n * (d + 1e10) == pytest.approx(1e21) and n == 5e9),
        ({"spend": 1e21, "tokens": 3e11}, lambda n, d: n * (d + 1e10) == pytest.approx(1e21) and d == 3e11),
        (
            {"spend": 1e21, "ratio": 30.0},
            lambda n, d: n * (d + 1e10) == pytest.approx(1e21) and d / n == pytest.approx(30),
        ),
        ({"params": 5e9, "ratio": 30.0}, lambda n, d: (n, d) == (5e9, 1.5e11)),
        ({"tokens": 1.5e11, "ratio": 30.0}, lambda n, d: (n, d) == (5e9, 1.5e11)),
        ({"params": 5e9, "tokens": 2e11}, lambda n, d: (n, d) == (5e9, 2e11)),
    ],
)
def test_two_constraints_meet(fixed, left):
    assert left(*solve(surface("besiroglu"), Wish(**fixed, load=1e10)))


@pytest.mark.parametrize("fixed", [{"params": 7e9}, {"tokens": 2e11}, {"ratio": 33.0}])
def test_a_loss_with_something_fixed_is_reached(fixed):
    at = surface("besiroglu")
    assert at.loss(*solve(at, Wish(loss=2.2, **fixed))) == pytest.approx(2.2, rel=1e-12)


def test_what_cannot_be_reached_is_nan():
    at = surface("besiroglu")
    for wish in (Wish(loss=1.8), Wish(loss=1.8172)):
        assert np.all(np.isnan(solve(at, wish)))
    assert np.isnan(solve(at, Wish(loss=2.0, params=1e9))[1])
    assert np.isnan(solve(at, Wish(loss=2.0, tokens=1e10))[0])
    assert np.isnan(solve(at, Wish(spend=1e20, params=1e9, load=1e12))[1])


@pytest.mark.parametrize(
    "fixed", [{}, {"ratio": 20.0}, {"spend": 1e21, "loss": 2.1}, {"spend": 1e21, "params": 1e9, "tokens": 1e9}]
)
def test_too_little_or_too_much_fixed(fixed):
    with pytest.raises(InputError, match="give a target"):
        solve(surface("besiroglu"), Wish(**fixed))


def test_repeated_data_of_muennighoff_et_al():
    at = surface("muennighoff_repeated", unique_tokens=25e9)
    assert at.loss(6.34e9, 242e9) == pytest.approx(2.2256440889984477, rel=1e-9)
    params, tokens = solve(at, Wish(spend=1e22 / 6))
    assert params == pytest.approx(7.026e9, rel=2e-3)
    assert tokens / 25e9 == pytest.approx(9.488, rel=2e-3)
    np.testing.assert_allclose(solve(at, Wish(loss=at.loss(params, tokens))), (params, tokens), rtol=1e-5)
    served = solve(at, Wish(loss=at.loss(params, tokens), load=1e12))
    assert served[0] < params
    assert served[0] * (served[1] + 1e12) < params * (tokens + 1e12)


@pytest.mark.parametrize("served", [0.0, 1e12])
def test_a_largest_size_by_looking_at_every_size_below(served):
    free = surface("besiroglu")
    held = dataclasses.replace(free, most_params=2e9)
    load = served / 3
    params, tokens = solve(held, Wish(spend=1e22 / 6, load=load))
    assert (params, params * (tokens + load)) == pytest.approx((2e9, 1e22 / 6))
    sizes = np.geomspace(1e8, 2e9, 2001)
    possible = 1e22 / 6 / sizes - load
    assert free.loss(params, tokens) <= np.min(free.loss(sizes, possible)) * (1 + 1e-12)
    n, d = solve(held, Wish(loss=2.2, load=load))
    assert n == 2e9
    assert free.loss(n, d) == pytest.approx(2.2)
    np.testing.assert_array_equal(
        solve(dataclasses.replace(free, most_params=1e12), Wish(loss=2.2)), solve(free, Wish(loss=2.2))
    )
    assert np.isnan(solve(dataclasses.replace(free, most_params=1e9), Wish(loss=2.0))[1])
