"""Farseer: the data term's scale and exponent change with model size.

    L(N, D) = B3 exp(a3 N**gamma) + B2 exp(a2 N**beta) / D**exp(a1 N**alpha + b1)
    (Li et al. 2025, arXiv 2506.10972, with B2 = exp(b2), B3 = exp(b3))

Nine parameters: for dense grids of sizes and tokens. Their published values are recalled only, so they are listed as
unverified; the loss of that set is in bits per character.
"""

import math
from typing import Annotated, NamedTuple

from sweep.laws.form import build
from sweep.laws.law import Published, Real, amplitude, free, namespace, power


class Farseer(NamedTuple):
    """Coefficients: of the data exponent (1), the data scale (2) and the size term (3)."""

    a1: Annotated[Real, free("of ln of the data exponent, x params^-alpha", -10.0, 10.0, (-0.3, -0.02))]
    b1: Annotated[Real, free("ln of the data exponent at a1 = 0", -20.0, 20.0, (-1.0, 1.0))]
    alpha: Annotated[Real, free("power of params in the data exponent", -1.0, 1.0, (0.05, 0.2))]
    a2: Annotated[Real, free("of ln of the data scale, x params^-beta", -1000.0, 1000.0, (20.0, 200.0))]
    B2: Annotated[Real, amplitude("data scale at a2 = 0")]
    beta: Annotated[Real, free("power of params in the data scale", -1.0, 1.0, (-0.2, -0.05))]
    a3: Annotated[Real, free("of ln of the size term, x params^-gamma", -10.0, 10.0, (-0.1, -0.005))]
    B3: Annotated[Real, amplitude("size term at a3 = 0")]
    gamma: Annotated[Real, free("power of params in the size term", -1.0, 1.0, (0.05, 0.25))]


def loss(law: Farseer, params: Real, tokens: Real) -> Real:
    """Loss, in the unit of the table it was fitted to."""
    xp = namespace(params, tokens, *law)
    exponent = xp.exp(law.a1 * power(params, law.alpha) + law.b1)
    size = law.B3 * xp.exp(law.a3 * power(params, law.gamma))
    return size + law.B2 * xp.exp(law.a2 * power(params, law.beta)) * power(tokens, -exponent)


LAW = build(
    id="farseer",
    formula="L(N, D) = B3 exp(a3 N^gamma) + B2 exp(a2 N^beta) D^(-exp(a1 N^alpha + b1))",
    coefficients=Farseer,
    inputs=("params", "tokens"),
    loss=loss,
    source="Li et al. 2025, arXiv 2506.10972",
    published={
        "farseer_recalled": Published(
            Farseer(-0.124, 0.424, 0.123, 88.01, math.exp(-5.287), -0.1, -0.021, math.exp(-0.091), 0.169),
            "Li et al. 2025, arXiv 2506.10972, from memory; bits per character",
            "R",
        )
    },
    limits={"tokens": "B3 exp(a3 N^gamma)"},
    linear=("B2", "B3"),
    optional="B3",
    searched=True,
)
