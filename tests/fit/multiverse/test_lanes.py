"""Lanes in one stream are the fits that are made one at a time."""

import dataclasses

import numpy as np
import pytest

from sweep import laws
from sweep.fit import approach3, refits
from sweep.fit.bootstrap import draw
from sweep.fit.multiverse.axes import Axes
from sweep.fit.multiverse.conventions import read, taken
from sweep.fit.multiverse.lanes import SHARPEST, ladder, resampled, rung, solve_bases
from sweep.fit.multiverse.specifications import Group, design
from sweep.fit.objective import KINDS, Objective
from sweep.tables.load import load

LAW = laws.get("additive")


def group_of(table, **axes) -> Group:
    """The only group of a table under cut axes."""
    chosen = Axes(laws=("additive",), **axes)
    return design(read(table, {}, {}, chosen), chosen).groups[0]


def test_ladder():
    every = [Objective("huber", d) for d in (1e-4, 1e-3, 1e-2)] + [Objective(kind) for kind in KINDS if kind != "huber"]
    calls = ladder(every)
    assert calls[0] == [(True, np.inf)]
    assert calls[1] == [(False, np.inf), (False, 1e-2), (False, 1e-3)]
    assert [call[0][1] for call in calls[2:]] == [1e-4, 1e-5, 1e-6, 1e-7]
    assert ladder(every, SHARPEST) == calls[:3]
    assert ladder([Objective("huber", 1e-5)]) == [[(False, 1e-3)], [(False, 1e-5)]]
    assert rung(Objective("lad"), SHARPEST) == rung(Objective("huber", 1e-4))
    assert rung(Objective("mse")) == (True, np.inf)


SMALLER = "params > 2.5e7"  # leaves out one run, so that a table of the rest has the same padded shape


@pytest.mark.parametrize("subset", ["all", SMALLER])
def test_full_fits_are_those_of_approach_3(table, subset):
    group = group_of(table, subsets=(subset,), weights=("equal",), deltas=(1e-4, 1e-3))
    ends = solve_bases(group, lambda lanes: None)
    for objective in group.objectives:
        found = ends[rung(objective)]
        one = approach3.fit_law(LAW, taken(group.runs, group.bases[0].kept, group.runs.params), objective)
        mine = LAW.coefficients(found.theta[0], group.shift)
        assert found.converged[0]
        predicted = LAW.loss(mine, *group.runs.inputs(LAW))[group.bases[0].kept]
        assert objective.value(predicted, group.runs.loss[group.bases[0].kept]) <= one.value * (1 + 1e-6)
        assert list(mine) == pytest.approx(list(one.coefficients), rel=1e-4)


def test_weights_are_repeated_rows(table):
    times = np.where(np.arange(35) % 3, 1, 2)
    weighted = {**table, "budget": times.astype(float)}
    group = group_of(weighted, subsets=("all",), weights=("budget",), objectives=("huber",), deltas=(1e-3,))
    found = solve_bases(group, lambda lanes: None)[rung(group.objectives[0])]
    repeated = load({name: np.repeat(v, times) for name, v in table.items()})
    one = approach3.fit_law(LAW, repeated, group.objectives[0])
    assert list(LAW.coefficients(found.theta[0], group.shift)) == pytest.approx(list(one.coefficients), rel=1e-5)


def test_resamples_are_those_of_approach_3(table):
    group = group_of(table, subsets=("all", SMALLER), weights=("equal",), objectives=("huber", "log_mse"))
    full = solve_bases(group, lambda lanes: None)
    batches = list(resampled(group, full, np.arange(2), 30, 0, lambda lanes: None))
    base = np.concatenate([base for base, _ in batches])
    assert base.tolist() == [0] * 30 + [1] * 30
    runs = taken(group.runs, group.bases[1].kept, group.runs.params)
    for objective in (Objective("huber", 1e-3), Objective("log_mse")):
        theta = np.concatenate([ends[rung(objective)].theta for _, ends in batches])[30:]
        one = approach3.fit_law(LAW, runs, objective)
        lanes = refits.refit(LAW, runs, objective, one, draw(runs.group, 30, 0))
        mine, same = LAW.coefficients(theta, group.shift), lanes.verdict == 0
        assert same.sum() > 20
        close = np.isclose(np.stack(mine, -1)[same], np.stack(lanes.coefficients, -1)[same], rtol=1e-4).all(axis=1)
        assert close.mean() > 0.9  # a resample may have two optima; `refit` tries three starts


def test_batches_are_bounded(table, monkeypatch):
    from sweep.fit.multiverse import lanes as module

    group = group_of(table, subsets=("all",), weights=("equal",), objectives=("log_mse",))
    full = solve_bases(group, lambda lanes: None)
    small = dataclasses.replace(group)
    whole = next(iter(resampled(group, full, np.arange(1), 20, 0, lambda lanes: None)))[1]
    plan = module.layout(35)
    monkeypatch.setattr(module, "layout", lambda rows: plan._replace(call=2))
    told = []
    parts = list(resampled(small, full, np.arange(1), 20, 0, told.append))
    assert [len(base) for base, _ in parts] == [8, 8, 4]
    assert told == [8, 8, 4]
    key = rung(Objective("log_mse"))
    assert np.concatenate([ends[key].theta for _, ends in parts]) == pytest.approx(whole[key].theta, rel=1e-6)
