"""Verdicts of the law's own fit."""

import numpy as np
import pytest

from sweep.fit import approach3, refits
from sweep.fit.approach3 import VERDICTS
from sweep.fit.bootstrap import draw
from sweep.fit.objective import Objective
from sweep.laws import additive, get
from sweep.tables.load import load

LAW = get("additive")
BUDGETS = np.geomspace(1e18, 1e21, 5)


@pytest.mark.parametrize("kind", ["huber", "lad", "log_mse", "mse"])
def test_a_noise_free_law_is_recovered_exactly(simulate, law, kind):
    found = approach3.fit_law(LAW, load(simulate(BUDGETS)), Objective(kind))
    assert found.status == "converged"
    assert list(found.coefficients) == pytest.approx(list(law), rel=1e-6)
    assert found.value < 1e-8


def test_a_floor_the_table_does_not_have_is_at_its_bound(simulate, law):
    runs = load(simulate(BUDGETS, law=law._replace(E=1e-9), noise=0.01, seed=1))
    found = approach3.fit_law(LAW, runs, Objective("mse"))
    assert found.status in ("at_bound", "converged")  # noise may invent a floor
    below = approach3.fit_law(
        LAW, load({**simulate(BUDGETS), "loss": simulate(BUDGETS)["loss"] - 1.9}), Objective("mse")
    )
    assert below.status == "at_bound"
    assert "E is at zero" in below.reason


def test_size_that_hurts_is_a_bound_not_a_law(simulate, law):
    table = simulate(BUDGETS)
    loss = 2 + 2100 * table["tokens"] ** -0.37 + 1e-3 * table["params"] ** 0.2
    found = approach3.fit_law(LAW, load({**table, "loss": loss}), Objective("log_mse"))
    assert (found.status, found.reason.split()[0]) == ("at_bound", "alpha")


def test_lad_is_an_optimum_of_absolute_residuals(simulate):
    runs = load(simulate(BUDGETS, noise=0.01))
    found = approach3.fit_law(LAW, runs, Objective("lad"))
    residual = np.abs(np.log(found.predicted / runs.loss))
    assert (np.sort(residual)[:5] < 1e-6).all()  # a vertex: as many exact residuals as parameters
    rng = np.random.default_rng(0)
    for scale in (1e-4, 1e-3, 1e-2):
        for _ in range(50):
            other = additive.Additive(*(v * np.exp(scale * rng.standard_normal()) for v in found.coefficients))
            assert Objective("lad").value(additive.loss(other, runs.params, runs.tokens), runs.loss) > found.value


def test_refits_carry_a_verdict_each(simulate):
    runs = load(simulate(BUDGETS, noise=0.01))
    solution = approach3.fit_law(LAW, runs, Objective())
    weight = draw(runs.group, 100, seed=0)
    weight[0] = 0
    weight[0, :5] = 7  # five distinct runs
    weight[1] = runs.params == runs.params[3]  # one size
    lanes = refits.refit(LAW, runs, Objective(), solution, weight)
    assert [VERDICTS[v] for v in lanes.verdict[:2]] == ["degenerate", "degenerate"]
    assert lanes.usable[2:].mean() > 0.95
    times = weight[9].astype(int)
    repeated = load({name: np.repeat(v, times) for name, v in simulate(BUDGETS, noise=0.01).items()})
    one = approach3.fit_law(LAW, repeated, Objective())
    assert [float(v[9]) for v in lanes.coefficients] == pytest.approx(list(one.coefficients), rel=1e-5)


def test_no_resamples(simulate):
    runs = load(simulate(BUDGETS, noise=0.01))
    solution = approach3.fit_law(LAW, runs, Objective())
    lanes = refits.refit(LAW, runs, Objective(), solution, np.empty((0, len(runs))))
    assert len(lanes.verdict) == 0


def test_an_interrupt_leaves_resamples_that_say_so(simulate):
    runs = load(simulate(BUDGETS, noise=0.01))
    solution = approach3.fit_law(LAW, runs, Objective())

    def stop(done, of):
        raise KeyboardInterrupt

    lanes = refits.refit(LAW, runs, Objective(), solution, draw(runs.group, 50, seed=0), progress=stop)
    assert "not_run" in {VERDICTS[v] for v in lanes.verdict}
    assert not lanes.usable[lanes.verdict == VERDICTS.index("not_run")].any()
    assert all(np.isfinite(v).all() for v in lanes.coefficients)


def test_a_large_table_reaches_the_same_optimum(simulate, monkeypatch):
    runs = load(simulate(BUDGETS, noise=0.01, sizes=20))
    whole = approach3.fit_law(LAW, runs, Objective())
    monkeypatch.setattr(approach3, "LARGE", 80)  # starts from 20 of the 100 rows
    ahead = approach3.fit_law(LAW, runs, Objective())
    assert ahead.starts == 3
    assert ahead.status == "converged"
    assert ahead.value == pytest.approx(whole.value, rel=1e-9)
