"""A look at a table: what was planted is found, with its row; the contract of the JSON."""

import json

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.fit.look import look

BUDGETS = np.geomspace(1e18, 1e21, 5)


@pytest.fixture
def table(simulate):
    found = simulate(BUDGETS, sizes=9, noise=0.004, seed=3)
    del found["budget"]
    return found


def codes(data):
    return {p["code"] for p in data["problems"]}


def test_contract(table):
    data = look(table)
    assert {"rows", "problems", "identifiable", "families"} <= set(data)
    assert {"gamma", "kaplan_lnd", "overtrain", "power_compute"} <= set(data["identifiable"])
    assert "data_constrained" not in data["identifiable"]  # it lacks unique_tokens
    assert data["rows"] == 45
    assert data["identifiable"]["additive"] is True
    assert data["verdict"] == "ok"
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert [f["n"] for f in data["families"]] == [9] * 5
    assert [f["flops"] for f in data["families"]] == pytest.approx(BUDGETS.tolist())
    assert all(f["two_sided"] and f["budget"] is None for f in data["families"])
    assert data["flops_over_6nd"] == pytest.approx([1, 1])
    assert data["units"]["how"] == "arrays"
    assert data["repeats"]["configurations"] == 45
    assert data["repeats"]["noise"] is None
    assert any("no seed repeats" in text for text in data["missing"])


def test_suspects_and_copies(table):
    table = {key: np.append(v, v[10]) for key, v in table.items()}
    table["loss"][20] *= 1.1
    data = look(table)
    assert data["duplicates"] == [[11, 46]]
    assert data["suspects"][0]["row"] == 21
    assert data["suspects"][0]["sd"] > 10
    named = {(p["code"], p["row"]) for p in data["problems"]}
    assert {("suspect", 21), ("duplicate", 46)} <= named


def test_seeds_measure_the_noise(table):
    rng = np.random.default_rng(0)
    table = {key: np.repeat(v, 4) for key, v in table.items()}
    table["loss"] = table["loss"] * np.exp(0.01 * rng.standard_normal(180))
    data = look(table)
    assert data["repeats"] == {
        "configurations": 45,
        "repeated": 45,
        "rows": 180,
        "noise": pytest.approx(0.01, rel=0.15),
        "degrees_of_freedom": 135,
    }
    assert data["missing"] == []
    assert "settings" not in codes(data)
    table["loss"] = table["loss"] * np.exp(0.2 * rng.standard_normal(180))
    assert "settings" in codes(look(table))


def test_one_sided_families_and_one_budget(simulate):
    table = simulate(BUDGETS, sizes=9, noise=0.0)
    right = table["params"] > np.repeat(table["params"].reshape(5, 9)[:, 5], 9)
    keep = right | (table["budget"] < 5e18)
    data = look({key: v[keep] for key, v in table.items()})
    assert [f["two_sided"] for f in data["families"]] == [True, False, False, False, False]
    assert [f["edge"] for f in data["families"]][1:] == ["smallest"] * 4
    assert sum(p["code"] == "one_sided" for p in data["problems"]) == 4
    assert "one_budget" in codes(look(simulate([1e19], sizes=9)))
    scattered = {
        "params": np.geomspace(1e7, 1e9, 9),
        "tokens": np.geomspace(1e9, 3e11, 9) ** 1.1,
        "loss": table["loss"][:9],
    }
    assert "no_families" in codes(look(scattered))


def test_refusals_are_told(table):
    ladder = {**table, "tokens": 20 * table["params"]}
    del ladder["flops"]
    data = look(ladder)
    assert (data["verdict"], data["identifiable"]["additive"]) == ("refused", False)
    assert data["laws"]["additive"]["reason"] == "collinear"
    assert "collinear" in codes(data)
    few = look({key: v[:5] for key, v in table.items()})
    assert few["laws"]["additive"]["condition"] is None
    assert {"too_few_rows"} <= codes(few)


def test_bad_values_are_all_listed(table):
    table["loss"][[3, 5]] = np.nan
    table["tokens"][7] = -1
    data = look(table)
    assert data["verdict"] == "error"
    assert data["rows"] == 45
    assert {(p["code"], p["row"], p["column"]) for p in data["problems"]} == {
        ("missing", 4, "loss"),
        ("missing", 6, "loss"),
        ("not_positive", 8, "tokens"),
    }
    with pytest.raises(InputError, match="no column 'flopz'"):
        look(table, {"flops": "flopz"})


def test_published_tables(datasets):
    """What a person would say of them."""
    chinchilla = look(datasets / "epoch_chinchilla_svg.csv")
    assert [s["row"] for s in chinchilla["suspects"][:4]] == [2, 1, 4, 3]  # four of the five that the source drops
    assert chinchilla["identifiable"]["additive"] is True
    grid = look(datasets / "gadre_grid.csv")
    assert (grid["verdict"], grid["laws"]["additive"]["reason"]) == ("refused", "collinear")
    best = look(datasets / "steplaw_dense_best.csv")
    assert best["identifiable"]["additive"] is False
    assert "alpha" in best["laws"]["additive"]["reason"]
    assert "several_settings" in codes(look(datasets / "steplaw_dense.csv"))
    marin = look(datasets / "oa_marin_comma.csv")
    assert marin["flops_over_6nd"] == pytest.approx([0.742, 1.07], rel=0.01)
    assert look(datasets / "gemstone_hot.csv")["groups"] == 22
