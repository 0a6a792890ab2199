"""Farseer: the data term's scale and exponent change with model size.

    L(N, D) = exp(a3 N**gamma + b3) + exp(a2 N**beta + b2) / D**exp(a1 N**alpha + b1)
    (Li et al. 2025, arXiv 2506.10972)

Nine parameters: for dense grids of sizes and tokens. Their published values are recalled only, so they are listed as
unverified; the loss of that set is in bits per character.
"""

from typing import Annotated, NamedTuple

from sweep.laws.form import build
from sweep.laws.law import Published, Real, free, namespace, power

SIGNED = (-1.0, 1.0)


class Farseer(NamedTuple):
    """Coefficients: (a, b) of each exponential and the power of params in it."""

    a1: Annotated[Real, free("of the data exponent, x params^-alpha", -10.0, 10.0, (-0.5, 0.5))]
    b1: Annotated[Real, free("ln of the data exponent's scale", -20.0, 20.0, SIGNED)]
    alpha: Annotated[Real, free("power of params in the data exponent", -1.0, 1.0, (0.02, 0.3))]
    a2: Annotated[Real, free("of the data scale, x params^-beta", -1000.0, 1000.0, (10.0, 200.0))]
    b2: Annotated[Real, free("ln of the data scale", -100.0, 100.0, (-10.0, 10.0))]
    beta: Annotated[Real, free("power of params in the data scale", -1.0, 1.0, (-0.3, -0.02))]
    a3: Annotated[Real, free("of the size term, x params^-gamma", -10.0, 10.0, (-0.2, -0.005))]
    b3: Annotated[Real, free("ln of the size term's scale", -20.0, 20.0, SIGNED)]
    gamma: Annotated[Real, free("power of params in the size term", -1.0, 1.0, (0.05, 0.3))]


def loss(law: Farseer, params: Real, tokens: Real) -> Real:
    """Loss, in the unit of the table it was fitted to."""
    xp = namespace(params, tokens, *law)
    exponent = xp.exp(law.a1 * power(params, law.alpha) + law.b1)
    scale = law.a2 * power(params, law.beta) + law.b2
    return xp.exp(law.a3 * power(params, law.gamma) + law.b3) + xp.exp(scale - exponent * xp.log(tokens))


LAW = build(
    id="farseer",
    formula="L(N, D) = exp(a3 N^gamma + b3) + exp(a2 N^beta + b2) D^(-exp(a1 N^alpha + b1))",
    coefficients=Farseer,
    inputs=("params", "tokens"),
    loss=loss,
    source="Li et al. 2025, arXiv 2506.10972",
    published={
        "farseer_recalled": Published(
            Farseer(-0.124, 0.424, 0.123, 88.01, -5.287, -0.1, -0.021, -0.091, 0.169),
            "Li et al. 2025, arXiv 2506.10972, from memory; bits per character",
            "R",
        )
    },
    limits={"tokens": "exp(a3 N^gamma + b3)"},
    searched=True,
)
