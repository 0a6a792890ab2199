"""Inputs found, derived, or asked for by name."""

import numpy as np
import pytest

from sweep import laws
from sweep.errors import InputError
from sweep.laws import inputs
from sweep.laws.inputs import Input, columns, find, predict


def test_flops_and_ratio_follow_from_size_and_tokens():
    table = {"params": np.array([1e8, 1e9]), "tokens": np.array([2e9, 5e9])}
    flops, ratio = columns(laws.get("overtrain"), table)
    np.testing.assert_allclose(flops, [1.2e18, 3e19])
    np.testing.assert_allclose(ratio, [20, 5])
    given = columns(laws.get("overtrain"), table | {"flops": np.array([1.0, 2.0])})[0]
    np.testing.assert_array_equal(given, [1, 2])
    law, coefficients = laws.get("overtrain"), laws.published("gadre_c4")[1].coefficients
    one = predict(law, coefficients, {"params": 1e9, "tokens": 2e10})
    assert one == law.loss(coefficients, 1.2e20, 20.0)


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ("data_constrained", "data_constrained needs the column unique_tokens .*--columns unique_tokens=COLUMN$"),
        ("power_compute", "power_compute needs the column flops .* or give params and tokens$"),
        ("tissue", "tissue needs the column lr_sum .* or give run and step and lr$"),
    ],
)
def test_a_missing_column_is_named(law, message):
    table = {"params": 1e9} | ({"tokens": 2e10} if law == "data_constrained" else {})
    with pytest.raises(InputError, match=message):
        columns(laws.get(law), table)


def test_every_input_of_every_law_has_a_meaning():
    for law in laws.LAWS.values():
        assert all(meaning and meaning != name for name, meaning in law.meanings.items())
    assert find("dropout") == Input("dropout", "dropout", True)
    assert set(inputs.DERIVED) <= set(inputs.KNOWN)
