"""Mixtures of experts: loss with the number, the granularity or the sparsity of experts as an input.

Params are the active ones where a law says so; the optimum under C = k N D is at fixed experts.
"""

from typing import Annotated, NamedTuple

from sweep.laws.form import build
from sweep.laws.inputs import Input
from sweep.laws.law import Parameter, Published, Real, amplitude, exponent, floor, free, namespace, power


class Ludziejewski(NamedTuple):
    """Coefficients of `moe_ludziejewski`; alpha and beta are negative as published."""

    a: Annotated[Real, amplitude("nats/token x params^-alpha", (1.0, 1e4))]
    alpha: Annotated[Real, free("power of params at E_hat = 1", -3.0, 0.0, (-0.6, -0.05))]
    delta: Annotated[Real, free("power of E_hat in the size term", -3.0, 3.0, (-0.5, 0.5))]
    gamma: Annotated[Real, free("change of alpha with ln E_hat", -1.0, 1.0, (-0.05, 0.05))]
    b: Annotated[Real, amplitude("nats/token x tokens^-beta", (1.0, 1e4))]
    beta: Annotated[Real, free("power of tokens at E_hat = 1", -3.0, 0.0, (-0.6, -0.05))]
    omega: Annotated[Real, free("power of E_hat in the data term", -3.0, 3.0, (-0.5, 1.0))]
    zeta: Annotated[Real, free("change of beta with ln E_hat", -1.0, 1.0, (-0.05, 0.05))]
    c: Annotated[Real, floor()]
    E_start: Annotated[Real, Parameter("E_hat of a dense model", 1e-2, 1e3, "log", (1.0, 5.0))]
    E_max: Annotated[Real, Parameter("E_hat of unlimited experts", 1.0, 1e6, "log", (50.0, 1000.0))]


class Krajewski(NamedTuple):
    """Coefficients of `moe_krajewski`."""

    c: Annotated[Real, floor()]
    g: Annotated[Real, amplitude("nats/token x params^alpha, of coarse experts", (0.1, 100.0))]
    gamma: Annotated[Real, exponent("exponent of the granularity")]
    a: Annotated[Real, amplitude("nats/token x params^alpha", (0.1, 1e4))]
    alpha: Annotated[Real, exponent("exponent of params")]
    b: Annotated[Real, amplitude("nats/token x tokens^beta", (0.1, 1e4))]
    beta: Annotated[Real, exponent("exponent of tokens")]


class Abnar(NamedTuple):
    """Coefficients of `moe_abnar`; params are all of them."""

    e: Annotated[Real, floor()]
    a: Annotated[Real, amplitude("nats/token x params^alpha")]
    alpha: Annotated[Real, exponent("exponent of params")]
    b: Annotated[Real, amplitude("nats/token x tokens^beta")]
    beta: Annotated[Real, exponent("exponent of tokens")]
    c: Annotated[Real, amplitude("nats/token at no sparsity", (1e-2, 1e2))]
    lambda_: Annotated[Real, free("power of 1 - sparsity, alone", -3.0, 3.0, (-0.5, 0.5))]
    d: Annotated[Real, amplitude("nats/token x params^gamma at no sparsity", (1e-1, 1e3))]
    delta: Annotated[Real, free("power of 1 - sparsity, with params", -3.0, 3.0, (-0.5, 0.5))]
    gamma: Annotated[Real, exponent("exponent of params in the joint term")]


class Clark(NamedTuple):
    """Coefficients of `moe_clark`, of decimal logarithms; params are the dense part, tokens fixed."""

    a: Annotated[Real, free("power of params", -1.0, 0.0, (-0.3, -0.01))]
    b: Annotated[Real, free("power of E_hat", -1.0, 1.0, (-0.3, 0.0))]
    c: Annotated[Real, free("their interaction", -0.2, 0.2, (0.0, 0.03))]
    d: Annotated[Real, free("log10 of the loss at one parameter", -5.0, 5.0, (0.5, 2.0))]
    E_start: Annotated[Real, Parameter("E_hat of a dense model", 1e-2, 1e3, "log", (1.0, 5.0))]
    E_max: Annotated[Real, Parameter("E_hat of unlimited experts", 1.0, 1e6, "log", (50.0, 1000.0))]


def saturated(experts: Real, start: Real, most: Real) -> Real:
    """E_hat: 1 / E_hat = 1 / (E - 1 + (1 / E_start - 1 / E_max)^-1) + 1 / E_max (Clark et al. 2022, eq. 22)."""
    return 1 / (1 / (experts - 1 + 1 / (1 / start - 1 / most)) + 1 / most)


def ludziejewski(law: Ludziejewski, params: Real, tokens: Real, experts: Real) -> Real:
    """Loss in nats/token of `params` active parameters with `experts` experts a layer."""
    xp = namespace(params, tokens, experts, *law)
    effective = saturated(experts, law.E_start, law.E_max)
    order = xp.log(effective)
    size = law.a * power(effective, law.delta) * power(params, law.alpha + law.gamma * order)
    data = law.b * power(effective, law.omega) * power(tokens, law.beta + law.zeta * order)
    return size + data + law.c


def krajewski(law: Krajewski, params: Real, tokens: Real, granularity: Real) -> Real:
    """Loss in nats/token at an expansion of 64."""
    size = (law.g * power(granularity, -law.gamma) + law.a) * power(params, -law.alpha)
    return law.c + size + law.b * power(tokens, -law.beta)


def abnar(law: Abnar, params: Real, tokens: Real, sparsity: Real) -> Real:
    """Loss in nats/token; `sparsity` is the share of inactive experts."""
    active = 1 - sparsity
    dense = law.a * power(params, -law.alpha) + law.b * power(tokens, -law.beta) + law.e
    joint = law.d * power(active, -law.delta) * power(params, -law.gamma)
    return dense + law.c * power(active, -law.lambda_) + joint


def clark(law: Clark, params: Real, experts: Real) -> Real:
    """Loss in nats/token of `params` dense parameters."""
    xp = namespace(params, experts, *law)
    size, order = xp.log10(params), xp.log10(saturated(experts, law.E_start, law.E_max))
    return power(10.0, law.a * size + law.b * order + law.c * size * order + law.d)


CLARK = "Clark et al. 2022, arXiv 2202.01169"
LAWS = (
    build(
        id="moe_ludziejewski",
        formula="L = a E^^delta N^(alpha + gamma ln E^) + b E^^omega D^(beta + zeta ln E^) + c, E^ = saturated experts",
        coefficients=Ludziejewski,
        inputs=("params", "tokens", "experts"),
        loss=ludziejewski,
        source="Ludziejewski et al. 2025, arXiv 2502.05172",
        published={
            "ludziejewski": Published(
                Ludziejewski(
                    35.91, -0.1889, -0.2285, 0.0098, 35.98, -0.1775, 0.5529, -0.0259, 1.3637, 2.0732, 290.4521
                ),
                "Ludziejewski et al. 2025, arXiv 2502.05172; active params with embeddings",
                "V",
            )
        },
        limits={"params": "b E^^omega D^(beta + zeta ln E^) + c", "tokens": "a E^^delta N^(alpha + gamma ln E^) + c"},
        linear=("a", "b", "c"),
        optional="c",
        searched=True,
    ),
    build(
        id="moe_krajewski",
        formula="L(N, D, G) = c + (g / G^gamma + a) / N^alpha + b / D^beta",
        coefficients=Krajewski,
        inputs=("params", "tokens", "granularity"),
        loss=krajewski,
        source="Krajewski et al. 2024, arXiv 2402.07871",
        published={
            "krajewski": Published(
                Krajewski(0.47, 2.1, 0.58, 18.1, 0.115, 30.8, 0.147), "Krajewski et al. 2024, arXiv 2402.07871", "V2"
            )
        },
        limits={"params": "c + b / D^beta", "tokens": "c + (g / G^gamma + a) / N^alpha"},
        linear=("c", "g", "a", "b"),
        optional="c",
        searched=True,
    ),
    build(
        id="moe_abnar",
        formula="L(N, D, S) = a / N^alpha + b / D^beta + c / (1-S)^lambda + d / ((1-S)^delta N^gamma) + e",
        coefficients=Abnar,
        inputs=("params", "tokens", "sparsity"),
        loss=abnar,
        source="Abnar et al. 2025, arXiv 2501.12370; N all parameters, FLOPs of the active ones",
        published={
            "abnar": Published(
                Abnar(0.94, 16612.5, 0.5962, 5455.67, 0.3954, 0.4598, -0.1666, 17.26, 0.1603, 0.1595),
                "Abnar et al. 2025, arXiv 2501.12370",
                "V2",
            )
        },
        limits={"params": "b / D^beta + c / (1-S)^lambda + e"},
        linear=("e", "a", "b", "c", "d"),
        optional="e",
    ),
    build(
        id="moe_clark",
        formula="log10 L = a log10 N + b log10 E^ + c log10 N log10 E^ + d, E^ = saturated experts",
        coefficients=Clark,
        inputs=(Input("params", "parameters of the dense part"), "experts"),
        loss=clark,
        source=CLARK + "; at 130e9 tokens",
        published={
            "clark_s_base": Published(Clark(-0.082, -0.108, 0.009, 1.104, 1.847, 314.478), CLARK + ", S-BASE", "V2"),
            "clark_rl_r": Published(Clark(-0.083, -0.126, 0.012, 1.111, 1.880, 469.982), CLARK + ", RL-R", "V2"),
            "clark_hash": Published(Clark(-0.087, -0.136, 0.012, 1.157, 4.175, 477.741), CLARK + ", HASH", "V2"),
        },
    ),
)
