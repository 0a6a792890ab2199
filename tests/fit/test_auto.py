"""Several laws together: known mixtures, units, intervals that are no narrower than the laws' own, files."""

import dataclasses

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.fit import fit_auto, held_out
from sweep.fit.auto import MEMBERS, Auto, as_gamma, load
from sweep.fit.held_out import COMPUTE, RATIO, HeldOut
from sweep.fit.result import Fit
from sweep.laws import coupled
from sweep.plan.plan import plan


def table(scale=1.0, seed=0, params=1.0):
    """A grid under the coupled law, gamma 0.7, in nats x `scale`, of `params` x the sizes."""
    truth = coupled.Gamma(1.8, 3e3, 6e4, 0.45, 0.5, 0.7)
    flops = np.repeat(np.geomspace(1e18, 1e20, 5), 7)
    ratio = np.tile(np.geomspace(4, 150, 7), 5)
    n = np.sqrt(flops / (6 * ratio))
    d = ratio * n
    noise = np.exp(0.003 * np.random.default_rng(seed).normal(size=len(n)))
    return {"params": params * n, "tokens": d, "flops": 6 * n * d, "loss": scale * coupled.loss(truth, n, d) * noise}


@pytest.fixture(scope="module")
def found():
    return fit_auto(table(), bootstrap=80, diagnostics=False)


def test_weights_of_all_three_laws(found):
    assert list(found.weights) == list(MEMBERS)
    assert sum(found.weights.values()) == pytest.approx(1)
    assert found.record["auto"]["origins"] >= 2
    assert {"additive", "gamma"} <= found.record["auto"]["by_law"].keys()


def test_the_record_is_still_that_of_one_law(found):
    assert found.record["law"] == "additive"
    assert found.params == found.members["additive"].params


def test_inside_the_range_the_answer_lies_among_the_laws(found):
    answer = found.predict(5e8, 1e10)
    assert min(answer.by_law.values()) * 0.999 < answer.value < max(answer.by_law.values()) * 1.001
    assert answer.interval[0] < answer.value < answer.interval[1]


@pytest.mark.parametrize(("params", "tokens"), [(5e8, 1e10), (2e9, 2e11), (3e8, 3e12)])
def test_no_narrower_than_the_laws_own(found, params, tokens):
    low, high = found.predict(params, tokens).interval
    plain = dataclasses.replace(found, record=found.record | {"warnings": []})
    own = [m.predict(params, tokens).interval for m in plain.members.values()]
    widths = [np.log(b / a) for a, b in own]
    assert np.log(high / low) >= 0.99 * np.dot(list(found.weights.values()), widths)


def test_further_out_it_is_wider(found):
    widths = [np.ptp(np.log(found.predict(n, 20 * n).interval)) for n in (1e9, 1e10, 1e11)]
    assert widths[0] < widths[1] < widths[2]
    assert found.widening(1e19, 20.0) == 1


def test_a_mixture_with_a_known_answer(found):
    weights = {"additive": 0.5, "additive_tied": 0.0, "gamma": 0.5}
    lanes = {id: {n: np.full_like(v, m.params[n]) for n, v in m.lanes.items()} for id, m in found.members.items()}
    still = {id: dataclasses.replace(m, lanes=lanes[id]) for id, m in found.members.items()}
    record = found.record | {"auto": found.record["auto"] | {"weights": weights}}
    mixed = dataclasses.replace(found, record=record, members=still)
    best = {id: m.optimum(1e20).loss for id, m in still.items()}
    low, high = mixed.optimum(1e20).loss_interval
    assert sorted((best["additive"], best["gamma"])) == pytest.approx([low, high], rel=1e-6)


def test_units_of_loss_and_size_change_nothing_else(found):
    other = fit_auto(table(scale=0.5, params=0.1), bootstrap=80, diagnostics=False)
    np.testing.assert_allclose(list(other.weights.values()), list(found.weights.values()), atol=0.02)
    for n, d in ((5e8, 1e10), (5e9, 1e11)):
        assert other.predict(0.1 * n, d).value == pytest.approx(0.5 * found.predict(n, d).value, rel=2e-3)


def test_optimum_spends_the_budget_and_the_plan_agrees(found):
    best = found.optimum(1e21)
    assert best.params * best.tokens * 6 == pytest.approx(1e21, rel=0.02)
    one = found.coupled()
    assert one.optimum(1e21).params == pytest.approx(best.params, rel=0.3)
    assert one.optimum(1e21).loss == pytest.approx(best.loss, rel=0.02)
    answer = plan(found, compute=1e21)
    assert answer.source.name.startswith("auto (additive")


def test_members_are_cases_of_the_coupled_law(found):
    n, d = np.array([1e8, 1e9]), np.array([1e10, 3e9])
    for m in found.members.values():
        expected = m.law.loss(m.coefficients, n, d)
        np.testing.assert_allclose(coupled.loss(as_gamma(m.law.id, m.coefficients), n, d), expected, rtol=1e-12)


def test_saved_and_loaded_it_says_the_same(found, tmp_path):
    found.save(tmp_path)
    again = load(str(tmp_path))
    assert isinstance(again, Auto)
    assert again.predict(1e9, 2e10) == found.predict(1e9, 2e10)
    assert load(str(tmp_path), "gamma").record["law"] == "gamma"
    assert type(Fit.load(str(tmp_path))) is Fit
    with pytest.raises(InputError, match="kaplan"):
        load(str(tmp_path), "kaplan")


def test_coefficients_are_not_held():
    with pytest.raises(InputError, match="one law"):
        fit_auto(table(), fix={"E": 1.8})


def simulated(bias, origins=6, runs=8, seed=0):
    """Held-out runs of laws that err by `bias` [laws] and noise 0.01, and claim 0.01."""
    rng, m = np.random.default_rng(seed), origins * runs
    error = np.array(bias) + 0.01 * rng.normal(size=(m, 1))
    number = np.repeat(np.arange(origins), runs)
    sd = np.full(error.shape, 0.01)
    lanes = -error[..., None] + 0.003 * rng.normal(size=(*error.shape, 40))
    kind = np.where(number < origins // 2, COMPUTE, RATIO)
    return HeldOut(number, kind, np.full(m, 1.0), np.full(m, 1.0), error, sd, lanes)


def test_the_law_that_foretells_gets_the_weight():
    weight = held_out.weights_of(simulated([0.0, 0.05, -0.05]), 3)
    assert weight[0] > 0.6
    assert weight.min() > 0.05
    np.testing.assert_array_equal(held_out.weights_of(simulated([0.0, 0.05, -0.05], origins=1), 3), np.full(3, 1 / 3))
    np.testing.assert_array_equal(held_out.weights_of(None, 2), [0.5, 0.5])


def test_laws_that_all_miss_widen():
    honest = held_out.calibration_of(simulated([0.0, 0.0, 0.0]), 3)
    wrong = held_out.calibration_of(simulated([0.05, 0.05, 0.05]), 3)
    assert honest.widening(3.0, 3.0) < 1.5
    assert wrong.widening(3.0, 0.0) > 3
    assert wrong.widening(0.0, 0.0) == 1
