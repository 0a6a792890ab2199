"""Loss where data repeat: extra passes are worth less and less, and so are parameters that the data cannot feed.

    L(N, D, U) = E + A / N'**alpha + B / D'**beta                          nats/token
    D' = U_D [1 + R_D* (1 - exp(-R_D / R_D*))],   U_D = min(D, U),   R_D = D / U_D - 1
    N' = U_N [1 + R_N* (1 - exp(-R_N / R_N*))],   U_N = min(N, G (G U_D)**(beta / alpha)),   R_N = N / U_N - 1

U unique tokens; U_N is the size that U_D tokens feed optimally, G = (alpha A / (beta B))**(1 / (alpha + beta))
(Muennighoff et al. 2023, arXiv 2305.16264, eq. 5 to 10). Written with expm1: 1 - exp() loses all digits at large R*,
and invents minima there. R_D* and R_N* lie in a flat valley: compare objectives, not values.
"""

import math
from typing import Annotated, NamedTuple

from sweep.laws.form import build
from sweep.laws.law import Published, Real, amplitude, exponent, floor, namespace, power


class DataConstrained(NamedTuple):
    """Coefficients; with R_D = R_N = 0 those of the additive law."""

    E: Annotated[Real, floor()]
    A: Annotated[Real, amplitude("nats/token x params^alpha")]
    B: Annotated[Real, amplitude("nats/token x tokens^beta")]
    alpha: Annotated[Real, exponent("exponent of params")]
    beta: Annotated[Real, exponent("exponent of tokens")]
    R_D: Annotated[Real, amplitude("R_D*: repetitions after which a token is worth 1/e of a new one", (1.0, 300.0))]
    R_N: Annotated[Real, amplitude("R_N*: the same of parameters beyond what the data feed", (0.3, 300.0))]


def saturating(unique: Real, total: Real, star: Real) -> Real:
    """Effective amount of `total` of which `unique` are distinct, unique [1 + R* (1 - exp(-R / R*))]."""
    xp = namespace(unique, total, star)
    repeats = xp.maximum(total / unique - 1, 0.0)
    return unique * (1 - star * xp.expm1(-repeats / star))


def loss(law: DataConstrained, params: Real, tokens: Real, unique_tokens: Real) -> Real:
    """Loss in nats/token of `tokens` tokens seen of `unique_tokens` that exist."""
    xp = namespace(params, tokens, unique_tokens, *law)
    scale = power(law.alpha * law.A / (law.beta * law.B), 1 / (law.alpha + law.beta))
    data = xp.minimum(tokens, unique_tokens)
    fed = xp.minimum(params, scale * power(scale * data, law.beta / law.alpha))
    size, data = saturating(fed, params, law.R_N), saturating(data, tokens, law.R_D)
    return law.E + law.A * power(size, -law.alpha) + law.B * power(data, -law.beta)


LAW = build(
    id="data_constrained",
    formula="L(N, D, U) = E + A / N'^alpha + B / D'^beta, D' = U_D [1 + R_D (1 - exp((1 - D/U_D) / R_D))], N' alike",
    coefficients=DataConstrained,
    inputs=("params", "tokens", "unique_tokens"),
    loss=loss,
    source="Muennighoff et al. 2023, arXiv 2305.16264, eq. 5 to 10",
    published={
        "muennighoff_repeated": Published(
            DataConstrained(
                E=math.exp(0.6254804),
                A=math.exp(6.255414),
                B=math.exp(7.3049974),
                alpha=0.3526596,
                beta=0.3526596,
                R_D=15.387756,
                R_N=5.309743,
            ),
            "Muennighoff et al. 2023, arXiv 2305.16264, appendix A; alpha = beta imposed",
            "V",
        )
    },
    limits={"tokens": "D' = U (1 + R_D)", "params": "N' = U_N (1 + R_N)", "unique_tokens": "the additive law"},
    searched=True,
)
