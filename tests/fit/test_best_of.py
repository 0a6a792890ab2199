"""A fit of the best setting of each configuration: published values, its doubt, and intervals that cover."""

from pathlib import Path

import numpy as np
import pytest

from sweep import laws
from sweep.cli import main
from sweep.fit import bootstrap, fit
from sweep.fit.approach3 import fit_law
from sweep.fit.interval import Doubt
from sweep.fit.objective import Objective
from sweep.fit.refits import refit
from sweep.laws import additive
from sweep.tables.load import load

GRID = Path(__file__).parents[1] / "field" / "lr_grid.csv"
NAMES = {"params": "N", "tokens": "D"}
LAW, TRUTH = laws.get("additive"), additive.PUBLISHED["besiroglu"].coefficients
FLOPS = 1e22


def test_a_published_grid_by_its_best_rows():
    """SciPy's fit of the 15 best rows."""
    found = fit(GRID, columns=NAMES, best_of=["lr", "batch"], target_compute=2.24e21, bootstrap=0, diagnostics=False)
    expected = {"E": 2.085, "A": 8808, "B": 35093, "alpha": 0.5403, "beta": 0.5256}
    assert found.params == pytest.approx(expected, rel=3e-4)
    assert found.optimum(2.24e21).params == pytest.approx(3.907e9, rel=1e-3)
    assert (found.record["n"], found.record["groups"], found.record["best_of"]["left_out"]) == (15, 15, 50)


@pytest.mark.slow
def test_a_grid_taken_as_runs_claims_too_much():
    """Intervals of the best rows are two to four times wider; who insists on all rows is told on everything."""
    found = fit(GRID, columns=NAMES, best_of=["lr", "batch"], bootstrap=200, diagnostics=False)
    every = fit(GRID, columns=NAMES, despite=["several_settings"], bootstrap=200, diagnostics=False)
    wide, narrow = (np.ptp(np.array(f.interval("E"), float)) for f in (found, every))
    assert wide > 2 * narrow
    assert every.record["warnings"][0]["code"] == "several_settings"


def test_the_command_refuses_and_takes_the_best(capsys):
    options = [str(GRID), "--columns", "params=N", "tokens=D", "--bootstrap", "0", "--no-diagnostics"]
    assert main(["fit", *options]) == 2
    assert "--best-of lr,batch" in capsys.readouterr().err
    assert main(["fit", *options, "--best-of", "lr,batch"]) == 0
    assert "warning best_of: " in capsys.readouterr().out


def searched(rng, noise, seeds):
    """24 configurations of five learning rates, each a factor of two apart, the best one anywhere among the middle."""
    rows = []
    for params in np.geomspace(5e7, 2e9, 6):
        for ratio in (10, 25, 60, 150):
            best = rng.normal(0, 0.25)
            for step in np.repeat(np.arange(-2, 3) * np.log(2), seeds):
                ln_loss = 0.01 * (step - best) ** 2 + noise * rng.standard_normal()
                loss = additive.loss(TRUTH, params, ratio * params) * np.exp(ln_loss)
                rows.append((params, ratio * params, 1e-3 * np.exp(step), loss))
    return dict(zip(("params", "tokens", "lr", "loss"), np.array(rows).T, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "seeds"), [(0.003, 1), (0.01, 3)])
def test_intervals_of_the_best_cover(noise, seeds):
    """Nine of ten, over coefficients, the exponent of N* and N* itself at 1e22 FLOPs."""
    truth = [TRUTH.E, TRUTH.alpha, TRUTH.beta, additive.allocation(TRUTH)[0], additive.optimum(TRUTH, FLOPS)[0]]
    objective, inside, tried = Objective(), 0, 0
    for trial in range(200):
        runs = load(searched(np.random.default_rng(5000 + trial), noise, seeds), law=LAW, best_of=["lr"])
        solution = fit_law(LAW, runs, objective)
        weight = bootstrap.draw(runs.group, 200, trial)
        lanes = refit(LAW, runs, objective, solution, weight)
        kept = additive.Additive(*(np.asarray(v)[lanes.usable] for v in lanes.coefficients))
        doubt = Doubt(bootstrap.by_group(weight, runs.group)[lanes.usable], 24, len(runs), len(LAW.names))
        values = kept.E, kept.alpha, kept.beta, additive.allocation(kept)[0], additive.optimum(kept, FLOPS)[0]
        for value, true in zip(values, truth, strict=True):
            low, high = doubt.interval(value, 0.9)
            inside += low is not None and high is not None and low <= true <= high
            tried += 1
    assert 0.88 <= inside / tried <= 0.93
