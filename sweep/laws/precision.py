"""Training and serving in few bits: fewer bits act like fewer parameters; cutting bits afterwards adds loss.

    L(N, D, P) = E + A / N_eff**alpha + B / D**beta,   N_eff = N prod_x (1 - exp(-P_x / gamma_x))      nats/token
    delta(N, D, P) = C_T D**gamma_D / N**gamma_N exp(-P / gamma_post)                                  nats/token

x over weights, activations and key-value cache (Kumar et al. 2024, arXiv 2411.04330). The second is what quantising the
weights after training costs: it grows with tokens per parameter. The fit of the paper has a further bias in each
exponent of N_eff, which is left out here as in its main text; the best number of bits depends on it, so
none is derived.
"""

from typing import Annotated, NamedTuple

from sweep.laws.form import build
from sweep.laws.law import Parameter, Published, Real, amplitude, exponent, floor, namespace, power


def scale_of_bits(what: str) -> Parameter:
    """Bits at which 1 - 1/e of the parameters remain."""
    return Parameter(f"bits, {what}", 1e-3, 50.0, "log", (0.3, 8.0))


class Precision(NamedTuple):
    """Coefficients of `precision`."""

    E: Annotated[Real, floor()]
    A: Annotated[Real, amplitude("nats/token x params^alpha")]
    B: Annotated[Real, amplitude("nats/token x tokens^beta")]
    alpha: Annotated[Real, exponent("exponent of params")]
    beta: Annotated[Real, exponent("exponent of tokens")]
    gamma_w: Annotated[Real, scale_of_bits("sensitivity to the weights")]
    gamma_a: Annotated[Real, scale_of_bits("sensitivity to the activations")]
    gamma_kv: Annotated[Real, scale_of_bits("sensitivity to the key-value cache")]


class Quantised(NamedTuple):
    """Coefficients of `precision_served`."""

    C_T: Annotated[Real, amplitude("nats/token x params^gamma_N / tokens^gamma_D", (1e-4, 1e3))]
    gamma_D: Annotated[Real, exponent("power of tokens")]
    gamma_N: Annotated[Real, exponent("exponent of params")]
    gamma_post: Annotated[Real, Parameter("bits, decay with the bits served", 1e-2, 50.0, "log", (0.2, 5.0))]


def kept(bits: Real, gamma: Real) -> Real:
    """Share of the parameters that `bits` bits leave, 1 - exp(-P / gamma)."""
    return -namespace(bits, gamma).expm1(-bits / gamma)


def loss(law: Precision, params: Real, tokens: Real, bits_weights: Real, bits_activations: Real, bits_kv: Real) -> Real:
    """Loss in nats/token; infinite bits for full precision."""
    share = kept(bits_weights, law.gamma_w) * kept(bits_activations, law.gamma_a) * kept(bits_kv, law.gamma_kv)
    return law.E + law.A * power(params * share, -law.alpha) + law.B * power(tokens, -law.beta)


def degradation(law: Quantised, params: Real, tokens: Real, bits_served: Real) -> Real:
    """Loss added by quantising the weights to `bits_served` bits after training, nats/token."""
    xp = namespace(params, tokens, bits_served, *law)
    return law.C_T * power(tokens, law.gamma_D) * power(params, -law.gamma_N) * xp.exp(-bits_served / law.gamma_post)


SOURCE = "Kumar et al. 2024, arXiv 2411.04330, appendix K"
LAWS = (
    build(
        id="precision",
        formula="L = E + A / (N (1-e^(-Pw/gamma_w)) (1-e^(-Pa/gamma_a)) (1-e^(-Pkv/gamma_kv)))^alpha + B / D^beta",
        coefficients=Precision,
        inputs=("params", "tokens", "bits_weights", "bits_activations", "bits_kv"),
        loss=loss,
        source=SOURCE,
        published={
            "kumar": Published(
                Precision(2.7648, 4299.0, 18060.0, 0.4965, 0.4965, 2.6745, 2.2102, 0.9578),
                SOURCE + "; alpha = beta imposed, without the biases of the exponents",
                "V",
            )
        },
        limits={"params": "E + B / D^beta", "tokens": "E + A / N_eff^alpha", "bits_weights": "no loss from weights"},
        linear=("E", "A", "B"),
        searched=True,
    ),
    build(
        id="precision_served",
        formula="delta(N, D, P) = C_T D^gamma_D / N^gamma_N e^(-P/gamma_post)",
        coefficients=Quantised,
        inputs=("params", "tokens", "bits_served"),
        loss=degradation,
        source=SOURCE,
        output="loss added by quantising after training, nats/token",
        target="loss_added",
        published={"kumar_served": Published(Quantised(0.0598, 0.5068, 0.3439, 0.5907), SOURCE, "V")},
        limits={"bits_served": "0", "tokens": "grows without bound"},
        linear=("C_T",),
    ),
)
