"""Whole loss curves from the learning-rate schedule: what is gained by annealing, added to a power of the rate's sum.

    L(s) = L0 + A / S1**alpha - C S2                                                       `tissue`
    L(s) = L0 + A / S1**alpha - B sum_k (lr_{k-1} - lr_k) [1 - (1 + C lr_k**-gamma S_k)**-beta]     `multi_power`

S1 the sum of the rates up to step s, S2 the momentum-weighted sum of their drops, S_k the sum of the rates from step k
to s. Tissue et al. 2024 (arXiv 2408.11029); Luo et al. 2025 (2503.12811). Linear in S2, the first over-rewards a deep
sudden drop; the second repairs that. One model size: curves of several sizes want one fit each.
"""

from typing import Annotated, NamedTuple

from sweep.laws.form import build
from sweep.laws.law import Published, Real, amplitude, exponent, floor, namespace, power
from sweep.laws.schedules import GROUPS


class Tissue(NamedTuple):
    """Coefficients of `tissue`; the momentum of S2 is fixed at 0.999."""

    L0: Annotated[Real, floor()]
    A: Annotated[Real, amplitude("nats/token x lr_sum^alpha", (1e-2, 1e2))]
    C: Annotated[Real, amplitude("nats/token per unit of annealing", (1e-3, 1e2))]
    alpha: Annotated[Real, exponent("exponent of lr_sum")]


class MultiPower(NamedTuple):
    """Coefficients of `multi_power`."""

    L0: Annotated[Real, floor()]
    A: Annotated[Real, amplitude("nats/token x lr_sum^alpha", (1e-2, 1e2))]
    B: Annotated[Real, amplitude("nats/token per unit of learning rate", (1.0, 1e5))]
    C: Annotated[Real, amplitude("lr^gamma per unit of lr_sum", (1e-2, 1e2))]
    alpha: Annotated[Real, exponent("exponent of lr_sum")]
    beta: Annotated[Real, exponent("exponent of the after-effect of a drop")]
    gamma: Annotated[Real, exponent("power of the rate in the after-effect")]


def tissue(law: Tissue, lr_sum: Real, lr_annealing: Real) -> Real:
    """Loss in nats/token."""
    return law.L0 + law.A * power(lr_sum, -law.alpha) - law.C * lr_annealing


def multi_power(law: MultiPower, lr_history: Real) -> Real:
    """Loss in nats/token [n] of rows compressed by `schedules.compress` [1 + 6 GROUPS, n].

    Coefficients broadcast against the rows as everywhere: numbers, [lanes, 1], or [1, lanes] with rows [..., n, 1].
    """
    xp = namespace(lr_history, *law)
    rows, lanes = lr_history.shape[1:], max(xp.ndim(x) for x in law)
    groups = xp.reshape(lr_history[1:], (2, 3, GROUPS, *rows))
    shape = (2 * GROUPS, *(1,) * max(lanes - len(rows), 0), *rows)  # the groups ahead of all lanes
    changes, rates, since = (xp.reshape(groups[:, j], shape) for j in range(3))
    C, beta, gamma = (x if xp.ndim(x) == 0 else x[None] for x in (law.C, law.beta, law.gamma))
    effect = changes * (1 - power(1 + C * power(rates, -gamma) * since, -beta))
    return law.L0 + law.A * power(lr_history[0], -law.alpha) + law.B * xp.sum(effect, axis=0)


def named(*row: float) -> MultiPower:
    """Coefficients in the order of the source: L0, A, alpha, B, C, beta, gamma."""
    L0, A, alpha, B, C, beta, gamma = row
    return MultiPower(L0, A, B, C, alpha, beta, gamma)


LUO = "Luo et al. 2025, arXiv 2503.12811, authors' code"
REFIT = "fit of the training curves of arXiv 2503.12811 with the form of 2408.11029"
LAWS = (
    build(
        id="tissue",
        formula="L(s) = L0 + A / S1^alpha - C S2",
        coefficients=Tissue,
        inputs=("lr_sum", "lr_annealing"),
        loss=tissue,
        source="Tissue et al. 2024, arXiv 2408.11029; its own coefficients are not verified",
        published={
            "tissue_25m": Published(Tissue(3.158, 0.5136, 0.4019, 0.5134), REFIT + ", 25M params", "C"),
            "tissue_100m": Published(Tissue(2.789, 0.5926, 0.4812, 0.4550), REFIT + ", 100M params", "C"),
            "tissue_400m": Published(Tissue(2.5246, 0.6536, 0.5700, 0.4205), REFIT + ", 400M params", "C"),
        },
        limits={"lr_sum": "L0 - C S2"},
        linear=("L0", "A", "C"),
        optional="L0",
    ),
    build(
        id="multi_power",
        formula="L(s) = L0 + A / S1^alpha - B sum_k (lr_(k-1) - lr_k) [1 - (1 + C lr_k^-gamma S_k)^-beta]",
        coefficients=MultiPower,
        inputs=("lr_history",),
        loss=multi_power,
        source="Luo et al. 2025, arXiv 2503.12811",
        published={
            "luo_25m": Published(
                named(3.04045406, 0.52468604, 0.50786857, 363.78751622, 2.06560812, 0.58279013, 0.64142257),
                LUO + ", 25M params",
                "V",
            ),
            "luo_100m": Published(
                named(2.6514477, 0.60115152, 0.45295811, 437.9464276, 2.13245612, 0.59785199, 0.65523644),
                LUO + ", 100M params",
                "V",
            ),
            "luo_400m": Published(
                named(2.37474466, 0.65421216, 0.42878731, 523.42464371, 2.02462735, 0.59350493, 0.63472457),
                LUO + ", 400M params",
                "V",
            ),
        },
        linear=("L0", "A", "B"),
        optional="L0",
    ),
)
