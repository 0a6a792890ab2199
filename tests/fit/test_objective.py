"""Objectives by hand."""

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.fit.objective import Objective, huber

PREDICTED, LOSS = np.array([2.0, 3.0]), np.array([2.0, 2.7])
RESIDUAL = np.log(3.0 / 2.7)


@pytest.mark.parametrize(
    ("objective", "value"),
    [
        (Objective("huber", 1e-3), 1e-3 * (RESIDUAL - 5e-4)),
        (Objective("huber", 10.0), RESIDUAL**2 / 2),
        (Objective("lad"), RESIDUAL),
        (Objective("log_mse"), RESIDUAL**2 / 2),
        (Objective("mse"), 0.09 / 2),
    ],
)
def test_values(objective, value):
    assert objective.value(PREDICTED, LOSS) == pytest.approx(value)
    assert objective.value(PREDICTED, LOSS, np.array([3.0, 0.0])) == 0


def test_huber_is_continuous_with_its_slope():
    x = np.array([-1e-3 - 1e-9, -1e-3, 1e-3, 1e-3 + 1e-9])
    assert np.ptp(huber(x, 1e-3)) < 1.1e-12
    np.testing.assert_array_equal(huber(np.array([2.0]), np.inf), [2.0])


def test_bad_objectives():
    with pytest.raises(InputError, match="did you mean 'huber'"):
        Objective("hubert")
    with pytest.raises(InputError, match="--delta"):
        Objective("huber", -1.0)
