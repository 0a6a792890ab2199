"""The whole answer to a question on a law: the run, its cost, its sureness, and what would change it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sweep import quantity
from sweep.fit.predict import warning
from sweep.laws import published
from sweep.plan import breakeven, cheapest, infeasible, limited, sureness
from sweep.plan.prices import BITS, Costs
from sweep.plan.question import QUALITY, SPENT, Question, Run
from sweep.plan.source import Source

LOST = 0.05  # share of the resamples without an answer, above which it is said


def record_of(
    source: Source,
    question: Question,
    served: quantity.Range,
    unique: float | None,
    versus: Sequence[float],
    tolerance: float,
) -> dict[str, Any]:
    """Everything about a plan, in the JSON keys of the command line."""
    surface = source.surface
    infeasible.check(source, question)
    run = question.answer(surface)
    infeasible.refuse(source, question, run)
    run = Run(*(float(x) for x in run))
    params, tokens = (float(x) for x in sureness.best(surface, question, run))
    intervals, lost = intervals_of(source, question, run)
    reach, told = sureness.extrapolation(source, run)
    warnings = [*source.warnings, *told, *lost, *limited.repeated(source, run), *limited.epochs_seen(source, run)]
    warnings += [*cheapest.about_left(source, question, run), *quantised(question.costs, run)]
    band = sureness.flat_band(surface, question, params, tokens, tolerance)
    best = question.run(surface, params, tokens)
    return {
        "law": surface.law.id,
        "formula": surface.law.formula,
        "source": source.name,
        "table": source.record.get("source"),
        "coefficients": dict(zip(surface.law.names, surface.coefficients, strict=True)),
        "question": question_block(source, question, served, unique),
        "params": run.params,
        "tokens": run.tokens,
        "flops": run.flops,
        "loss": run.loss,
        "loss_unit": source.unit,
        "tokens_per_param": run.tokens / run.params,
        "level": source.level,
        "interval": intervals,
        "flat_band": {"loss_tolerance": tolerance, "params": band},
        "cheapest_within_tolerance": cheapest.cheapest(source, question, run, tolerance),
        "budget_left": cheapest.budget_left(source, question, run),
        "best_at_equal_spend": {"params": params, "tokens": tokens, "loss": float(best.loss)},
        "regret": sureness.regret(surface, question, params, tokens),
        "cost": cost_block(source, question, run),
        "demand": band_of_demand(source, question, served),
        "break_even": break_even(source, question, run, served, versus),
        "sensitivity": sureness.sensitivity(source, question, run.params),
        "data": limited.data_block(source, question, run, unique),
        "extrapolation": reach,
        "evidence": source.evidence._asdict() if source.evidence else None,
        "despite": list(source.despite),
        "warnings": warnings,
    }


def run_of(record: Mapping[str, Any]) -> Run:
    """The run of a record."""
    r, c = record, record["cost"]
    return Run(r["params"], r["tokens"], r["loss"], r["flops"], c["serve_flops"], c["train"], c["serve"])


def intervals_of(source: Source, question: Question, run: Run) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Intervals of the answer, from the answers on every lane; and a warning where many lanes have none.

    That of the loss is of the law at the recommended run, which is what would be trained.
    """
    names = ("params", "tokens", "flops", "loss", "tokens_per_param", "total")
    if source.lanes is None:
        return {name: [None, None] for name in names}, []
    lanes = question.answer(source.lanes)
    with np.errstate(all="ignore"):
        values = {
            "params": lanes.params,
            "tokens": lanes.tokens,
            "flops": lanes.flops,
            "tokens_per_param": lanes.tokens / lanes.params,
            "total": lanes.total,
        }
    found = {name: source.interval(np.broadcast_to(v, lanes.loss.shape)) for name, v in values.items()}
    found["loss"] = source.loss_interval(run.params, run.tokens)
    missing = float(np.mean(~(np.isfinite(lanes.params) & np.isfinite(lanes.tokens))))
    told = []
    if missing > LOST:
        message = f"{missing:.0%} of the resamples have no answer to this; the intervals are of the others"
        told.append(warning("lanes_without_answer", message))
    if None in found["params"]:
        told.append(warning("interval_withheld", "too few resamples of the fit have an answer: no interval is given"))
    return {name: found[name] for name in names}, told


def question_block(source: Source, question: Question, served: quantity.Range, unique: float | None) -> dict[str, Any]:
    """What was asked."""
    return {
        "target": question.target or None,
        "value": question.value if question.target else None,
        "fixed": dict(question.fixed),
        "budget_includes_serving": question.target in SPENT and question.served > 0,
        "prompt_tokens": question.prompt,
        "generated_tokens": question.generated,
        "inference_tokens": [served.low, served.middle, served.high],
        "effective_inference_tokens": 3 * question.load,
        "max_params": source.surface.most_params,
        "unique_tokens": unique,
        "target_loss": target_loss(source, question),
    }


def target_loss(source: Source, question: Question) -> float | None:
    """Loss that a target of quality asks for, nats/token; that of another run is of text without limit."""
    if question.target not in QUALITY:
        return None
    return float(np.asarray(question.wish(source.surface).loss))


def cost_block(source: Source, question: Question, run: Run) -> dict[str, Any]:
    """What the run costs, against the run of least training compute at equal loss."""
    plain_run = breakeven.at_loss(source.surface.unlimited, question.serving(0.0), run.loss)
    usual = question.run(source.surface, plain_run.params, plain_run.tokens)
    c = question.costs
    return {
        "unit": c.unit,
        "train": run.train,
        "serve": run.serve,
        "total": run.total,
        "train_flops": run.flops,
        "serve_flops": run.serve_flops,
        "total_flops": run.flops + run.serve_flops,
        "rates": {name: rate.source for name in ("train", "serve", "prompt") if (rate := getattr(c, name))},
        "compute_optimal": {
            "params": float(usual.params),
            "tokens": float(usual.tokens),
            "train": float(usual.train),
            "serve": float(usual.serve),
            "total": float(usual.total),
        },
        "saving": float(1 - run.total / usual.total),
    }


def band_of_demand(source: Source, question: Question, served: quantity.Range) -> list[dict[str, Any]]:
    """The answer where the demand is a tenth and ten times of what is thought, or at the ends of its range."""
    if not question.served:
        return []
    ends = (0.1 * served.middle, 10 * served.middle) if served.low == served.high else (served.low, served.high)
    rows = []
    for tokens in (ends[0], served.middle, ends[1]):
        run = question.serving(tokens).answer(source.surface)
        rows.append({"inference_tokens": tokens, **breakeven.numbers(run), "loss": float(run.loss)})
    return rows


def break_even(
    source: Source, question: Question, run: Run, served: quantity.Range, versus: Sequence[float]
) -> dict[str, Any] | None:
    """The table over demands at equal loss, and other sizes against the recommended one."""
    sizes = [*versus]
    if question.served:
        optimal = breakeven.at_loss(source.surface.unlimited, question.serving(0.0), run.loss).params
        sizes = [*versus, run.params / 2, run.params * 2, float(optimal)]
    sizes = [size for size in sizes if math.isfinite(size) and abs(math.log(size / run.params)) > 1e-6]
    if not sizes:
        return None
    demands = breakeven.demands(*served) if question.served else []
    return {
        "loss": run.loss,
        "rows": breakeven.table(source.surface, question, run.loss, demands),
        "sizes": breakeven.against(source.surface, question, run, sizes),
    }


def quantised(c: Costs, run: Run) -> list[dict[str, str]]:
    """A warning where serving in few bits is cheap and its loss is not in the plan (Kumar et al. 2024)."""
    few = {rate.precision for rate in (c.serve, c.prompt) if rate and BITS[rate.precision] < 16}
    if not few:
        return []
    law, entry = published("kumar_served")
    bits = min(BITS[kind] for kind in few)
    added = float(law.loss(entry.coefficients, run.params, run.tokens, bits))
    return [
        warning(
            "quantised",
            f"serving in {', '.join(sorted(few))} is priced, what it does to the loss is not: by the law of Kumar et "
            f"al. 2024 quantising to {bits:g} bits after training adds {added:.2g} nats/token, more at larger D/N",
        )
    ]
