"""A law that is not that of the runs: rejected, and beside it what the right law says."""

import numpy as np
import pytest

from sweep import laws
from sweep.fit import fit
from sweep.fit.misfit_text import misfit_words
from sweep.laws import coupled
from sweep.verbs.fit_text import describe

TRUTH = laws.get("gamma").published["xlstm_transformer"].coefficients
TARGET = 6e22


def coupled_table(noise: float = 0.003, seed: int = 0) -> dict[str, np.ndarray]:
    """63 runs from 2 to 1,000 tokens per parameter, by the coupled law."""
    budgets, ratios = np.geomspace(1e18, 1e21, 7), np.geomspace(2, 1000, 9)
    flops, ratio = (x.ravel() for x in np.meshgrid(budgets, ratios, indexing="ij"))
    params = np.sqrt(flops / (6 * ratio))
    tokens = flops / (6 * params)
    scatter = np.exp(noise * np.random.default_rng(seed).standard_normal(len(flops)))
    return {"params": params, "tokens": tokens, "loss": coupled.loss(TRUTH, params, tokens) * scatter}


def right() -> tuple[float, float]:
    """(N*, L) of the coupled law at the target, by brute force."""
    params = np.geomspace(1e9, 1e12, 20_001)
    loss = coupled.loss(TRUTH, params, TARGET / (6 * params))
    return float(params[np.argmin(loss)]), float(loss.min())


@pytest.fixture(scope="module")
def found():
    return fit(coupled_table(), bootstrap=60, target_compute=TARGET)


def test_the_difference_between_laws_is_told_and_the_right_law_is_nearer(found):
    block, (params, loss) = found.record["misfit"], right()
    assert block["term"] == "bend"
    assert abs(block["t"]) > 3
    (rival,) = block["laws"]
    assert rival["law"] == "gamma"
    assert abs(rival["t"]) < abs(block["t"])
    own = found.record["target"]["approach3"]
    assert abs(rival["loss"] - loss) < 0.02
    assert abs(own["loss"] - loss) > 0.1
    assert rival["loss_difference"] == pytest.approx(rival["loss"] - own["loss"])
    assert rival["params_factor"] == pytest.approx(rival["params"] / own["params"])
    assert abs(np.log(rival["params"] / params)) < abs(np.log(own["params"] / params))


def test_it_is_said_before_the_coefficients_and_not_once_more_among_the_warnings(found):
    text = describe(found)
    line = misfit_words(found.to_json())
    assert line.startswith("law additive does not fit: residuals bend with ")
    assert text.splitlines()[1] == line
    assert "warning residual_pattern" not in text
    assert "residual_pattern" in {w["code"] for w in found.record["warnings"]}  # the key stays for programs
    codes = [w["code"] for w in found.predict(params=1e10, tokens=1e13).warnings]
    assert "misfit" in codes


def test_a_law_that_fits_is_not_rejected_and_one_with_a_held_coefficient_has_no_rival():
    assert fit(coupled_table(), law="gamma", bootstrap=0).record["misfit"] is None
    assert fit(coupled_table(), fix={"E": 0.1}, bootstrap=0).record["misfit"] is None
    assert fit(coupled_table(), bootstrap=0, diagnostics=False).record["misfit"] is None


def test_runs_that_seem_to_share_noise_hide_no_bend(found):
    """The bend of a wrong law looks like noise that the runs of a budget share: both are told."""
    assert found.record["dependence"]["by"] == "budget"
    assert found.record["misfit"] is not None


def test_the_true_law_is_seldom_rejected():
    truth = laws.get("additive").published["besiroglu"].coefficients
    table = coupled_table(noise=0.0)
    exact = laws.get("additive").loss(truth, table["params"], table["tokens"])
    rejected = 0
    for seed in range(12):
        scatter = np.exp(0.003 * np.random.default_rng(seed).standard_normal(len(exact)))
        rejected += fit({**table, "loss": exact * scatter}, bootstrap=0).record["misfit"] is not None
    assert rejected <= 2
