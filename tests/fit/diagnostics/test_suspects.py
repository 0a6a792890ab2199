"""Planted outliers are named, left out, and their weight on the answer is told."""

import numpy as np
import pytest

from sweep.fit.diagnostics.suspects import suspects
from sweep.laws import additive
from tests.fit.diagnostics.conftest import solved


def test_a_planted_outlier_is_named(noisy, law):
    table = noisy()
    table["loss"][[3, 20]] *= np.array([1.15, 0.9])
    fitted = solved(table, "log_mse")
    block = suspects(fitted)
    assert {row["row"] for row in block["rows"]} == {4, 21}  # rows count from 1
    assert block["rows"][0]["row"] == 4
    assert block["rows"][0]["sd"] > 10 > 0 > block["rows"][1]["sd"]
    best = additive.optimum(law, fitted.target)[0]
    without = abs(np.log(block["without"]["params"] / best))
    assert without < abs(np.log(fitted.at_target(fitted.solution.coefficients)["params"] / best))
    assert block["params_factor"] == pytest.approx(
        block["without"]["params"] / fitted.at_target(fitted.solution.coefficients)["params"]
    )


@pytest.mark.parametrize("seed", range(5))
def test_clean_tables_have_none(noisy, seed):
    block = suspects(solved(noisy(seed), "log_mse"))
    assert block["status"] == "none"
    assert block["rows"] == []


def test_no_noise_at_all_is_no_suspicion(clean):
    assert suspects(solved(clean))["status"] == "none"


def test_too_many_suspects_are_another_law(noisy):
    table = noisy()
    table["loss"][::3] *= 1.3
    block = suspects(solved(table))
    assert block["status"] == "no_answer"
    assert "is it another law" in block["reason"]
