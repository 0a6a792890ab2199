"""The laws of Kaplan et al. 2020 (arXiv 2001.08361): powers without a floor, parameters without embeddings.

    L(N) = (N_c / N)**alpha_N                                   trained to convergence
    L(D) = (D_c / D)**alpha_D                                   large models, stopped early
    L(C) = (C_c / C)**alpha_C                                   compute-optimal, in FLOPs here (1 PF-day = 8.64e19)
    L(N, D) = [(N_c / N)**(alpha_N / alpha_D) + D_c / D]**alpha_D
    B_crit(L) = B* / L**(1 / alpha_B)                           tokens

L(N, D) is a rising function of an additive law, so its optimum has the closed form of that law. The N ~ C**0.73 of the
paper comes from runs stopped short at a fixed schedule, not from L(N, D), which gives C**0.58.
"""

from typing import Annotated, NamedTuple

from sweep.laws import additive
from sweep.laws.form import build
from sweep.laws.law import FLOPS_PER_PARAM_TOKEN, Published, Real, amplitude, exponent, power

PF_DAY = 8.64e19  # FLOPs
SOURCE = "Kaplan et al. 2020, arXiv 2001.08361"
CRITICAL = (1e4, 1e24)


class Power(NamedTuple):
    """Coefficients of a law of one quantity."""

    scale: Annotated[Real, amplitude("value of the input at which the loss would be 1 nat/token", (1e8, 1e30))]
    exponent: Annotated[Real, exponent("exponent of the input", 1.0, (0.01, 0.5))]


class SizeData(NamedTuple):
    """Coefficients of L(N, D)."""

    N_c: Annotated[Real, amplitude("params at which unlimited data would give 1 nat/token", CRITICAL)]
    D_c: Annotated[Real, amplitude("tokens at which unlimited size would give 1 nat/token", CRITICAL)]
    alpha_N: Annotated[Real, exponent("exponent of params", 1.0, (0.01, 0.5))]
    alpha_D: Annotated[Real, exponent("exponent of tokens", 1.0, (0.01, 0.5))]


class Batch(NamedTuple):
    """Coefficients of B_crit(L)."""

    B_star: Annotated[Real, amplitude("tokens, critical batch at 1 nat/token", (1e5, 1e11))]
    alpha_B: Annotated[Real, exponent("inverse exponent of the loss", 2.0, (0.05, 1.0))]


def one_power(law: Power, x: Real) -> Real:
    """Loss in nats/token, (scale / x)**exponent."""
    return power(law.scale / x, law.exponent)


def size_data(law: SizeData, params: Real, tokens: Real) -> Real:
    """Loss in nats/token (eq. 1.5)."""
    return power(power(law.N_c / params, law.alpha_N / law.alpha_D) + law.D_c / tokens, law.alpha_D)


def inner(law: SizeData) -> additive.Additive:
    """The additive law under the power alpha_D: the same optimum."""
    ratio = law.alpha_N / law.alpha_D
    return additive.Additive(0.0, law.N_c**ratio, law.D_c, ratio, 1.0)


def critical_batch(law: Batch, loss: Real) -> Real:
    """Critical batch in tokens at a loss in nats/token (eq. 1.4)."""
    return law.B_star * power(loss, -1 / law.alpha_B)


def least_steps(steps: Real, batch: Real, critical: Real) -> Real:
    """Steps that a batch far above the critical one would need for the same loss, S / (1 + B_crit / B)."""
    return steps / (1 + critical / batch)


def least_compute(flops: Real, batch: Real, critical: Real) -> Real:
    """FLOPs that a batch far below the critical one would need for the same loss, C / (1 + B / B_crit)."""
    return flops / (1 + batch / critical)


def one(id: str, symbol: str, input: str, name: str, coefficients: Power, where: str):
    """A law of one input."""
    return build(
        id=id,
        formula=f"L({symbol}) = (scale / {symbol})^exponent",
        coefficients=Power,
        inputs=(input,),
        loss=one_power,
        source=f"{SOURCE}, {where}",
        published={name: Published(coefficients, f"{SOURCE}, {where}", "V")},
        limits={input: "0"},
    )


LAWS = (
    one("kaplan_ln", "N", "params", "kaplan_size", Power(8.8e13, 0.076), "eq. 1.1; params without embeddings"),
    one("kaplan_ld", "D", "tokens", "kaplan_data", Power(5.4e13, 0.095), "eq. 1.2"),
    one("kaplan_lc", "C", "flops", "kaplan_compute", Power(1.6e7 * PF_DAY, 0.057), "fixed batch; in FLOPs"),
    one("kaplan_lcmin", "C", "flops", "kaplan_least_compute", Power(3.1e8 * PF_DAY, 0.050), "eq. 1.3; in FLOPs"),
    build(
        id="kaplan_lnd",
        formula="L(N, D) = [(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D",
        coefficients=SizeData,
        inputs=("params", "tokens"),
        loss=size_data,
        source=SOURCE + ", eq. 1.5; params without embeddings",
        published={"kaplan": Published(SizeData(6.4e13, 1.8e13, 0.076, 0.103), SOURCE + ", table 2", "V2")},
        limits={"params": "(D_c / D)^alpha_D", "tokens": "(N_c / N)^alpha_N"},
        optimum=lambda law, flops, k=FLOPS_PER_PARAM_TOKEN: additive.optimum(inner(law), flops, k),
        allocation=lambda law, *_: additive.allocation(inner(law)),
    ),
    build(
        id="kaplan_cbs",
        formula="B_crit(L) = B_star / L^(1 / alpha_B)",
        coefficients=Batch,
        inputs=("loss",),
        loss=critical_batch,
        source=SOURCE + ", eq. 1.4",
        output="critical batch, tokens",
        target="batch_tokens",
        published={"kaplan_batch": Published(Batch(2e8, 0.21), SOURCE + ", eq. 1.4", "V")},
    ),
)
