"""Learning rates, batches and allocations against computed checks, and Step Law against its own runs."""

import numpy as np
import pyarrow.csv
import pytest

from sweep import laws


def at(name, *inputs):
    """The published law of that name."""
    law, given = laws.published(name)
    return law.loss(given.coefficients, *inputs)


def test_deepseek():
    assert at("deepseek_lr", 1e20) == pytest.approx(9.860e-4, rel=1e-3)
    assert at("deepseek_batch", 1e20) == pytest.approx(1.0171e6, rel=1e-3)
    model, tokens = at("deepseek_alloc", 1e20), at("deepseek_tokens", 1e20)
    assert (model, tokens) == pytest.approx((5.251e9, 1.9045e10), rel=1e-3)
    assert model * tokens == pytest.approx(1e20, rel=1e-3)


def test_step_law():
    assert at("step_law", 1e9, 1e11) == pytest.approx(1.6325e-3, rel=1e-3)
    assert at("step_law_batch", 1e11) == pytest.approx(1.1077e6, rel=1e-3)
    assert at("step_law", 7e9, 1.4e12) == pytest.approx(9.166e-4, rel=1e-3)
    assert at("step_law_batch", 1.4e12) == pytest.approx(4.999e6, rel=1e-3)


def test_step_law_lies_in_the_flat_basin_of_its_runs(datasets):
    """Of each (N, D) cell, the run nearest to the law's rate and batch loses little against the best of the cell."""
    table = pyarrow.csv.read_csv(datasets / "steplaw_dense.csv").to_pandas()
    excess = []
    for (n, d), cell in table[table.outlier == 0].groupby(["params", "tokens"]):
        rate = np.log(cell.lr / at("step_law", n, d))
        batch = np.log(cell.batch_tokens / at("step_law_batch", d))
        near = cell.loss.iloc[np.argmin(rate.to_numpy() ** 2 + batch.to_numpy() ** 2)]
        excess.append(near / cell.loss.min() - 1)
    assert len(excess) == 17
    assert np.max(excess) < 0.005


def test_critical_batch_of_zhang():
    sizes = np.array([85e6, 1200e6])
    np.testing.assert_allclose(at("zhang_cbs", sizes), [746, 2579], rtol=1e-3)


def test_porian_and_minicpm():
    assert at("porian_lr", 1e8) == pytest.approx(3.7 * 1e8**-0.36)
    assert at("porian_batch", 1e8) == pytest.approx(0.00037 * 1e8**0.703)
    assert at("minicpm_batch", 3.0) == pytest.approx(1.21e9 / 3.0**6.24)
