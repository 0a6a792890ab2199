"""Subsets and weightings are what their names say."""

import dataclasses
import itertools

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.fit.multiverse.axes import Axes
from sweep.fit.multiverse.subsets import members, named, subsets, suspects, weightings
from sweep.tables.load import load


def test_every_family_is_left_out_once(runs):
    kept = subsets(runs, Axes(subsets=("families",)))
    assert list(kept) == [f"without_{c:.1g}" for c in np.unique(runs.budget)]
    for name, rows in kept.items():
        assert (~rows).sum() == 7
        assert f"without_{runs.budget[~rows][0]:.1g}" == name
        assert len(np.unique(runs.budget[~rows])) == 1


def test_windows_and_the_largest(runs):
    kept, ratio = subsets(runs, Axes()), runs.tokens / runs.params
    assert kept["all"].all()
    assert ratio[kept["late"]].min() > ratio[~kept["late"]].max()
    assert ratio[kept["early"]].max() < ratio[~kept["early"]].min()
    assert np.log(ratio[kept["middle"]]).std() < np.log(ratio).std()
    assert runs.budget[kept["largest"]].min() == np.median(runs.budget)
    assert all(rows.mean() > 0.5 for rows in kept.values())


def test_a_wild_run_is_a_suspect(simulate):
    quiet = simulate(np.geomspace(1e18, 1e21, 5), noise=0.002, seed=0)
    assert not suspects(load(quiet)).any()
    loss = quiet["loss"].copy()
    loss[[4, 20]] *= [1.1, 0.9]
    odd = load({**quiet, "loss": loss})
    assert np.flatnonzero(suspects(odd)).tolist() == [4, 20]
    assert np.flatnonzero(~subsets(odd, Axes())["no_suspects"]).tolist() == [4, 20]


def test_bands_of_compute_stand_for_families(table):
    rng = np.random.default_rng(0)
    params = np.exp(rng.uniform(16, 23, 200))
    cloud = load({"params": params, "tokens": params * np.exp(rng.uniform(1, 6, 200)), "loss": 2 + params**-0.1})
    bands = members(cloud)
    assert len(bands) == 5
    assert sorted(np.concatenate(list(bands.values())).tolist()) == list(range(200))
    ends = [(cloud.flops[rows].min(), cloud.flops[rows].max()) for rows in bands.values()]
    assert all(below[1] < above[0] for below, above in itertools.pairwise(ends))


def test_levels_are_told_apart():
    assert list(named([1.00e18, 1.02e18], [np.arange(2)] * 2)) == ["1e+18", "1.02e+18"]


def test_conditions_widen(runs):
    text = "tokens_per_param > 20 and budget < 1e20"
    assert np.array_equal(subsets(runs, Axes(subsets=(text,)))[text],
                          (runs.tokens / runs.params > 20) & (runs.budget < 1e20))  # fmt: skip
    with pytest.raises(InputError, match="--subsets 'size > 3'"):
        subsets(runs, Axes(subsets=("size > 3",)))
    with pytest.raises(InputError, match="did you mean 'largest'"):
        subsets(runs, Axes(subsets=("largst",)))


def test_weights(runs):
    uneven = dataclasses.replace(runs, budget=np.where(np.arange(35) < 3, np.nan, runs.budget))
    found = weightings(uneven, Axes())
    assert all(w.mean() == pytest.approx(1) for w in found.values())
    assert (found["equal"] == 1).all()
    totals = [found["by_family"][rows].sum() for rows in members(uneven).values()]
    assert totals == pytest.approx([totals[0]] * 5)
    assert found["by_compute"] / found["by_compute"][0] == pytest.approx(np.sqrt(runs.flops / runs.flops[0]))
    assert weightings(runs, Axes(weights=("flops**0.25",)))["flops**0.25"][0] > 0
    with pytest.raises(InputError, match="must be a positive number"):
        weightings(runs, Axes(weights=("loss-3",)))
    with pytest.raises(InputError, match="no such choice"):
        weightings(runs, Axes(weights=("heavy",)))
