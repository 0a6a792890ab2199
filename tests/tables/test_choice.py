"""The best of each configuration: which rows stay, how low the least of noisy losses lies, which rows go together."""

import numpy as np
import pytest

from sweep.tables.choice import best, first_of_each, joined


def test_the_best_setting_of_each_configuration_stays_with_its_repeats():
    cell = np.array([0, 0, 0, 0, 1, 1, 1])
    level = np.array([0, 0, 1, 1, 0, 1, 2])
    loss = np.array([2.9, 3.2, 3.0, 3.01, 2.5, 2.4, 2.6])  # the first has the least loss, the second the least mean
    kept, choice = best(loss, cell, level, ("lr",))
    assert kept.tolist() == [2, 3, 5]
    assert (choice.configurations, choice.settings, choice.left_out) == (2, (2, 3), 4)
    assert choice.noise is None  # two degrees of freedom
    assert "no repeats of a setting" in choice.statement
    assert "2 configurations of 2 to 3 settings, 4 rows left out" in choice.statement


@pytest.mark.parametrize(("spread", "seeds"), [(0.0, 1), (0.004, 2), (0.02, 3)])
def test_optimism_is_that_of_the_choice(spread, seeds):
    """Against the true mean of the chosen setting, which a simulation knows."""
    rng, sd = np.random.default_rng(1), 0.01
    cells, settings = 4000, 5
    true = np.repeat(spread * rng.random((cells, settings)), max(seeds, 2), axis=1).ravel() + 1.0
    cell = np.repeat(np.arange(cells), settings * max(seeds, 2))
    level = np.tile(np.repeat(np.arange(settings), max(seeds, 2)), cells)
    noise = sd * rng.standard_normal(len(true))
    kept, choice = best(np.exp(true + noise), cell, level, ("lr",))
    assert choice.noise == pytest.approx(sd, rel=0.03)
    low = -float(noise[kept].mean())
    assert choice.optimism == pytest.approx(low, rel=0.35)
    assert "lies low by about" in choice.statement


def test_the_first_of_equal_ones():
    assert first_of_each(np.array([1.0, 1.0, 0.5, 0.5]), np.array([0, 0, 1, 1])).tolist() == [0, 2]


def test_rows_of_a_configuration_join_the_groups_that_they_are_in():
    group = np.array([0, 1, 1, 2, 3])
    cell = np.array([0, 0, 1, 2, 2])
    assert joined(group, cell).tolist() == [0, 0, 0, 2, 2]
    assert len(set(joined(np.arange(4), np.arange(4)).tolist())) == 4
