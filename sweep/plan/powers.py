"""Laws that are powers of size and data under one roof, so that one small formula can stand for all of them.

    L(N, D) = E + (A N**-alpha + B D**-beta)**gamma          nats/token

The inner sum obeys the additive law, whose closed forms then answer for all of them. What else a law reads (experts,
bits) is put in once.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from sweep.laws import Law, moe, precision, tied
from sweep.laws.additive import Additive
from sweep.laws.law import FLOPS_PER_PARAM_TOKEN, power


class Powers(NamedTuple):
    """Coefficients of the form above; fields may carry lanes. R_D and R_N of a law that prices repeats, else None."""

    E: Any
    A: Any
    B: Any
    alpha: Any
    beta: Any
    gamma: Any = 1.0
    R_D: Any = None
    R_N: Any = None

    @property
    def inner(self) -> Additive:
        """What stands under the power gamma; a rising function of it has the same optimum."""
        return Additive(0.0, self.A, self.B, self.alpha, self.beta)

    def loss(self, params: Any, tokens: Any) -> Any:
        """Loss in nats/token, without repeats."""
        return self.E + (self.A * power(params, -self.alpha) + self.B * power(tokens, -self.beta)) ** self.gamma

    def sum_at(self, loss: Any) -> Any:
        """A N**-alpha + B D**-beta at a loss; NaN at or below E."""
        return np.where(loss > self.E, loss - self.E, np.nan) ** (1 / self.gamma)


Inputs = Mapping[str, float]


def of_size_data(law: Any, _: Inputs) -> Powers:
    """Kaplan's L(N, D)."""
    ratio = law.alpha_N / law.alpha_D
    return Powers(0.0, law.N_c**ratio, law.D_c, ratio, 1.0, law.alpha_D)


def of_overtrain(law: Any, _: Inputs) -> Powers:
    """Gadre's L(C, M) with C = 6 N D and M = D / N."""
    scale = FLOPS_PER_PARAM_TOKEN**-law.eta
    return Powers(law.E, law.a * scale, law.b * scale, 2 * law.eta, 2 * law.eta)


def of_krajewski(law: Any, given: Inputs) -> Powers:
    """Experts of a granularity."""
    return Powers(law.c, law.g * given["granularity"] ** -law.gamma + law.a, law.b, law.alpha, law.beta)


def of_ludziejewski(law: Any, given: Inputs) -> Powers:
    """So many experts a layer."""
    effective = moe.saturated(given["experts"], law.E_start, law.E_max)
    order = np.log(effective)
    size, data = law.a * effective**law.delta, law.b * effective**law.omega
    return Powers(law.c, size, data, -(law.alpha + law.gamma * order), -(law.beta + law.zeta * order))


def of_precision(law: Any, given: Inputs) -> Powers:
    """Trained in so many bits."""
    bits = (
        (given["bits_weights"], law.gamma_w),
        (given["bits_activations"], law.gamma_a),
        (given["bits_kv"], law.gamma_kv),
    )
    share = 1.0
    for count, scale in bits:
        share = share * precision.kept(count, scale)
    return Powers(law.E, law.A * share**-law.alpha, law.B, law.alpha, law.beta)


FORMS: dict[str, Callable[[Any, Inputs], Powers]] = {
    "additive": lambda law, _: Powers(*law),
    "additive_tied": lambda law, _: Powers(*tied.full(law)),
    "gamma": lambda law, _: Powers(*law),
    "kaplan_lnd": of_size_data,
    "overtrain": of_overtrain,
    "data_constrained": lambda law, _: Powers(**law._asdict()),
    "moe_krajewski": of_krajewski,
    "moe_ludziejewski": of_ludziejewski,
    "precision": of_precision,
}


def powers_of(law: Law, coefficients: Any, given: Inputs) -> Powers | None:
    """Coefficients of a law in this form; None where it has another."""
    return FORMS[law.id](coefficients, given) if law.id in FORMS else None
