"""The block of approach 2: verdicts with their cures, the variant, the bias."""

import numpy as np
import pytest

from sweep.fit import fit
from sweep.laws import additive

BUDGETS = np.geomspace(1e18, 1e21, 5)


def scattered(seed=0):
    """Runs of no family, so that a law can be fitted beside any families."""
    rng = np.random.default_rng(seed)
    params, tokens = 10 ** rng.uniform(8, 10, 12), 10 ** rng.uniform(9, 11, 12)
    return {"params": params, "tokens": tokens, "flops": 6 * params * tokens, "budget": np.full(12, np.nan)}


def block_of(law, table, *, bootstrap=0):
    rest = scattered()
    rest["loss"] = additive.loss(law, rest["params"], rest["tokens"])
    rest |= {"trunk": 100 + np.arange(12)} if "trunk" in table else {}
    return fit({key: np.concatenate([table[key], rest[key]]) for key in rest}, bootstrap=bootstrap).record["approach2"]


def test_answer(simulate, law):
    block = block_of(law, simulate(BUDGETS, sizes=9, noise=0.003, seed=1), bootstrap=200)
    a, b = additive.allocation(law)
    assert block["status"] == "ok"
    assert block["n"] == 5
    assert block["a_interval"][0] < a < block["a_interval"][1]
    assert block["b_interval"][0] < b < block["b_interval"][1]
    for family in block["families"]:
        assert family["status"] == "ok"
        assert family["curvature_t"] > 3
        assert 0 < family["params_ln_sd"] < 0.2
        assert family["residual_sd"] == pytest.approx(0.003 * family["loss"], rel=0.7)
        assert family["bias"] == pytest.approx(0.0, abs=0.05)
        assert abs(family["off_centre"]) < 0.3
    variant = block["interpolation"]
    assert variant["status"] == "ok"
    assert variant["a_interval"][0] < a < variant["a_interval"][1]
    assert (
        variant["target"]["params_interval"][0] < variant["target"]["params"] < variant["target"]["params_interval"][1]
    )
    assert [family["budget"] for family in variant["families"]] == pytest.approx(BUDGETS)


def test_one_budget(simulate, law):
    block = block_of(law, simulate(BUDGETS[:1], sizes=9))
    assert (block["status"], block["code"]) == ("refused", "one_budget")
    assert "add two budgets" in block["reason"]
    assert block["a"] is None
    assert block["families"][0]["status"] == "ok"  # its vertex stands, only the line is missing


@pytest.mark.parametrize(
    ("side", "factor", "cure"), [("large", 1 / 30, "larger models"), ("small", 30, "smaller models")]
)
def test_one_sided(law, side, factor, cure):
    best = additive.optimum(law, BUDGETS)[0]
    params = np.concatenate([np.geomspace(n * factor / 4, n * factor * 4, 7) for n in best])
    budget = np.repeat(BUDGETS, 7)
    tokens = budget / 6 / params
    table = {"params": params, "tokens": tokens, "flops": budget, "budget": budget}
    block = block_of(law, {**table, "loss": additive.loss(law, params, tokens)})
    assert (block["status"], block["code"]) == ("refused", "one_sided")
    assert cure in block["reason"]
    assert {family["side"] for family in block["families"]} == {side}
    assert all(family["reason"] for family in block["families"])
    assert block["interpolation"]["status"] == "refused"


def test_two_vertices_are_a_line_without_doubt(simulate, law):
    block = block_of(law, simulate(BUDGETS[:2], sizes=9))
    assert (block["status"], block["code"]) == ("refused", "few_families")
    assert "2 of 2 families have a vertex; a line and its doubt need three" in block["reason"]


def test_no_family(law):
    table = {key: values[:0] for key, values in {**scattered(), "loss": np.empty(0)}.items()}
    block = block_of(law, table)
    assert (block["status"], block["code"]) == ("refused", "no_families")
    assert block["families"] == []
    assert block["interpolation"]["status"] == "refused"


def test_three_points_tell_no_interval(simulate, law):
    """A parabola goes through any three: resamples that hold them all give one vertex, an interval of width zero."""
    table = simulate(BUDGETS, sizes=3, noise=0.003, seed=1)
    block = block_of(law, table | {"trunk": np.repeat(np.arange(5), 3)}, bootstrap=200)
    for family in block["families"]:
        assert family["params_interval"] == [None, None]
