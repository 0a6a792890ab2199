"""Counts of parameters are brought to one unit, by a power that the table shows."""

import numpy as np
import pytest

from sweep.fit.multiverse import Axes, multiverse
from sweep.fit.multiverse.counts import conversion

SIZES = np.geomspace(1e7, 1e9, 9)


def converted(params, other, at):
    """`at` in the other count, where there is a power between the two."""
    power = conversion(params, other)
    assert power is not None
    return power(at)


def test_embeddings_are_a_power_of_the_size():
    """A vocabulary times a width that grows with the size: exact inside the table and beyond it."""

    def with_head(params):
        return params + 32_000 * 3 * params**0.4

    far = np.array([1e10, 1e11])
    assert converted(SIZES, with_head(SIZES), far) == pytest.approx(with_head(far), rel=1e-9)
    assert converted(with_head(SIZES), SIZES, with_head(far)) == pytest.approx(far, rel=1e-6)


def test_the_same_a_factor_and_what_is_neither():
    assert converted(SIZES, SIZES, SIZES) == pytest.approx(SIZES)
    assert converted(SIZES, 1.2 * SIZES, np.array([1e12])) == pytest.approx([1.2e12])
    scattered = SIZES * np.array([1.1, 1.5, 1.2, 1.9, 1.1, 1.4, 1.2, 1.6, 1.1])
    assert conversion(SIZES, scattered) is None
    assert conversion(SIZES, SIZES * np.where(SIZES > 1e8, 1.1, 0.9)) is None
    assert np.isnan(converted(SIZES, SIZES - 9e6, np.array([1e6]))[0])  # fewer than none


def test_a_multiverse_over_counts_compares_one_unit(simulate):
    """The smaller count leaves out a power of the size: its answers are given in the other, alone in its own."""
    table = simulate(np.geomspace(1e18, 1e21, 5), noise=0.003, seed=1)
    table["params_non_embedding"] = table["params"] - 4000 * table["params"] ** 0.5
    table["params_with_head"] = table.pop("params")

    def optima(*counts):
        axes = Axes(
            laws=("additive",), objectives=("log_mse",), subsets=("all",), weights=("equal",), flops=("6nd",),
            counts=counts, resamples=0,
        )  # fmt: skip
        found = multiverse(table, columns={"params": "params_with_head"}, axes=axes, target_compute=1e21).record
        return found["params_counted_as"], {row["count"]: row["params"] for row in found["curve"]}

    unit, both = optima()
    assert unit == "with_head"
    assert set(both) == {"with_head", "non_embedding"}
    own, alone = optima("non_embedding")
    assert own == "non_embedding"
    assert both["non_embedding"] - 4000 * both["non_embedding"] ** 0.5 == pytest.approx(alone["non_embedding"])
    assert both["non_embedding"] > 1.05 * alone["non_embedding"]
