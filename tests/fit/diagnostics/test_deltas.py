"""The delta sweep finds every objective's own optimum, from whichever objective it starts."""

import json

import pytest

from sweep.fit.diagnostics.deltas import deltas
from tests.fit.diagnostics.conftest import solved

KEYS = {("huber", 1e-3): "huber", ("log_mse", None): "log_mse", ("mse", None): "mse"}


@pytest.mark.parametrize("kind", ["huber", "mse"])
def test_the_references_of_every_objective_are_reached(datasets, kind):
    name = "oa_epochai_chinchilla"
    reference = json.loads((datasets / "reference_fits.json").read_text())["fits"][f"{name} | outlier==0"]
    rows = deltas(solved(datasets / f"{name}.csv", kind, where="outlier == 0"))["rows"]
    seen = {(row["objective"], row["delta"]): row for row in rows}
    for key, objective in KEYS.items():
        expected = {x: reference[objective][x] for x in ("E", "A", "B", "alpha", "beta")}
        assert seen[key]["status"] == "converged"
        assert seen[key]["coefficients"] == pytest.approx(expected, rel=1e-5)
    assert seen["lad", None]["a"] == pytest.approx(seen["huber", 1e-4]["a"], abs=2e-3)


def test_without_noise_the_objective_does_not_matter(clean):
    block = deltas(solved(clean))
    low, high = block["params_range"]
    assert high / low == pytest.approx(1, abs=1e-6)
    assert len(block["rows"]) == 7


def test_an_outlier_makes_the_objective_matter(noisy):
    table = noisy()
    table["loss"][0] *= 1.4
    low, high = deltas(solved(table))["params_range"]
    calm_low, calm_high = deltas(solved(noisy()))["params_range"]
    assert high / low > 1.2 * calm_high / calm_low
