"""Loss of compute-optimal runs as a power of compute above a floor.

    L(C) = E + K / C**gamma          nats/token

What the additive law says along its own optimum, and what a table of best runs alone can show: nothing about how to
split compute between size and data.
"""

from typing import Annotated, NamedTuple

from sweep.laws.form import build
from sweep.laws.law import Real, amplitude, exponent, floor, power


class PowerCompute(NamedTuple):
    """Coefficients."""

    E: Annotated[Real, floor()]
    K: Annotated[Real, amplitude("nats/token x FLOPs^gamma")]
    gamma: Annotated[Real, exponent("exponent of FLOPs", 2.0, (0.01, 1.0))]


def loss(law: PowerCompute, flops: Real) -> Real:
    """Loss in nats/token of the best run of `flops` FLOPs."""
    return law.E + law.K * power(flops, -law.gamma)


LAW = build(
    id="power_compute",
    formula="L(C) = E + K / C^gamma",
    coefficients=PowerCompute,
    inputs=("flops",),
    loss=loss,
    source="Henighan et al. 2020, arXiv 2010.14701, eq. 1.1; Hoffmann et al. 2022, arXiv 2203.15556, along eq. 4",
    limits={"flops": "E"},
    linear=("E", "K"),
)
