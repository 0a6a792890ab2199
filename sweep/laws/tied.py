"""Laws with one exponent for size and data: the tied additive law, and the same seen from compute and tokens/param.

    L(N, D) = E + A / N**alpha + B / D**alpha                    nats/token
    L(C, M) = E + (a M**eta + b M**-eta) C**-eta                 nats/token, M = D / N

With C = 6 N D the second is the first with alpha = 2 eta, a = A 6**eta, b = B 6**eta: curves of equal M are parallel in
log-log, so over-training shifts them and leaves their slope (Gadre et al. 2024, arXiv 2403.08540). One exponent fits
few runs stably, but imposes N* ~ C**(1/2).
"""

from typing import Annotated, NamedTuple

import numpy as np

from sweep.laws import additive
from sweep.laws.form import build
from sweep.laws.inputs import Input
from sweep.laws.law import FLOPS_PER_PARAM_TOKEN, Published, Real, amplitude, exponent, floor, free, namespace, power


class Tied(NamedTuple):
    """Coefficients of `additive_tied`."""

    E: Annotated[Real, floor()]
    A: Annotated[Real, amplitude("nats/token x params^alpha")]
    B: Annotated[Real, amplitude("nats/token x tokens^alpha")]
    alpha: Annotated[Real, exponent("exponent of params and of tokens")]


class Overtrain(NamedTuple):
    """Coefficients of `overtrain`."""

    E: Annotated[Real, floor()]
    a: Annotated[Real, amplitude("nats/token x FLOPs^eta, of models small for their compute")]
    b: Annotated[Real, amplitude("nats/token x FLOPs^eta, of models large for their compute")]
    eta: Annotated[Real, exponent("exponent of FLOPs, half that of params and tokens", 1.5, (0.01, 1.0))]


class Errors(NamedTuple):
    """Coefficients of `gadre_error`."""

    epsilon: Annotated[Real, free("error at a loss without bound", 0.0, 1.0, (0.5, 1.0))]
    k: Annotated[Real, amplitude("share of the error that falls", (0.1, 10.0))]
    gamma: Annotated[Real, exponent("per nat/token", 10.0, (0.1, 3.0))]


def full(law: Tied) -> additive.Additive:
    """The same law as an additive one."""
    return additive.Additive(law.E, law.A, law.B, law.alpha, law.alpha)


def tied_loss(law: Tied, params: Real, tokens: Real) -> Real:
    """Loss in nats/token."""
    return law.E + law.A * power(params, -law.alpha) + law.B * power(tokens, -law.alpha)


def overtrain_loss(law: Overtrain, flops: Real, tokens_per_param: Real) -> Real:
    """Loss in nats/token of a run of `flops` FLOPs with `tokens_per_param` tokens a parameter."""
    ratio = power(tokens_per_param, law.eta)
    return law.E + (law.a * ratio + law.b / ratio) * power(flops, -law.eta)


def error(law: Errors, loss: Real) -> Real:
    """Average top-1 error of downstream tasks, Err = epsilon - k exp(-gamma L)."""
    xp = namespace(loss, *law)
    return law.epsilon - law.k * xp.exp(-law.gamma * loss)


def overtrain_optimum(law: Overtrain, flops: Real, k: Real = FLOPS_PER_PARAM_TOKEN) -> tuple[Real, Real]:
    """Compute-optimal (params, tokens): M* = (b / a)**(1 / (2 eta)) at every budget."""
    ratio = (law.b / law.a) ** (1 / (2 * law.eta))
    params = (flops / (k * ratio)) ** 0.5
    return params, params * ratio


def equal_shares(law: Overtrain, *_: Real) -> tuple[Real, Real]:
    """(1/2, 1/2): tokens per parameter do not change with compute."""
    half = np.full(np.shape(law.eta), 0.5)[()]
    return half, half


SOURCE = "Gadre et al. 2024, arXiv 2403.08540"
LAWS = (
    build(
        id="additive_tied",
        formula="L(N, D) = E + A / N^alpha + B / D^alpha",
        coefficients=Tied,
        inputs=("params", "tokens"),
        loss=tied_loss,
        source="Hoffmann et al. 2022, arXiv 2203.15556, eq. 2 with alpha = beta; imposes a = b = 1/2",
        limits={"params": "E + B / D^alpha", "tokens": "E + A / N^alpha"},
        linear=("E", "A", "B"),
        optimum=lambda law, flops, k=FLOPS_PER_PARAM_TOKEN: additive.optimum(full(law), flops, k),
        allocation=lambda law, *_: additive.allocation(full(law)),
    ),
    build(
        id="overtrain",
        formula="L(C, M) = E + (a M^eta + b M^-eta) C^-eta, M = D / N",
        coefficients=Overtrain,
        inputs=("flops", "tokens_per_param"),
        loss=overtrain_loss,
        source=SOURCE + ", eq. 4",
        published={
            "gadre_c4": Published(
                Overtrain(1.51, 141.0, 190.0, 0.121), SOURCE + ", C4 eval after training on C4", "V2"
            ),
            "gadre_c4_refit": Published(
                Overtrain(1.508, 141.28, 189.52, 0.12124), SOURCE + ", refit of its C4 runs", "C"
            ),
            "gadre_redpajama": Published(Overtrain(1.837, 212.24, 366.69, 0.13643), SOURCE + ", refit, RedPajama", "C"),
            "gadre_refinedweb": Published(
                Overtrain(1.734, 157.12, 246.21, 0.1272), SOURCE + ", refit, RefinedWeb", "C"
            ),
        },
        limits={"flops": "E"},
        linear=("E", "a", "b"),
        optimum=overtrain_optimum,
        allocation=equal_shares,
    ),
    build(
        id="gadre_error",
        formula="Err(L) = epsilon - k exp(-gamma L)",
        coefficients=Errors,
        inputs=(Input("loss", "nats/token", log=False),),
        loss=error,
        source=SOURCE + ", eq. 5",
        output="average top-1 error of 17 tasks, 0 to 1",
        target="error",
        published={
            "gadre_error_c4": Published(Errors(0.8497, 2.0789, 0.7561), SOURCE + ", refit of its C4 runs", "C"),
            "gadre_error_redpajama": Published(Errors(0.857, 2.2065, 0.7146), SOURCE + ", refit, RedPajama", "C"),
            "gadre_error_refinedweb": Published(Errors(0.8653, 2.2148, 0.707), SOURCE + ", refit, RefinedWeb", "C"),
        },
        limits={"loss": "epsilon"},
    ),
)
