"""The closed forms of the prior against published optima and brute force (laws.md's table: Hoffmann, Besiroglu)."""

import numpy as np
import pytest

from sweep.config import Prior
from sweep.design import prior

HOFFMANN = Prior(E=1.6933737, A=406.40102, B=410.72283, alpha=0.33917084, beta=0.2849083)
BESIROGLU = Prior(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)


@pytest.mark.parametrize(
    ("law", "flops", "params", "tokens", "loss"),
    [
        (HOFFMANN, 1e21, 2.2170e9, 7.5178e10, 2.295491),
        (HOFFMANN, 5.76e23, 4.0361e10, 2.3785e12, 1.918412),
        (BESIROGLU, 1e21, 2.7785e9, 5.9985e10, 2.305529),
        (BESIROGLU, 3.8e25, 6.1867e11, 1.0237e13, 1.891707),
    ],
)
def test_optimum_and_loss_of_published_laws(law, flops, params, tokens, loss):
    assert prior.optimum(law, flops) == pytest.approx((params, tokens), rel=1e-4)
    assert prior.loss(law, *prior.optimum(law, flops)) == pytest.approx(loss, rel=1e-6)


def test_no_other_size_of_the_budget_is_better():
    best, _ = prior.optimum(HOFFMANN, 1e20)
    sizes = best * np.exp(np.linspace(-2, 2, 2001))
    losses = [prior.loss(HOFFMANN, float(n), 1e20 / 6 / float(n)) for n in sizes]
    assert int(np.argmin(losses)) == 1000
