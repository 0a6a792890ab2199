"""Another unit of params, tokens or loss leaves a fit equal, or changes its coefficients as the law says."""

from pathlib import Path

import numpy as np
import pytest
from pyarrow import csv

from sweep.fit import fit

TABLE = Path(__file__).parents[1] / "field" / "millions_billions.csv"
CURE = {"params": "params_M*1e6", "tokens": "tokens_B*1e9"}


@pytest.fixture(scope="module")
def table():
    """Params, tokens and loss of the table, in ones."""
    raw = csv.read_csv(TABLE)
    return {
        "params": raw["params_M"].to_numpy() * 1e6, "tokens": raw["tokens_B"].to_numpy() * 1e9,
        "loss": raw["loss"].to_numpy(),
    }  # fmt: skip


def fitted(source, columns=None, **options):
    return fit(source, columns=columns, bootstrap=0, diagnostics=False, target_compute=1e22, **options)


@pytest.fixture(scope="module")
def base(table):
    return fitted(table)


def test_millions_and_billions_once_their_unit_is_said():
    found = fitted(TABLE, CURE)
    assert found.params["E"] == pytest.approx(1.746, abs=5e-4)
    assert found.params["alpha"] == pytest.approx(0.332, abs=5e-4)
    assert found.params["beta"] == pytest.approx(0.360, abs=5e-4)


@pytest.mark.parametrize(
    ("written", "columns", "options"),
    [
        (lambda n, d, x: {"N": n / 1e6, "D": d / 1e9, "x": x}, {"params": "N*1e6", "tokens": "D*1e9", "loss": "x"}, {}),
        (lambda n, d, x: {"N": n / 1e9, "D": d / 1e12, "x": x},
         {"params": "N*1e9", "tokens": "D*1e12", "loss": "x"}, {}),
        (lambda n, d, x: {"N": np.log10(n), "D": np.log(d), "x": x},
         {"params": "10**N", "tokens": "2.718281828459045**D", "loss": "x"}, {}),
        (lambda n, d, x: {"N": n, "C": 6 * n * d / 8.64e19, "x": x},
         {"params": "N", "tokens": "C*8.64e19/(6*N)", "loss": "x"}, {}),
        (lambda n, d, x: {"N": n, "D": d, "x": x / np.log(2)}, {"params": "N", "tokens": "D", "loss": "x"},
         {"units": "bits"}),
        (lambda n, d, x: {"N": n, "D": d, "x": np.exp(x)}, {"params": "N", "tokens": "D", "loss": "log(x)"}, {}),
    ],
    ids=["millions", "billions", "logarithms", "PF-days", "bits", "perplexity"],
)  # fmt: skip
def test_a_conversion_leaves_the_answer_equal(base, table, written, columns, options):
    found = fitted(written(*table.values()), columns, **options)
    assert found.params == pytest.approx(base.params, rel=1e-6)
    one, other = base.optimum(1e22), found.optimum(1e22)
    assert (other.params, other.tokens, other.loss) == pytest.approx((one.params, one.tokens, one.loss), rel=1e-6)


@pytest.mark.parametrize("factor", [0.3, 7.0])
@pytest.mark.parametrize("key", ["params", "tokens", "loss"])
def test_a_scale_changes_the_coefficients_as_the_law_says(base, table, key, factor):
    """(s N)^-alpha = s^-alpha N^-alpha: A grows by s^alpha and all else stays; a loss s L has s E, s A, s B."""
    found = fitted({**table, key: table[key] * factor}, units="nats").params
    was = base.params
    expected = {
        "params": {**was, "A": was["A"] * factor ** was["alpha"]},
        "tokens": {**was, "B": was["B"] * factor ** was["beta"]},
        "loss": {name: value * (factor if name in "EAB" else 1) for name, value in was.items()},
    }[key]
    assert found == pytest.approx(expected, rel=1e-5)
