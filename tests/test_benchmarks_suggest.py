"""The study of `sweep suggest`: its strategies spend alike and are scored against the truth; its figures are cited."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import suggest as study
from benchmarks.coverage import DESIGNS
from benchmarks.worlds import FAMILY
from sweep.laws import additive
from sweep.verbs.suggest import MEASURED

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "suggest.json"


@pytest.fixture(scope="module")
def world():
    return study.simulated(DESIGNS[1], 2.0, 3, np.random.default_rng(0))


def test_candidates_lie_on_a_lattice_that_holds_the_grid(world):
    cells = ~world.base[0]
    steps = np.log2(world.flops[cells] / world.budget)
    assert steps == pytest.approx(np.rint(steps), abs=1e-6)
    assert world.flops[cells].max() <= world.spend * (1 + 1e-9)
    noise = np.log(world.losses / additive.loss(DESIGNS[1].law, world.params, world.tokens))
    assert noise.std() == pytest.approx(DESIGNS[1].sd, rel=0.1)


def test_the_grid_is_a_family_at_the_largest_affordable_budget(world):
    chosen = study.grid(world, 0, DESIGNS[1].law)
    assert chosen.sum() == FAMILY
    assert world.flops[chosen] == pytest.approx(np.full(FAMILY, world.budget))
    sizes = np.sort(world.params[chosen])
    assert sizes[1:] / sizes[:-1] == pytest.approx(np.full(4, 2.0))
    best = additive.optimum(DESIGNS[1].law, world.budget)[0]
    assert sizes[0] < best < sizes[-1]


def test_no_strategy_spends_more_than_the_grid(world):
    rng = np.random.default_rng(0)
    for _ in range(5):
        chosen = study.random(world, 0, rng)
        assert (chosen <= world.open[0]).all()
        assert world.flops[chosen].sum() <= world.spend * (1 + 1e-9)
    _, shift = study.LAW.features(world.params, world.tokens)
    theta = study.LAW.theta(DESIGNS[1].law, shift) + 0.01 * rng.standard_normal((study.RESAMPLES, 5))
    for chosen in study.suggested(world, 0, theta).values():
        assert chosen.any()
        assert (chosen <= world.open[0]).all()
        assert world.flops[chosen].sum() <= world.spend * (1 + 1e-9)


def test_errors_are_summed_up_in_pairs():
    errors = {name: {"loss": np.array([0.1, -0.2, 0.3])} for name in study.STRATEGIES}
    errors["random"] = {"loss": np.array([0.2, -0.4, 0.6])}
    found = study.summary(errors, {name: {"runs": 1.0} for name in study.STRATEGIES}, 0)["strategies"]
    assert found["grid"]["loss"]["rms"] == pytest.approx(np.sqrt(0.14 / 3))
    assert found["random"]["loss"]["over_grid_interval"] == pytest.approx([2.0, 2.0])


def test_what_the_command_cites_was_measured():
    result = json.loads(RESULTS.read_text())
    for strategy, quantity in (("suggest loss", "loss"), ("suggest params", "ln_params")):
        ratios = [part["strategies"][strategy][quantity]["over_grid"] for part in result["simulated"]]
        assert len(ratios) == len(study.SIMULATED) * len(study.SPENDS)
        assert f"x{np.exp(np.mean(np.log(ratios))):.2f}" in MEASURED
        real = "held_out_ln_loss" if quantity == "loss" else quantity
        for part in result["real"]:
            assert f"x{part['strategies'][strategy][real]['over_grid']:.1f}" in MEASURED
