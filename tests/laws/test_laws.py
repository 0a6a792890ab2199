"""The registry, and what every law in it must do."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sweep import laws
from sweep.errors import InputError
from sweep.fit import fit
from sweep.laws.law import FLOPS_PER_PARAM_TOKEN, GRADES
from sweep.verbs.laws import listing, page, record
from tests.laws.conftest import RANGES, example, sample


def test_every_law_says_where_it_comes_from(law):
    assert laws.get(law.id) is law
    assert "arXiv" in law.source
    assert set(law.meanings) == set(law.inputs)
    assert all(law.units.values())
    assert set(law.limits) <= set(law.inputs)
    for given in law.published.values():
        assert given.grade in GRADES
        assert len(given.coefficients) == len(law.names)
        assert "arXiv" in given.source


def test_issue_laws_are_there():
    wanted = """additive additive_tied kaplan_lnd kaplan_ln kaplan_ld kaplan_lcmin power_compute gamma overtrain
    gadre_error data_constrained farseer bnsl width_depth moe_ludziejewski moe_krajewski precision vocab tissue
    multi_power step_law deepseek_lr deepseek_batch kaplan_cbs zhang_cbs"""
    assert set(wanted.split()) <= set(laws.ids())


def test_a_law_of_what_may_be_negative_is_refused_in_one_line():
    with pytest.raises(InputError, match="law vocab gives a loss less that of a unigram model, nats/token, which may"):
        fit({"params": [1e8], "tokens": [1e9], "loss": [3.0]}, law="vocab")


def test_published_numbers_by_name():
    law, given = laws.published("hoffmann")
    assert (law.id, given.grade, given.verified) == ("additive", "V", True)
    assert not laws.published("farseer_recalled")[1].verified
    with pytest.raises(InputError, match="'hofmann'; did you mean 'hoffmann'"):
        laws.published("hofmann")


def test_unknown_law():
    with pytest.raises(InputError, match="unknown law 'aditive'; did you mean 'additive'"):
        laws.get("aditive")


TOY = """
from typing import Annotated, NamedTuple
from sweep.laws.form import build
from sweep.laws.inputs import Input
from sweep.laws.law import Published, Real, exponent, floor


class Toy(NamedTuple):
    E: Annotated[Real, floor()]
    p: Annotated[Real, exponent("of the dropout")]


LAW = build(
    id="{id}",
    formula="E x^p",
    coefficients=Toy,
    inputs=(Input("dropout", "share dropped"),),
    loss=lambda law, dropout: law.E * dropout**law.p,
    source="here",
    published={{"{name}": Published(Toy(1.0, 2.0), "here", "C")}},
)
"""


@pytest.mark.parametrize(("name", "taken"), [("mine", False), ("hoffmann", True)])
def test_a_new_file_is_the_only_edit(tmp_path, monkeypatch, name, taken):
    (tmp_path / f"toy_{name}.py").write_text(TOY.format(id=f"toy_{name}", name=name))
    monkeypatch.setattr(laws, "__path__", [*laws.__path__, str(tmp_path)])
    if taken:
        with pytest.raises(ValueError, match="hoffmann is taken"):
            laws.discover()
    else:
        found = laws.discover()
        assert set(found) - set(laws.ids()) == {"toy_mine"}
        assert found["toy_mine"].meanings == {"dropout": "share dropped"}


def test_published_coefficients_predict_something(law):
    for given in law.published.values():
        if given.verified:
            loss = np.asarray(law.loss(given.coefficients, *sample(law)))
            assert np.all(np.isfinite(loss))
            assert np.all(loss > 0) or not law.positive


def test_floats_numpy_and_jax_agree(law):
    inputs, coefficients = sample(law), example(law)
    many = law.loss(coefficients, *inputs)
    assert isinstance(many, np.ndarray)
    assert many.dtype == np.float64
    if law.inputs != ("lr_history",):
        one = [law.loss(coefficients, *(float(x[i]) for x in inputs)) for i in range(len(many))]
        np.testing.assert_allclose(one, many, rtol=1e-14)
    with jax.enable_x64(True):
        device = jax.jit(lambda *x: law.loss(coefficients, *x))(*(jnp.asarray(x) for x in inputs))
        assert isinstance(device, jax.Array)
        np.testing.assert_allclose(device, many, rtol=1e-13)


@functools.cache
def evaluated(law):
    """(value, its Jacobian), (ln value, its Jacobian) at the example, by the functions that the solver compiles."""
    features, shift = law.features(*sample(law))
    with jax.enable_x64(True):
        theta, features = jnp.asarray(law.theta(example(law), shift)), jnp.asarray(features)
        of = (law.value, law.log_loss) if law.positive else (law.value,)
        return jax.tree.map(np.asarray, jax.jit(lambda t, x: [f(t, x) for f in of])(theta, features))


def test_theta_is_the_coefficients_in_other_coordinates(law):
    coefficients = example(law)
    _, shift = law.features(*sample(law))
    theta = law.theta(coefficients, shift)
    assert theta.shape == (len(law.names),)
    assert np.all((law.lower <= theta) & (theta <= law.upper))
    np.testing.assert_allclose(law.coefficients(theta, shift), coefficients, rtol=1e-12)
    lanes = np.stack([theta, theta * 1.01])
    np.testing.assert_allclose(law.theta(law.coefficients(lanes, shift), shift), lanes, rtol=1e-12)
    np.testing.assert_allclose(evaluated(law)[0][0], law.loss(coefficients, *sample(law)), rtol=1e-12)


def test_jacobians_against_differences(law):
    inputs = sample(law)
    _, shift = law.features(*inputs)
    theta = law.theta(example(law), shift)
    step = 1e-6 * np.maximum(1.0, np.abs(theta)) * np.eye(len(theta))
    sides = [np.stack([law.loss(law.coefficients(theta + s * row, shift), *inputs) for row in step]) for s in (1, -1)]
    for (value, jacobian), f in zip(evaluated(law), (lambda x: x, np.log), strict=False):
        difference = (f(sides[0]) - f(sides[1])) / (2 * np.diag(step))[:, None]
        np.testing.assert_allclose(jacobian, difference, rtol=1e-5, atol=1e-7 * np.max(np.abs(value)))


@pytest.mark.parametrize("name", ["additive", "data_constrained", "multi_power"])
def test_lanes_and_rows_broadcast_as_the_solver_lays_them_out(name):
    """theta [k, 1, lanes] with features [f, n, 1]."""
    law = laws.get(name)
    features, shift = law.features(*sample(law))
    lanes = law.theta(example(law), shift)[:, None, None] * np.array([1.0, 1.01, 0.99])
    with jax.enable_x64(True):
        one = jax.jit(law.log_loss)
        value, jacobian = one(jnp.asarray(lanes), jnp.asarray(features)[:, :, None])
        assert value.shape == (features.shape[1], 3)
        assert jacobian.shape == (len(lanes), features.shape[1], 3)
        for lane in range(3):
            alone = one(jnp.asarray(lanes[:, 0, lane]), jnp.asarray(features))
            np.testing.assert_allclose(value[..., lane], alone[0], rtol=1e-12)
            np.testing.assert_allclose(jacobian[..., lane], alone[1], rtol=1e-9, atol=1e-12)


def test_linear_block_rebuilds_the_loss(law):
    if not law.linear:
        assert law.optional == -1
        return
    features, shift = law.features(*sample(law))
    coefficients = example(law)
    theta = law.theta(coefficients, shift)
    shape = np.array([getattr(coefficients, name) for name in law.shape])
    columns = law.basis(np.stack([shape, shape]), features)
    assert columns.shape == (2, len(law.linear), features.shape[1])
    centred = law.coefficients(theta, 0 * shift)  # weights belong to the law's own features
    weights = np.array([getattr(centred, name) for name in law.linear])
    np.testing.assert_allclose(weights @ columns[1], law.loss(coefficients, *sample(law)), rtol=1e-12)
    np.testing.assert_allclose(law.from_block(shape, weights), theta, rtol=1e-12)
    assert 0 <= law.optional < len(law.linear)
    absent = law.coefficients(
        law.from_block(shape, np.where(np.arange(len(weights)) == law.optional, 0, weights)), shift
    )
    name = law.linear[law.optional]
    assert getattr(absent, name) <= max(1e-10, law.parameters[name].lower)


def test_design_fills_the_start_ranges(law):
    points = law.design(64)
    assert points.shape == (64, len(law.shape))
    np.testing.assert_array_equal(points, law.design(64))
    assert not np.array_equal(points, law.design(64, seed=1))
    for column, name in zip(points.T, law.shape, strict=True):
        low, high = law.parameters[name].start
        assert low <= column.min() < column.max() <= high
        unit = np.log(column / low) / np.log(high / low) if low > 0 else (column - low) / (high - low)
        assert np.histogram(unit, 4, (0, 1))[0].min() >= 10
    weights = np.ones((64, len(law.linear)))
    theta = law.from_block(points, weights)
    assert np.all((law.lower <= theta) & (theta <= law.upper))


def test_bounds_are_named(law):
    coefficients = example(law)
    assert law.bounds[int(law.bound(coefficients, 2.0))] == ""
    for name, p in law.parameters.items():
        edges = [p.lower] + ([p.upper] if np.isfinite(p.upper) and law.id != "additive" else [])
        for edge in edges:
            if law.id == "additive" and name in ("A", "B"):
                continue
            code = int(law.bound(coefficients._replace(**{name: edge}), 2.0))
            assert law.bounds[code].startswith(name)


def test_optimum_against_brute_force(law):
    if not law.optimum_kind:
        with pytest.raises(InputError, match=law.id):
            law.optimum(example(law), 1e21, 6.0)
        return
    given = {name: float(np.sqrt(np.prod(RANGES[name]))) for name in law.inputs}
    fixed = {k: v for k, v in given.items() if k not in ("params", "tokens", "flops", "tokens_per_param")}
    for flops in (1e20, 1e23):
        params, tokens = law.optimum(example(law), flops, FLOPS_PER_PARAM_TOKEN, **fixed)
        assert params * tokens * 6 == pytest.approx(flops, rel=1e-9)
        grid = np.sqrt(flops / 6) * np.exp(np.linspace(-4, 4, 80001))
        sides = {"params": grid, "tokens": flops / 6 / grid, "flops": np.full_like(grid, flops)}
        sides["tokens_per_param"] = sides["tokens"] / grid
        loss = law.loss(example(law), *(sides[name] if name in sides else fixed[name] for name in law.inputs))
        valleys = np.flatnonzero((loss[1:-1] < loss[:-2]) & (loss[1:-1] <= loss[2:])) + 1
        assert params == pytest.approx(grid[valleys[np.argmin(loss[valleys])]], rel=3e-4)
        up, down = (law.optimum(example(law), flops * f, 6.0, **fixed)[0] for f in (1.1, 1 / 1.1))
        a, b = law.allocation(example(law), flops, 6.0, **fixed)
        assert a == pytest.approx(np.log(up / down) / (2 * np.log(1.1)), abs=0.02)
        assert a + b == pytest.approx(1.0, abs=1e-6)


def test_a_law_without_published_values_passes_what_is_asked_of_every_law():
    """As CONTRIBUTING.md shows one: a file of its own, documented, that nobody has published numbers for."""
    names: dict = {"__name__": "unpublished"}
    exec(
        TOY.format(id="unpublished", name="none").split("    published=")[0].replace('"here"', '"arXiv 1"') + ")", names
    )
    law = names["LAW"]
    assert law.published == {}
    for asked in (
        test_published_coefficients_predict_something,
        test_floats_numpy_and_jax_agree,
        test_theta_is_the_coefficients_in_other_coordinates,
        test_jacobians_against_differences,
    ):
        asked(law)
    assert "no published coefficients" in page(record(law))
    assert listing([record(law)]).count("0 published") == 1
