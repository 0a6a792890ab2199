"""Broken neural scaling: a power law whose slope changes smoothly at a break.

    y(x) = a + b x**-c0 (1 + (x / d1)**(1 / f1))**(-c1 f1)          (Caballero et al. 2022, arXiv 2210.14891, one break)

Slope c0 before d1, c0 + c1 after; f1 is the width of the turn in ln x. Against compute by default. A break beyond the
last point cannot be seen, and the coefficients are far from unique: compare predictions.
"""

from typing import Annotated, NamedTuple

from sweep.laws.form import build
from sweep.laws.law import Parameter, Published, Real, amplitude, exponent, floor, free, namespace, power


class Broken(NamedTuple):
    """Coefficients."""

    a: Annotated[Real, floor("nats/token, limit at infinite x")]
    b: Annotated[Real, amplitude("nats/token x x^c0")]
    c0: Annotated[Real, exponent("slope before the break", start=(0.01, 1.0))]
    c1: Annotated[Real, free("change of slope at the break", -3.0, 10.0, (-0.3, 0.5))]
    d1: Annotated[Real, Parameter("position of the break, in units of x", 1e-6, 1e40, "log", (1e15, 1e25))]
    f1: Annotated[Real, Parameter("width of the turn in ln x", 1e-3, 30.0, "log", (0.05, 3.0))]


def loss(law: Broken, x: Real) -> Real:
    """y(x), by logarithms: (x / d1)**(1 / f1) overflows at a sharp break."""
    xp = namespace(x, *law)
    turn = xp.logaddexp(0.0, xp.log(x / law.d1) / law.f1)
    return law.a + law.b * power(x, -law.c0) * xp.exp(-law.c1 * law.f1 * turn)


LAW = build(
    id="bnsl",
    formula="y(x) = a + b x^-c0 (1 + (x / d1)^(1/f1))^(-c1 f1)",
    coefficients=Broken,
    inputs=("flops",),
    loss=loss,
    source="Caballero et al. 2022, arXiv 2210.14891, eq. 1 with one break",
    published={
        "bnsl_addition": Published(
            Broken(0.41389, 2.27727, 0.05508, 5.66291, 612.584, 0.05919),
            "Caballero et al. 2022, arXiv 2210.14891, 4-digit addition, x in examples; rerun of the authors' code",
            "C",
        )
    },
    limits={"flops": "a"},
    linear=("a", "b"),
    optional="a",
)
