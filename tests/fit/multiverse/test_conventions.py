"""A table is read under the conventions it has, its rows in an order of their own."""

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.fit.multiverse.axes import Axes
from sweep.fit.multiverse.conventions import read

AXES = Axes(laws=("additive",))


def counted(table):
    """The table with a second count of parameters and FLOPs that are not 6 N D."""
    params = table["params"]
    return {**table, "params_no_embed": params - 0.2 * params.min(), "flops": 7 * params * table["tokens"]}


def test_conventions_of_a_foreign_table(table):
    found = read(counted(table), {}, {}, AXES)
    assert list(found.params) == ["params", "non_embedding"]
    assert found.flops_per["params", "6nd"] == found.flops_per["non_embedding", "6nd"] == 6
    assert found.flops_per["params", "flops"] == pytest.approx(7)
    k = found.runs.flops / (found.params["non_embedding"] * found.runs.tokens)
    assert found.flops_per["non_embedding", "flops"] == pytest.approx(np.median(k))


def test_the_order_of_rows_does_not_matter(table):
    mixed = np.random.default_rng(0).permutation(35)
    trunk = np.repeat([f"t{i}" for i in range(12)], 3)[:35]
    given = {**counted(table), "trunk": trunk}
    one, other = read(given, {}, {}, AXES), read({k: v[mixed] for k, v in given.items()}, {}, {}, AXES)
    for name in ("params", "tokens", "flops", "loss", "budget", "group"):
        assert np.array_equal(getattr(one.runs, name), getattr(other.runs, name)), name
    assert np.array_equal(mixed[other.runs.row - 1], one.runs.row - 1)
    assert np.array_equal(one.params["non_embedding"], other.params["non_embedding"])


def test_columns_and_expressions_widen(table):
    axes = Axes(laws=("additive",), counts=("params", "params*0.9"), flops=("6nd",))
    found = read(counted(table), {}, {}, axes)
    assert found.params["params*0.9"] == pytest.approx(0.9 * found.runs.params)
    assert set(found.flops_per) == {("params", "6nd"), ("params*0.9", "6nd")}
    assert found.convert["params*0.9"](np.array([9e8])) == pytest.approx([1e9])
    with pytest.raises(InputError, match="--counts 'embedding': no such choice"):
        read(table, {}, {}, Axes(laws=("additive",), counts=("embedding",)))
    with pytest.raises(InputError, match="--flops 'exact': no such choice"):
        read(table, {}, {}, Axes(laws=("additive",), flops=("exact",)))


def test_a_count_that_does_not_lead_to_the_unit_is_kept_apart(table):
    odd = counted(table)
    odd["params_no_embed"] = table["params"] * np.random.default_rng(0).uniform(0.5, 0.9, 35)
    found = read(odd, {}, {}, AXES)
    assert (list(found.params), found.unit) == (["params"], "params")
    assert "`--counts non_embedding` fits them alone" in found.warnings[0]["message"]
    alone = read(odd, {}, {}, Axes(laws=("additive",), counts=("non_embedding",)))
    assert (list(alone.params), alone.unit) == (["non_embedding"], "non_embedding")


def test_a_convention_with_gaps_is_left_out_and_said(table):
    broken = counted(table)
    broken["params_no_embed"][3] = np.nan
    found = read(broken, {}, {}, AXES)
    assert list(found.params) == ["params"]
    assert found.warnings[0]["code"] == "convention_left_out"
    assert "row 4" in found.warnings[0]["message"]


def test_further_inputs_of_a_law(table):
    unique = np.full(35, 1e10)
    found = read({**table, "unique_tokens": unique}, {}, {}, Axes(laws=("additive", "data_constrained")))
    assert np.array_equal(found.runs.further["unique_tokens"], unique)
