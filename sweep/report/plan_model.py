"""What the page of a plan recomputes with: laws as powers with their resamples, devices, models, and what was asked."""

import base64
from typing import Any

import numpy as np

from sweep import laws
from sweep.fit.predict import backtest_widening
from sweep.fit.result import plain
from sweep.plan.known import MODELS
from sweep.plan.plan import Plan
from sweep.plan.powers import FORMS, Powers
from sweep.plan.prices import DEVICES, Rate
from sweep.plan.source import SPLIT, Source, of_published
from sweep.plan.surface import UNIQUE, Surface

OWN = "own"  # id of the law that was planned with


def model(made: Plan) -> dict[str, Any] | None:
    """Everything in plain JSON types; None where the law is not of the form that the page knows."""
    if made.source.surface.law.id not in FORMS:
        return None
    return plain(
        {
            "laws": [law_block(OWN, made.source), *(law_block(id, of_published(id, {})) for id in others())],
            "asked": asked(made),
            "devices": devices(made),
            "models": [{"name": name, **one._asdict()} for name, one in MODELS.items()],
        }
    )


def others() -> list[str]:
    """Published coefficients that the page can plan with: verified, and without further inputs."""
    known = []
    for law in laws.LAWS.values():
        if law.id in FORMS and not set(law.inputs) - SPLIT - {UNIQUE}:
            known += [id for id, entry in law.published.items() if entry.verified]
    return known


def law_block(id: str, source: Source) -> dict[str, Any]:
    """One law: its coefficients as powers, its evidence, and its resamples."""
    surface = source.surface
    return {
        "id": id,
        "name": source.name,
        "formula": surface.law.formula,
        "k": surface.k,
        "unit": source.unit,
        "coefficients": present(exported(surface)),
        "repeats": surface.repeats,
        "floorIsE": surface.floor_name is not None,
        "evidence": source.evidence._asdict() if source.evidence else None,
        "despite": list(source.despite),
        "lanes": lanes_block(source),
    }


def exported(surface: Surface) -> Powers:
    """Coefficients as powers, those of the law of repetition too."""
    return FORMS[surface.law.id](surface.coefficients, surface.given)


def present(powers: Powers) -> dict[str, float]:
    """Coefficients by name, without those that a law does not have."""
    return {name: float(value) for name, value in powers._asdict().items() if value is not None}


def lanes_block(source: Source) -> dict[str, Any] | None:
    """The resamples, and what the intervals need of them; None where there are too few for any."""
    lanes, doubt, level = source.lanes, source.doubt, source.level
    if lanes is None or doubt is None or level is None or doubt.groups < 2 or len(doubt.drawn) < doubt.least:
        return None
    count, groups = doubt.drawn.shape
    columns = {name: value for name, value in exported(lanes)._asdict().items() if value is not None}
    return {
        "lanes": count,
        "columns": {name: packed(np.broadcast_to(value, count), "<f8") for name, value in columns.items()},
        "groups": groups,
        "drawn": packed(doubt.drawn, "<u1" if doubt.drawn.max(initial=0) < 256 else "<u2")
        if count >= 2 * groups > 2
        else None,
        "level": level,
        "reach": doubt.reach(level),
        "least": doubt.least,
        "widening": backtest_widening(source.record),
        "largest": source.record["range"]["flops"][1],
    }


def packed(values: np.ndarray, kind: str) -> str:
    """Numbers as base64 of their bytes."""
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()


def devices(made: Plan) -> list[dict[str, Any]]:
    """Dense peaks in FLOP/s by device and precision, with where they are from; those that were stated first."""
    costs = made.question.costs
    stated = {rate.device: rate.facts for rate in (costs.train, costs.serve, costs.prompt) if rate is not None}
    return [
        {"name": f"{name} {precision}", "peak": peak, "source": device.source}
        for name, device in ({x: y for x, y in stated.items() if x not in DEVICES} | DEVICES | stated).items()
        for precision, peak in device.peaks.items()
    ]


def asked(made: Plan) -> dict[str, Any]:
    """The question as the page's inputs hold it."""
    question, record = made.question, made.record
    costs = question.costs
    prompt = None if costs.prompt == costs.serve else costs.prompt
    rows = (record["break_even"] or {}).get("rows") or []
    return {
        "law": OWN,
        "target": question.target,
        "value": question.value if question.target else None,
        "fixed": {name: question.fixed.get(name) for name in ("params", "tokens", "tokens_per_param")},
        "prompt": question.prompt,
        "generated": question.generated,
        "unique": record["data"]["unique_tokens"] if record["data"] else None,
        "most": made.source.surface.most_params,
        "rates": {"train": rate_block(costs.train), "serve": rate_block(costs.serve), "prompt": rate_block(prompt)},
        "tolerance": record["flat_band"]["loss_tolerance"],
        "versus": list(made.versus),
        "demands": [row["inference_tokens"] for row in rows if row["inference_tokens"]] or None,
    }


def rate_block(rate: Rate | None) -> dict[str, Any] | None:
    """A rate as the page knows it: dollars an hour, share of the peak, and the dense peak in FLOP/s."""
    if rate is None:
        return None
    name = f"{rate.device} {rate.precision}"
    return {"device": name, "usd": rate.usd_per_hour, "mfu": rate.mfu, "peak": rate.peak}
