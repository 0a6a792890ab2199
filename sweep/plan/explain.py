"""Why a model is the size it is: the demand under which a known pair of params and tokens is the right choice.

From the first-order condition, worth(N, D) = 1 + T / (3 D) with the price of serving a token equal to that of training
it (Sardana et al. 2024, arXiv 2401.00448). A pair with worth below 1 is larger than compute-optimal: no demand makes
it right.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sweep import quantity
from sweep.errors import InputError
from sweep.fit.result import Fit, plain
from sweep.nearest import nearest
from sweep.plan import optimum, sureness
from sweep.plan.breakeven import load_of
from sweep.plan.known import MODELS, Model
from sweep.plan.prices import Costs, costs
from sweep.plan.question import Question, Run
from sweep.plan.source import Source, source_of
from sweep.storage import Location
from sweep.tables.units import brief

OPTION = "--explain"


def explain(
    law: Fit | str | Location,
    what: str = "all",
    *,
    train: str | None = None,
    serve: str | None = None,
    level: float | None = None,
    given: dict[str, float] | None = None,
    despite: Sequence[str] = (),
) -> dict[str, Any]:
    """The demand that known models imply, what they cost against compute-optimal, and how far outside the law they lie.

    Args:
        what: "params=8e9,tokens=15e12", the name of a model in sweep.plan.known, or "all" of them.
        train, serve: rates; without them a served token costs a third of a trained one, as in FLOPs.

    Returns:
        Plain JSON types: law, source, models, warnings.

    Raises:
        InputError: no such model; quantities that cannot be meant; a law without an optimum.
    """
    source = source_of(law, given, level, despite)
    if source.surface.repeats:
        source = source.limited(quantity.positive(OPTION, 1e30))
    prices = costs(train, serve, None, None, True)
    models = explained(source, models_of(what), prices)
    return plain(
        {
            "law": source.surface.law.id,
            "source": source.name,
            "level": source.level,
            "models": models,
            "evidence": source.evidence._asdict() if source.evidence else None,
            "warnings": list(source.warnings),
        }
    )


def models_of(what: str) -> dict[str, Model]:
    """The models meant by the option's text."""
    if what == "all":
        return MODELS
    if "=" not in what:
        if what not in MODELS:
            raise InputError(f"{OPTION} {what}: no such model{nearest(what, MODELS)}; known: {', '.join(MODELS)}")
        return {what: MODELS[what]}
    values = quantity.pairs(OPTION, what)
    if set(values) != {"params", "tokens"}:
        raise InputError(f"{OPTION} {what}: write params=8e9,tokens=15e12")
    params, tokens = (quantity.count(f"{OPTION} {name}", values[name], name) for name in ("params", "tokens"))
    return {"this model": Model(params, tokens, "", "as given")}


def explained(source: Source, models: Mapping[str, Model], prices: Costs) -> list[dict[str, Any]]:
    """Models under the law, all in one call."""
    surface, question = source.surface, Question(costs=prices)
    size, seen = (np.array([getattr(model, name) for model in models.values()]) for name in ("params", "tokens"))
    run = question.run(surface, size, seen)
    per_token = load_of(question.serving(1e12)) / 1e12
    right = optimum.right_load(surface, size, seen) / per_token
    same = surface.frontier(run.flops)
    equal = optimum.solve(surface, optimum.Wish(loss=run.loss))
    columns = {
        "loss": run.loss,
        "flops": run.flops,
        "worth": surface.worth(size, seen),
        "size_factor": size / same[0],
        "loss_increase": run.loss - surface.loss(*same),
        "flops_factor": run.flops / (surface.k * equal[0] * equal[1]),
    }
    rows = []
    for i, (name, model) in enumerate(models.items()):
        reach, warnings = sureness.extrapolation(source, Run(*(x[i] for x in run)))
        pair = right_interval(source, model, per_token)
        rows.append(
            {
                "name": name,
                "date": model.date or None,
                "source": model.source,
                "params": model.params,
                "tokens": model.tokens,
                "tokens_per_param": model.tokens / model.params,
                **{key: float(values[i]) for key, values in columns.items()},
                "loss_unit": source.unit,
                "inference_tokens": float(right[i]) if right[i] >= 0 else None,
                "inference_tokens_interval": [None if x is None or x < 0 else x for x in pair],
                "compute_optimal": {
                    "at_equal_flops": dict(zip(("params", "tokens"), (float(x[i]) for x in same), strict=True)),
                    "at_equal_loss": dict(zip(("params", "tokens"), (float(x[i]) for x in equal), strict=True)),
                },
                "extrapolation": reach,
                "warnings": warnings if source.evidence else [],
            }
        )
    return rows


def right_interval(source: Source, model: Model, per_token: float) -> list[float | None]:
    """Interval of the demand under which a model is right, from the lanes."""
    if source.lanes is None:
        return [None, None]
    with np.errstate(all="ignore"):
        return source.interval(optimum.right_load(source.lanes, model.params, model.tokens) / per_token)


def describe(r: dict[str, Any]) -> str:
    """The explanations for people: a sentence for one model, a table for several."""
    from sweep.plan.short import line, short
    from sweep.plan.words import span

    told = [line("warning", f"{w['code']}: {w['message']}") for w in r["warnings"]]
    head = f"{r['source']}: the demand under which each model is the right choice"
    if len(r["models"]) == 1:
        m = r["models"][0]
        own = [line("warning", f"{w['code']}: {w['message']}") for w in m["warnings"]]
        return "\n".join([f"{r['source']}", "", *single(m), *own, *told])
    lines = [
        f"{'':15s} {'date':7s} {'params':>7s} {'tokens':>7s} {'D/N':>6s}  {'right at':>9s} served"
        "   size   compute   D/N beyond"
    ]
    for m in r["models"]:
        right = short(m["inference_tokens"]) if m["inference_tokens"] is not None else "no demand"
        beyond = m["extrapolation"]["tokens_per_param"]
        lines.append(
            f"{m['name']:15s} {m['date'] or '':7s} {short(m['params']):>7s} {short(m['tokens']):>7s} "
            f"{m['tokens_per_param']:6,.0f}  {right:>9s}{span(m['inference_tokens_interval'])}        "
            f"{m['size_factor']:5.2f}x  {m['flops_factor'] or float('inf'):6.2f}x"
            f"   {'' if beyond is None else f'{beyond:.3g}x'}"
        )
    notes = [
        "size: params over those of the compute-optimal model of the same FLOPs",
        "compute: training FLOPs over those of the compute-optimal run of the same loss",
        "D/N beyond: factor outside the tokens per parameter of the runs behind the law",
        *dict.fromkeys(f"{m['name']}: {m['source']}" for m in r["models"]),
    ]
    return "\n".join([head, "", *lines, "", *notes, *told])


def single(m: dict[str, Any]) -> list[str]:
    """One model in sentences."""
    from sweep.plan.short import line, short
    from sweep.plan.words import span

    served = m["inference_tokens"]
    right = (
        f"at {short(served)} served tokens{span(m['inference_tokens_interval'])}"
        if served is not None
        else "at no demand: it is larger than compute-optimal for its tokens"
    )
    same, equal = m["compute_optimal"]["at_equal_flops"], m["compute_optimal"]["at_equal_loss"]
    return [
        line("model", f"{m['name']}: {short(m['params'])} params on {short(m['tokens'])} tokens, {m['source']}"),
        line("right", f"{right} (D/N = {m['tokens_per_param']:,.4g}, loss {m['loss']:.4f} {m['loss_unit']})"),
        line(
            "cost",
            f"{m['flops']:.3g} FLOPs, {m['flops_factor']:.3g}x those of the compute-optimal run of equal loss "
            f"({short(equal['params'])} on {short(equal['tokens'])})",
        ),
        line(
            "instead",
            f"compute-optimal for the same FLOPs: {short(same['params'])} on {short(same['tokens'])}, "
            f"{m['loss_increase']:.4f} {brief(m['loss_unit'])} lower",
        ),
    ]
