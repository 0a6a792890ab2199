"""Loss with width and depth as inputs of their own.

    L(w, l, N, D) = E + A / w**p_w + B / l**p_l + F / N**p_N + G / D**p_D          nats/token

(McLeish et al. 2025, "Gemstones", arXiv 2502.06857). Width and depth also decide N, so an optimum needs the rule of a
model family from shapes to parameters; there is none here.
"""

import math
from typing import Annotated, NamedTuple

from sweep.laws.form import build
from sweep.laws.law import Published, Real, amplitude, exponent, floor, power


class WidthDepth(NamedTuple):
    """Coefficients."""

    E: Annotated[Real, floor()]
    A: Annotated[Real, amplitude("nats/token x width^p_w")]
    B: Annotated[Real, amplitude("nats/token x depth^p_l")]
    F: Annotated[Real, amplitude("nats/token x params^p_N")]
    G: Annotated[Real, amplitude("nats/token x tokens^p_D")]
    p_w: Annotated[Real, exponent("exponent of width")]
    p_l: Annotated[Real, exponent("exponent of depth")]
    p_N: Annotated[Real, exponent("exponent of params")]
    p_D: Annotated[Real, exponent("exponent of tokens")]


def loss(law: WidthDepth, width: Real, depth: Real, params: Real, tokens: Real) -> Real:
    """Loss in nats/token."""
    shape = law.A * power(width, -law.p_w) + law.B * power(depth, -law.p_l)
    return law.E + shape + law.F * power(params, -law.p_N) + law.G * power(tokens, -law.p_D)


LAW = build(
    id="width_depth",
    formula="L = E + A / width^p_w + B / depth^p_l + F / N^p_N + G / D^p_D",
    coefficients=WidthDepth,
    inputs=("width", "depth", "params", "tokens"),
    loss=loss,
    source="McLeish et al. 2025, arXiv 2502.06857",
    published={
        "gemstones": Published(
            WidthDepth(
                E=math.exp(0.3925),
                A=math.exp(1.452),
                B=math.exp(-0.078),
                F=math.exp(7.970),
                G=math.exp(10.059),
                p_w=0.2447,
                p_l=0.3872,
                p_N=0.5001,
                p_D=0.4761,
            ),
            "McLeish et al. 2025, arXiv 2502.06857, the authors' stored fit (paper text not read)",
            "V",
        )
    },
    limits={"tokens": "E + A / width^p_w + B / depth^p_l + F / N^p_N"},
    linear=("E", "A", "B", "F", "G"),
)
