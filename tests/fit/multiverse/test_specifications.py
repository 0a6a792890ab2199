"""Every combination once; what changes nothing is dropped and counted; what a fit refuses is marked."""

import numpy as np

from sweep.fit.multiverse.axes import AXES, Axes
from sweep.fit.multiverse.conventions import read
from sweep.fit.multiverse.specifications import design, distinct


def test_a_full_table_has_a_thousand(simulate):
    table = simulate(np.geomspace(6e18, 3e21, 9), sizes=25, noise=0.005, seed=0)
    params = table["params"]
    both = {**table, "params_no_embed": params * (1 - (params / 1e5) ** -0.6)}
    made = design(read(both, {}, {}, Axes()), Axes())
    assert len(made.specifications) >= 1000
    choices = [tuple(s.choices[axis] for axis in AXES) for s in made.specifications]
    assert len(set(choices)) == len(choices)
    assert len(choices) + made.duplicates == 4 * 6 * 15 * 2 * 2 * 3  # every axis at its full length
    assert not any(s.refused for s in made.specifications)


def test_alike_bases_are_one(runs):
    every, equal = np.ones(35, bool), np.ones(35)
    some = np.arange(35) < 30
    found = distinct(
        {"all": every, "no_suspects": every, "some": some},
        {"equal": equal, "double": 2 * equal, "by": 1 + equal * some},
    )
    assert [(b.subset, b.weights) for b in found] == [("all", "equal"), ("all", "by"), ("some", "equal")]
    assert all(np.isclose(b.weight[b.kept].mean(), 1) for b in found)
    assert (found[2].weight[~some] == 0).all()


def test_what_a_fit_would_refuse(table, runs):
    axes = Axes(laws=("additive", "gamma"), subsets=("budget < 1.5e18", "all"), weights=("equal",), objectives=("mse",))
    made = design(read(table, {}, {}, axes), axes)
    told = {(s.choices["law"], s.choices["subset"]): s.refused for s in made.specifications}
    assert told == {
        ("additive", "budget < 1.5e18"): "", ("additive", "all"): "",
        ("gamma", "budget < 1.5e18"): "too_few_rows", ("gamma", "all"): "",
    }  # fmt: skip
    assert [len(group.bases) for group in made.groups] == [2, 1]


def test_further_inputs_are_those_of_the_largest_run(table):
    axes = Axes(laws=("data_constrained",), subsets=("all",), weights=("equal",), objectives=("huber",))
    unique = np.geomspace(1e9, 1e11, 35)
    made = design(read({**table, "unique_tokens": unique}, {}, {}, axes), axes)
    assert made.groups[0].fixed == {"unique_tokens": unique[np.argmax(6 * table["params"] * table["tokens"])]}
