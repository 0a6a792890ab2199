"""Every diagnostic is one line that says what the data say."""

import pytest

from sweep.fit import fit
from sweep.fit.diagnostics.words import words
from tests.fit.diagnostics.conftest import BUDGETS


@pytest.fixture(scope="module")
def found(simulate):
    table = simulate(BUDGETS, noise=0.005, seed=0)
    table["loss"][3] *= 1.2
    return fit(table, bootstrap=30).to_json()["diagnostics"]


def test_the_lines_hold_the_numbers(found):
    lines = words(found)
    assert list(lines) == [
        "condition", "deltas", "floor", "suspects", "influence", "backtest", "residuals", "gap",
    ]  # fmt: skip
    assert all("\n" not in line for line in lines.values())
    assert lines["condition"].startswith(f"{found['identifiability']['condition']:.3g}, ")
    assert f"4 ({found['suspects']['rows'][0]['sd']:+.1f} sd)" in lines["suspects"]
    assert f"x{found['suspects']['params_factor']:.3f}" in lines["suspects"]
    low, high = found["deltas"]["params_range"]
    assert f"(x{high / low:.2f})" in lines["deltas"]
    assert f"{found['backtest']['inside']} of {found['backtest']['held_out']} inside 90%" in lines["backtest"]
    assert f"E {found['floor']['E']:.4g}" in lines["floor"]


def test_sizes_are_written_as_the_reader_wants(found):
    assert "N* <" in words(found, lambda n: f"<{n:.1e}>")["deltas"]


def test_what_has_no_answer_says_why(found):
    block = {"status": "no_answer", "reason": "too few rows"}
    lines = words(dict.fromkeys(found, block))
    assert set(lines.values()) == {"no answer: too few rows"}


def test_what_is_not_there_is_not_printed_as_a_number(found):
    flat = {**found["identifiability"], "condition": None, "params_ratio": None, "correlation": {}}
    assert "a term has vanished" in words({**found, "identifiability": flat})["condition"]
    nothing = {**found["deltas"], "params_range": None}
    assert words({**found, "deltas": nothing})["deltas"] == "no objective has an optimum"
    influence = {**found["influence"], "no_optimum": 2}
    assert "without 2 others there is no optimum" in words({**found, "influence": influence})["influence"]
