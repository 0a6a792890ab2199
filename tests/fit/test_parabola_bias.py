"""The bias of parabolas on the sizes a table has, against the true error on noise-free tables and the closed form."""

from pathlib import Path

import numpy as np
import pytest

from sweep import laws
from sweep.fit import fit
from sweep.fit.approach2 import isoflop
from sweep.fit.approach3 import fit_law
from sweep.fit.objective import Objective
from sweep.fit.parabola_bias import parabola_bias
from sweep.laws.additive import Additive
from sweep.tables.load import load

FIELD = Path(__file__).parents[1] / "field"


@pytest.mark.parametrize(("name", "error"), [("steepN", -0.152), ("bes", 0.052)])
def test_off_centre_families_are_told_their_true_error(name, error):
    """Noise-free families off their optimum: the true error of N* at 100 times the largest budget."""
    found = fit(FIELD / f"offcentre_{name}.csv", target_compute=1e23, bootstrap=0, diagnostics=False).record
    two, three = (found["target"][f"approach{k}"] for k in (2, 3))
    told = found["approach2"]["bias_at_target"]
    assert two["params"] / three["params"] - 1 == pytest.approx(error, abs=5e-4)
    assert told["params"] == pytest.approx(error, rel=0.1)
    assert told["tokens"] == pytest.approx(two["tokens"] / three["tokens"] - 1, rel=0.1)
    assert "parabola_bias" in {w["code"] for w in found["warnings"]}


def closed_form(alpha, beta, half_width, sizes):
    """Third-order expansion for equally spaced sizes centred on the optimum of the additive law (arXiv 2603.22339)."""
    return (alpha - beta) * half_width**2 / 10 * (3 * sizes**2 - 7) / (3 * (sizes - 1) ** 2)


@pytest.mark.parametrize("span", [2, 4])
def test_centred_families_have_the_bias_of_the_closed_form(simulate, span):
    law = Additive(1.69, 406.4, 410.7, 0.34, 0.28)
    runs = load(simulate(np.geomspace(1e17, 1e21, 5), law=law, sizes=15, span=span))
    form = laws.get("additive")
    solution = fit_law(form, runs, Objective())
    isoflops = isoflop(runs, np.ones((0, len(runs))))
    assert isoflops is not None
    found = parabola_bias(isoflops, form, runs, solution, 1e24)
    assert found is not None
    assert found.families == pytest.approx(closed_form(0.34, 0.28, np.log(span), 15), rel=0.02, abs=1e-9)
    assert found.a == pytest.approx(0.0, abs=1e-6)


def test_noise_does_not_move_it(simulate):
    """It is of the law and the sizes: what noise does to approach 2 is no bias."""
    clean, noisy = (
        fit(simulate(np.geomspace(1e18, 1e21, 5), noise=noise), bootstrap=0, diagnostics=False).record["approach2"]
        for noise in (0.0, 0.003)
    )
    assert noisy["bias_at_target"]["params"] == pytest.approx(clean["bias_at_target"]["params"], abs=0.01)
