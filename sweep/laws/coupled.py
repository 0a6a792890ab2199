"""The coupled law: size and data terms under a common power, so that the trade between them need not be additive.

    L(N, D) = E + (A / N**alpha + B / D**beta)**gamma          nats/token

gamma = 1 is the additive law, E = 0 has the form of Kaplan's L(N, D). Used for distillation laws (arXiv 2502.08606) and
xLSTM (Beck et al. 2025, 2510.02228): over a wide range of tokens per parameter it fits where the additive law must bend
its floor. A rising function of the additive law has the same optimum; the loss falls with alpha gamma and beta gamma.
"""

import math
from typing import Annotated, NamedTuple

from sweep.laws import additive
from sweep.laws.form import build
from sweep.laws.law import FLOPS_PER_PARAM_TOKEN, Published, Real, amplitude, exponent, floor, power


class Gamma(NamedTuple):
    """Coefficients; A and B are in nats/token to the power 1 / gamma."""

    E: Annotated[Real, floor()]
    A: Annotated[Real, amplitude("(nats/token)^(1/gamma) x params^alpha", (1e0, 1e9))]
    B: Annotated[Real, amplitude("(nats/token)^(1/gamma) x tokens^beta", (1e0, 1e9))]
    alpha: Annotated[Real, exponent("exponent of params", start=(0.1, 1.5))]
    beta: Annotated[Real, exponent("exponent of tokens", start=(0.1, 1.5))]
    gamma: Annotated[Real, exponent("common power of both terms", start=(0.2, 1.2))]


def terms(law: Gamma) -> additive.Additive:
    """The additive law under the power gamma."""
    return additive.Additive(0.0, law.A, law.B, law.alpha, law.beta)


def loss(law: Gamma, params: Real, tokens: Real) -> Real:
    """Loss in nats/token."""
    inner = law.A * power(params, -law.alpha) + law.B * power(tokens, -law.beta)
    return law.E + power(inner, law.gamma)


def named(a: float, b: float, E: float, alpha: float, beta: float, gamma: float) -> Gamma:
    """Coefficients from (ln A, ln B, ln E, ...) as the source lists them."""
    return Gamma(math.exp(E), math.exp(a), math.exp(b), alpha, beta, gamma)


SOURCE = "Beck et al. 2025, arXiv 2510.02228, stored fits"
LAW = build(
    id="gamma",
    formula="L(N, D) = E + (A / N^alpha + B / D^beta)^gamma",
    coefficients=Gamma,
    inputs=("params", "tokens"),
    loss=loss,
    source="Busbridge et al. 2025, arXiv 2502.08606; Beck et al. 2025, arXiv 2510.02228",
    published={
        "xlstm_transformer": Published(
            named(14.445072, 16.329536, 0.090102, 0.644827, 0.625879, 0.253203),
            SOURCE + ", transformer, least squares",
            "V",
        ),
        "xlstm": Published(
            named(15.457385, 16.52583, 0.176768, 0.705822, 0.653441, 0.2578), SOURCE + ", xLSTM, least squares", "V"
        ),
    },
    limits={"params": "E + (B / D^beta)^gamma", "tokens": "E + (A / N^alpha)^gamma"},
    optimum=lambda law, flops, k=FLOPS_PER_PARAM_TOKEN: additive.optimum(terms(law), flops, k),
    allocation=lambda law, *_: additive.allocation(terms(law)),
)
