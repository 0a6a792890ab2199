"""Greedy choices with exchange, against brute force on small problems, and the bookkeeping of trunks."""

import itertools

import numpy as np
import pytest

from sweep.plan.choose import COOLDOWN, SHARED, Candidates, State, choose, factor_of, problem_of


def made(seed: int, *, m=9, trunk=False, repeats=1, spend=6.0, most=4):
    """A random problem of three parameters and two resamples."""
    rng = np.random.default_rng(seed)
    tokens = rng.uniform(1, 3, m)
    given = Candidates(np.repeat(np.arange(1.0, 4.0), m // 3), tokens, tokens.copy(), repeats, trunk)
    runs, new = rng.standard_normal((2, 6, 3)), 3 * rng.standard_normal((2, m, 3))
    return (runs, new, rng.standard_normal((2, 3)), given, spend, most)


def brute(runs, new, wanted, given, spend, most) -> float:
    """The least mean log factor over all affordable sets."""

    def variance(rows):
        info = np.einsum("lnk,lnj->lkj", rows, rows)
        return np.einsum("lk,lkj,lj->l", wanted, np.linalg.inv(info), wanted)

    before, best = variance(runs), 1.0
    for size in range(1, most + 1):
        for chosen in itertools.combinations(range(len(given.cost)), size):
            if given.cost[list(chosen)].sum() <= spend:
                after = variance(np.concatenate([runs, new[:, list(chosen)]], axis=1))
                best = min(best, float(np.exp(np.log(after / before).mean() / 2)))
    return best


def test_choices_are_near_the_best_of_all_sets():
    found = []
    for seed in range(12):
        problem = made(seed)
        choice = choose(problem_of(*problem))
        assert choice.cost <= 6.0 * (1 + 1e-9)
        assert choice.cost == pytest.approx(problem[3].cost[choice.order].sum())
        found.append(choice.factor / brute(*problem))
    assert min(found) > 1 - 1e-6  # never better than the best: the factor is what it says
    assert max(found) < 1.05
    assert np.mean(np.array(found) < 1 + 1e-6) >= 0.75


def test_the_factor_does_not_depend_on_units():
    runs, new, wanted, given, spend, most = made(1)
    units = np.array([1e-4, 1.0, 1e5])
    plain = factor_of(problem_of(runs, new, wanted, given, spend, most), [0, 4])
    scaled = factor_of(problem_of(runs * units, new * units, 7 * wanted * units, given, spend, most), [0, 4])
    assert scaled == pytest.approx(plain, rel=1e-6)


def test_a_longer_horizon_of_a_trunk_costs_its_extra_part_and_cooldown():
    tokens = np.array([1.0, 2.0, 4.0])
    given = Candidates(np.full(3, 5.0), tokens, 30 * tokens, repeats=2, trunk=True)
    state, nothing = State(given, (1, 3, 1)), np.zeros((1, 3, 1))
    assert state.costs() == pytest.approx(given.cost)  # alone, a trunk saves nothing
    for one in (1, 2, 0):
        state.add(one, float(state.costs()[one]), nothing)
    assert state.chosen.cost == pytest.approx(30 * ((1 - COOLDOWN) * 4 + COOLDOWN * (1 + 2 + 4)))
    assert state.costs() == pytest.approx(given.cost)  # one more of each is another seed: a trunk of its own


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_runs_of_a_trunk_tell_what_correlated_noise_lets_them(order):
    """Against generalised least squares with the covariance of a trunk written out."""
    runs, new, wanted, *_ = made(3, m=3)
    given = Candidates(np.full(3, 5.0), np.array([1.0, 2.0, 4.0]), np.ones(3), 1, True)
    found = factor_of(problem_of(runs, new, wanted, given, 9.0, 3), order)
    noise = SHARED + (1 - SHARED) * np.eye(3)
    info = np.einsum("lnk,lnj->lkj", runs, runs)
    after = info + np.einsum("lnk,nm,lmj->lkj", new, np.linalg.inv(noise), new)
    pair = [np.einsum("lk,lkj,lj->l", wanted, np.linalg.inv(x), wanted) for x in (info, after)]
    assert found == pytest.approx(np.exp(np.log(pair[1] / pair[0]).mean() / 2), rel=1e-6)


def test_a_cell_is_not_chosen_more_often_than_its_seeds():
    runs, new, wanted, given, _, _ = made(5)
    twice = Candidates(given.params, given.tokens, given.cost, repeats=2)
    choice = choose(problem_of(runs, new, wanted, twice, 1e3, 30))
    assert choice.counts.max() == 2
    assert len(choice.order) == 18
