"""A plan's law, lanes, ranges and prices as plain JSON: what a page needs to plan again when its inputs are moved.

To make an answer from it (`sweep.plan.optimum` says why):

    load S      = (prompt x price_prompt + generated x price_serve) / (forward x price_train), tokens; prices of a FLOP
    budget      = k N (D + S) x price_train
    right       worth(N, D) = alpha A N^-alpha / (beta B D^-beta) = 1 + S / D
    price       = dollars an hour / (3600 x peak x mfu), or 1 where costs are in FLOPs

on the coefficients for the answer and on every lane for its interval, whose ends are the quantiles `levels`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sweep.fit.interval import NORMAL
from sweep.fit.result import plain
from sweep.plan.known import MODELS
from sweep.plan.prices import BITS, DEVICES, FORWARD
from sweep.plan.source import Source
from sweep.plan.surface import UNIQUE, Surface

DIGITS = 12  # of a lane's coefficients: the answers keep eight


def export(source: Source, record: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a plan, and what it was made from, in plain JSON types."""
    surface, lanes = source.surface, source.lanes
    names = surface.law.names
    unique = surface.given.get(UNIQUE, surface.most_tokens)
    return plain(
        {
            "law": {
                "id": surface.law.id,
                "formula": surface.law.formula,
                "source": source.name,
                "inputs": list(surface.law.inputs),
                "given": dict(surface.given),
                "repeats": surface.repeats,
                "k": surface.k,
                "coefficients": dict(zip(names, surface.coefficients, strict=True)),
                "additive": None if (law := surface.additive) is None else law._asdict(),
                "floor": surface.floor,
            },
            "lanes": None
            if lanes is None
            else {n: shortened(v) for n, v in zip(names, lanes.coefficients, strict=True)},
            "level": source.level,
            "levels": levels(source),
            "unique_tokens": unique,
            "evidence": source.evidence._asdict() if source.evidence else None,
            "forward": FORWARD,
            "devices": {name: device._asdict() for name, device in DEVICES.items()},
            "bits": BITS,
            "models": {name: model._asdict() for name, model in MODELS.items()},
            "plan": dict(record),
        }
    )


def shortened(values: np.ndarray) -> list[float]:
    """Numbers to DIGITS significant digits."""
    return [float(f"{x:.{DIGITS}g}") for x in values]


def levels(source: Source) -> dict[str, list[float]] | None:
    """Quantiles of the lanes at the ends of an interval, of the size, the tokens and the loss along the frontier.

    They depend little on where along it they are taken, which is at the largest fitted compute.
    """
    if source.lanes is None or source.doubt is None or source.level is None or source.evidence is None:
        return None
    flops = source.evidence.flops[1]
    with np.errstate(all="ignore"):
        params, tokens = source.lanes.frontier(flops)
        found = {"params": params, "tokens": tokens, "loss": source.lanes.loss(params, tokens)}
    z = NORMAL.inv_cdf((1 + source.level) / 2)
    scores = {
        name: z * source.doubt.widening(np.asarray(values, float), source.level) for name, values in found.items()
    }
    return {name: [NORMAL.cdf(-score), NORMAL.cdf(score)] for name, score in scores.items()}


def again(exported: Mapping[str, Any]) -> tuple[Surface, Surface | None]:
    """The surface and the lanes of an exported plan, from its JSON alone: what a page must agree with."""
    from sweep import laws
    from sweep.fit.result import coefficients_of

    block = exported["law"]
    law, most = laws.get(block["id"]), exported["unique_tokens"]
    limit = np.inf if most is None or block["repeats"] else most

    def surface(values: Mapping[str, Any]) -> Surface:
        fields = {name: np.asarray(value, float)[()] for name, value in values.items()}
        return Surface(law, coefficients_of(law, fields), block["k"], block["given"], limit)

    return surface(block["coefficients"]), surface(exported["lanes"]) if exported["lanes"] else None
