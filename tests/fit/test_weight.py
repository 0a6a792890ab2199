"""Row weights: a run that counts twice is a run that is there twice, in every objective; where they are not taken."""

import numpy as np
import pytest

from sweep import laws
from sweep.cli import main
from sweep.errors import InputError
from sweep.fit import fit
from sweep.fit.approach3 import fit_law
from sweep.fit.arms import compare_arms
from sweep.fit.objective import Objective
from sweep.fit.refits import refit
from sweep.laws import additive
from sweep.tables.load import load

LAW, TRUTH = laws.get("additive"), additive.PUBLISHED["besiroglu"].coefficients
COLUMNS = {"weight": "w"}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(4)
    params, tokens = (x.ravel() for x in np.meshgrid(10 ** np.linspace(8, 9.7, 6), 10 ** np.linspace(9.5, 11.3, 5)))
    noise = np.exp(0.004 * rng.standard_normal(len(params)))
    return {"params": params, "tokens": tokens, "loss": additive.loss(TRUTH, params, tokens) * noise}


def solved(table, objective, columns=None):
    found = fit_law(LAW, load(table, columns, law=LAW), Objective(objective))
    assert found.status == "converged"
    return found


@pytest.mark.parametrize("objective", ["huber", "log_mse", "mse"])
def test_a_weight_of_two_is_a_run_there_twice(table, objective):
    times = np.where(np.arange(30) % 3 == 0, 2, 1)
    weighted = solved({**table, "w": times}, objective, COLUMNS)
    doubled = solved({name: np.repeat(x, times) for name, x in table.items()}, objective)
    np.testing.assert_allclose(list(weighted.coefficients), list(doubled.coefficients), rtol=1e-5)
    per_run = 1.0 if objective.endswith("mse") else 30 / times.sum()  # a sum is of 30 runs, a mean is a mean
    assert weighted.value == pytest.approx(doubled.value * per_run, rel=1e-9)
    assert abs(weighted.coefficients.A / solved(table, objective).coefficients.A - 1) > 1e-3


@pytest.mark.parametrize("unit", [1e-300, 1e-7, 1e7, 1e300])
def test_only_ratios_of_weights_matter(table, unit):
    w = np.linspace(0.2, 3, 30)
    plain, scaled = (solved({**table, "w": w * by}, "huber", COLUMNS) for by in (1.0, unit))
    np.testing.assert_allclose(list(scaled.coefficients), list(plain.coefficients), rtol=1e-6)


def test_copies_of_half_a_weight_change_nothing(table):
    copies = np.concatenate([np.arange(30), np.arange(0, 30, 4)])
    w = np.where(np.arange(30) % 4 == 0, 0.5, 1.0)
    halves = solved({name: x[copies] for name, x in table.items()} | {"w": w[copies]}, "huber", COLUMNS)
    np.testing.assert_allclose(list(halves.coefficients), list(solved(table, "huber").coefficients), rtol=1e-5)


def test_resamples_keep_the_weights(table):
    """A resample that draws every run once is the table itself."""
    runs = load({**table, "w": np.linspace(0.2, 3, 30)}, COLUMNS, law=LAW)
    found = fit_law(LAW, runs, Objective())
    again = refit(LAW, runs, Objective(), found, np.ones((1, 30)))
    np.testing.assert_allclose([v[0] for v in again.coefficients], list(found.coefficients), rtol=1e-5)


def test_the_fit_says_so_and_who_does_not_know_weights_stands_back(table, tmp_path, capsys):
    rows = zip(*table.values(), np.linspace(0.5, 2, 30), strict=True)
    path = tmp_path / "t.csv"
    path.write_text("params,tokens,loss,w\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    assert main(["fit", str(path), "--columns", "weight=w", "--bootstrap", "0"]) == 0
    text = capsys.readouterr().out
    assert "rows count by their weights, 0.4 to 1.6 times their mean" in text
    assert text.count("rows have weights") == 3  # identifiability, deltas, floor
    assert main(["compare", str(path), "--columns", "weight=w"]) == 1
    assert "--columns weight=… is of sweep fit alone" in capsys.readouterr().err


def test_bad_weights(table):
    with pytest.raises(InputError, match="row 1, column w: 0; it must be a positive"):
        load({**table, "w": np.arange(30)}, COLUMNS, law=LAW)
    with pytest.raises(InputError, match="sweep fit alone"):
        compare_arms({**table, "w": np.ones(30), "arm": ["a", "b"] * 15}, "arm", columns=COLUMNS)
    assert load({**table, "weight": np.arange(30)}, law=LAW).weight is None  # not named: it may be anything
    assert fit({**table, "w": np.ones(30)}, columns=COLUMNS, bootstrap=0, diagnostics=False).record["weights"] == [1, 1]
