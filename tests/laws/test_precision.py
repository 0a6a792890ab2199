"""Few bits against values computed from the printed parameters."""

import numpy as np
import pytest

from sweep import laws
from sweep.laws.precision import degradation, kept, loss

KUMAR = laws.published("kumar")[1].coefficients
SERVED = laws.published("kumar_served")[1].coefficients


def test_share_of_the_parameters_kept():
    expected = [0.9975, 0.9498, 0.8939, 0.7759, 0.6743]
    np.testing.assert_allclose(kept(np.array([16, 8, 6, 4, 3]), KUMAR.gamma_w), expected, atol=5e-5)


def test_losses():
    full = np.inf
    assert loss(KUMAR, 1e9, 2e10, full, full, full) == pytest.approx(3.04973, abs=5e-6)
    assert loss(KUMAR, 1e9, 2e10, 8, full, full) == pytest.approx(3.05352, abs=5e-6)
    assert loss(KUMAR, 1e300, 1e300, 4, 4, 4) == pytest.approx(KUMAR.E)


def test_serving_in_few_bits_hurts_the_overtrained():
    tokens = np.geomspace(2e10, 2e13, 7)
    added = degradation(SERVED, 1e9, tokens, 4)
    assert np.all(np.diff(added) > 0)
    assert degradation(SERVED, 1e9, 2e10, 3) / degradation(SERVED, 1e9, 2e10, 4) == pytest.approx(np.exp(1 / 0.5907))
    total = loss(KUMAR, 1e9, tokens, 16, 16, 16) + degradation(SERVED, 1e9, tokens, 3)
    assert total[-1] > total.min()  # more tokens can raise the loss after quantisation
