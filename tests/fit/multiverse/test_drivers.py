"""Shares of variance are those of the analysis of variance, and sum to one."""

import itertools

import numpy as np
import pytest

from sweep.fit.multiverse.drivers import INTERACTION, shares

LEVELS = {"x": "abc", "y": "de", "z": "fg"}
GRID = list(itertools.product(*LEVELS.values()))
CHOICES = {axis: [row[i] for row in GRID] for i, axis in enumerate(LEVELS)}


def test_a_balanced_design_is_an_analysis_of_variance():
    values = np.random.default_rng(0).standard_normal(len(GRID))
    found = shares(CHOICES, values)
    total = np.sum((values - values.mean()) ** 2)
    for axis, levels in LEVELS.items():
        means = {level: values[np.array(CHOICES[axis]) == level].mean() for level in levels}
        squares = sum((means[c] - values.mean()) ** 2 for c in CHOICES[axis])
        assert found[axis] == pytest.approx(squares / total)
    assert sum(found.values()) == pytest.approx(1)


def test_main_effects_leave_no_interaction():
    values = np.array([{"a": 0, "b": 1, "c": 5}[x] + {"d": 0, "e": 2}[y] for x, y, _ in GRID], float)
    found = shares(CHOICES, values)
    assert found["z"] == pytest.approx(0, abs=1e-12)
    assert found[INTERACTION] == pytest.approx(0, abs=1e-12)
    assert found["x"] > found["y"] > 0


def test_only_combinations_are_interaction():
    values = np.array([(1 if y == "d" else -1) * (1 if z == "f" else -1) for _, y, z in GRID], float)
    assert shares(CHOICES, values)[INTERACTION] == pytest.approx(1)


def test_missing_specifications():
    keep = np.random.default_rng(1).permutation(len(GRID))[:8]
    values = np.array([{"a": 0.0, "b": 1.0, "c": 5.0}[x] for x, *_ in GRID])[keep]
    found = shares({axis: [names[i] for i in keep] for axis, names in CHOICES.items()}, values)
    assert sum(found.values()) == pytest.approx(1)
    assert found["x"] > 0.5
    assert all(share > -1e-12 for share in found.values())


def test_nothing_varies():
    assert set(shares(CHOICES, np.full(len(GRID), 3.0)).values()) == {0.0}
    assert shares({"x": ["a"], "y": ["d"]}, np.array([1.0])) == {"x": 0.0, "y": 0.0, INTERACTION: 0.0}
