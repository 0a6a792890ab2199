"""The gap between approaches, by hand and on tables where all three are right."""

import pytest

from sweep.fit import fit
from sweep.fit.diagnostics.gap import gap
from tests.fit.diagnostics.conftest import BUDGETS


def record(**answers):
    blocks, target = {}, {}
    for k in (1, 2, 3):
        a, n, ends = answers.get(f"k{k}", (None, None, None))
        blocks[f"approach{k}"] = {"a": a, "a_interval": [a - 0.1, a + 0.1] if a else [None, None]}
        ends = {"params_interval": ends, "tokens_interval": [None, None]} if ends else {}
        target[f"approach{k}"] = {"params": n, "tokens": 1e12 / n, **ends} if n else None
    return {**blocks, "target": target}


def test_by_hand():
    block = gap(record(k2=(0.5, 2e9, [1e9, 4e9]), k3=(0.55, 1e9, [0.9e9, 1.1e9])))
    (pair,) = block["pairs"]
    assert pair["approaches"] == [2, 3]
    assert pair["a"] == pytest.approx(-0.05)
    assert pair["a_intervals"] == pytest.approx(0.25)
    assert pair["params"] == pytest.approx(2)
    assert pair["params_intervals"] == pytest.approx(0.5)  # a factor 2 where the wider interval spans 4
    assert pair["tokens_intervals"] is None
    assert block["params_factor"] == pytest.approx(2)


def test_one_approach_alone():
    assert gap(record(k3=(0.5, 1e9, [None, None])))["status"] == "no_answer"


def test_small_where_all_are_right(simulate):
    table = simulate(BUDGETS, sizes=7, span=1.6)
    block = fit(table, bootstrap=0).to_json()["diagnostics"]["gap"]
    assert block["params_factor"] < 1.05
    assert all(abs(pair["a"]) < 0.01 for pair in block["pairs"])
