"""IsoFLOP families found without a budget column: the published ones, and none in scattered runs."""

import numpy as np
import pytest

from sweep.tables.load import load
from sweep.tables.structure import distinct, find_families, sizes

EXACT = [
    "oa_epochai_chinchilla",
    "oa_marin_comma",
    "oa_misfitting_fineweb_c4",
    "porian_rw_base_short_kaplan_standard_val",
]


@pytest.mark.parametrize("name", [*EXACT, "xlstm_llama_ctx2048"])
def test_published_families_are_found_without_their_column(datasets, name):
    runs = load(datasets / f"{name}.csv")
    flops = runs.budget if name in EXACT else runs.flops
    found = find_families(flops, runs.params)
    expected = [np.flatnonzero(runs.budget == b) for b in np.unique(runs.budget)]
    assert [sorted(rows.tolist()) for rows in found] == [rows.tolist() for rows in expected]


def test_the_nine_budgets_of_hoffmann_are_found_in_digitised_points(datasets):
    """The source names none; FLOPs read off a figure scatter by several percent around the nine of the paper."""
    runs = load(datasets / "kyo_chinchilla.csv")
    found = [np.exp(np.log(runs.flops[rows]).mean()) for rows in find_families(runs.flops, runs.params)]
    assert found == pytest.approx([6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21], rel=0.12)


def test_scattered_runs_form_none():
    rng = np.random.default_rng(0)
    for n in (10, 40, 2000):
        found = [len(find_families(10 ** rng.uniform(18, 21, n), 10 ** rng.uniform(7, 10, n))) for _ in range(20)]
        assert np.mean(found) < 1
    assert find_families(10 ** rng.uniform(18, 21, 10**5), 10 ** rng.uniform(7, 10, 10**5)) == []


def test_rounded_families_and_repeats():
    params = np.tile(np.geomspace(1e7, 1e9, 5), 3)
    flops = np.repeat([1e18, 3e18, 1e19], 5) * np.exp(np.random.default_rng(0).uniform(-0.004, 0.004, 15))
    assert [len(rows) for rows in find_families(flops, params)] == [5, 5, 5]
    assert find_families(np.full(9, 1e18), np.repeat([1e7, 1e8], [4, 5])) == []  # two sizes are no family
    assert sizes(np.array([1e7, 1.01e7, 1.1e7])) == 2
    assert distinct(np.array([1.0, 1.0, 2.0, 1.0]), np.array([1.0, 1.0, 1.0, 3.0])) == 3
