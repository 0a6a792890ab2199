"""Vocabulary sizes against the output of the authors' code."""

import numpy as np
import pytest

from sweep import laws
from sweep.laws import vocab

TAO = laws.published("tao")[1].coefficients


@pytest.mark.parametrize(
    ("params", "width", "one", "two", "three"),
    [(3e9, 3200, 39367, 42538, 36648), (7e9, 4096, 62280, 67450, 59547), (70e9, 8192, 211860, 230861, 217961)],
)
def test_published_vocabularies(params, width, one, two, three):
    assert vocab.best_by_isoflop(params, width) == pytest.approx(one, rel=1e-3)
    assert vocab.best_by_derivative(params, width) == pytest.approx(two, rel=1e-3)
    assert vocab.best(TAO, params, width) == pytest.approx(three, rel=1e-4)


def test_best_against_a_grid():
    params, width, flops = 2e9, 2560, 3e20
    sizes = np.geomspace(1e3, 1e6, 200001)
    tokens = flops / (6 * (params + sizes * width))
    grid = sizes[np.argmin(vocab.loss(TAO, params, sizes * width, tokens))]
    assert vocab.best(TAO, params, width, flops) == pytest.approx(grid, rel=1e-4)


def test_units_are_those_of_the_source():
    n, v, d = 7e9, 64000 * 4096.0, 2e11
    scaled = -5.53278 + 1.83139 / 7e3**0.446606 + 0.195842 / (64.0 * 4.096) ** 0.670737 + 2.12411 / 200**0.446606
    assert vocab.loss(TAO, n, v, d) == pytest.approx(scaled, rel=1e-12)
    assert scaled < 0
    assert not laws.get("vocab").positive
