"""Width and depth: the terms one by one."""

import numpy as np
import pytest

from sweep import laws
from sweep.laws.width_depth import loss

LAW = laws.published("gemstones")[1].coefficients


def test_terms():
    assert loss(LAW, 1e300, 1e300, 1e300, 1e300) == pytest.approx(np.exp(0.3925))
    one = [1024.0, 28.0, 5.4e8, 1e10]
    terms = [(1.452, 0.2447), (-0.078, 0.3872), (7.970, 0.5001), (10.059, 0.4761)]
    expected = np.exp(0.3925) + sum(np.exp(a - p * np.log(x)) for (a, p), x in zip(terms, one, strict=True))
    assert loss(LAW, *one) == pytest.approx(expected, rel=1e-12)


def test_on_the_runs_it_was_fitted_to(datasets):
    """Units and order of the terms: with them the stored fit describes real runs to a few per cent."""
    import pyarrow.csv

    table = pyarrow.csv.read_csv(datasets / "gemstone_hot.csv").to_pandas()
    columns = [table[name].to_numpy(float) for name in laws.get("width_depth").inputs]
    residual = np.log(table.loss.to_numpy() / loss(LAW, *columns))
    assert np.std(residual) < 0.05
