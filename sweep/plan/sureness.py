"""How sure a plan is: sizes that do nearly as well, what a wrong size costs, which input moves the answer most."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from sweep.fit.predict import FAR, times, warning
from sweep.plan import optimum, root
from sweep.plan.prices import FLOPS, Costs
from sweep.plan.question import SPENT, Question, Run
from sweep.plan.source import Source
from sweep.plan.surface import UNIQUE, Surface

REACH = 15.0  # in ln N, as far as the flat band is looked for: a factor of three million
LOSS_STEP = 0.01  # nats/token, by which a target loss is moved
FACTORS = (0.5, 2.0)  # of the size, whose regret is told
INSIDE = 1.001  # a factor up to here counts as inside the fitted range


def best(surface: Surface, question: Question, run: Run) -> tuple[float, float]:
    """(params, tokens) of the best run for what `run` spends: itself, unless its size or tokens were fixed."""
    if len(question.fixed) + bool(question.target) < 2:
        return run.params, run.tokens
    spend = run.params * (run.tokens + question.load)
    return optimum.solve(surface, optimum.Wish(spend=spend, load=question.load))


def along(surface: Surface, spend: float, load: float, x: Any) -> Any:
    """Loss of ln N = x at a spend, with no more tokens than there are; infinite for a size that is not possible."""
    params = np.exp(x)
    tokens = np.minimum(spend / params - load, surface.most_tokens)
    possible = (tokens > 0) & (params <= surface.most_params * (1 + 1e-12))  # params are exp(ln N)
    return np.where(possible, surface.loss(params, np.where(tokens > 0, tokens, 1.0)), np.inf)


def flat_band(
    surface: Surface, question: Question, params: float, tokens: float, tolerance: float
) -> list[float | None]:
    """[smallest, largest] size within `tolerance` nats/token of the best for the same spend; None without an end."""
    load, spend = question.load, params * (tokens + question.load)
    with np.errstate(all="ignore"):
        most, middle = surface.loss(params, tokens) + tolerance, math.log(params)
        low = root.rising(lambda x: most - along(surface, spend, load, x), middle - REACH, middle)
        high = root.rising(lambda x: along(surface, spend, load, x) - most, middle, middle + REACH)
    return [None if np.isnan(end) else float(np.exp(end)) for end in (low, high)]


def regret(surface: Surface, question: Question, params: float, tokens: float) -> list[dict[str, Any]]:
    """Half and double the best size: what it loses at the same spend, and what the same loss costs with it."""
    load, spend = question.load, params * (tokens + question.load)
    rows = []
    with np.errstate(all="ignore"):
        reached = surface.loss(params, tokens)
        for factor in FACTORS:
            size = params * factor
            worse = along(surface, spend, load, math.log(size)) - reached
            needed = surface.tokens_for(size, reached)
            needed = needed if needed <= surface.most_tokens else math.nan
            rows.append(
                {
                    "factor": factor,
                    "params": size,
                    "loss_increase": float(worse),
                    "tokens_for_equal_loss": float(needed),
                    "cost_factor_for_equal_loss": float(size * (needed + load) / spend),
                }
            )
    return rows


def sensitivity(source: Source, question: Question, params: float) -> list[dict[str, Any]]:
    """What each input does to the size when it is off by a plausible factor, the strongest first; nothing where the
    size is held fixed."""
    if "params" in question.fixed:
        return []
    rows = []
    for name, (low, high), cases in moved(source, question):
        sizes = [float(asked.answer(at.surface).params) for at, asked in cases]
        rows.append({"input": name, "low": low, "high": high, "params": sizes})
    pair = source.interval(question.answer(source.lanes).params) if source.lanes else [None, None]
    if None not in pair:
        level = f"{source.level:.0%} interval"
        rows.append({"input": "the fit", "low": level, "high": level, "params": pair})
    for row in rows:
        row["factors"] = [size / params if size and math.isfinite(size) else None for size in row["params"]]
    return sorted(rows, key=span, reverse=True)


def span(row: dict[str, Any]) -> float:
    """How far apart the two sizes are, in ln N; without an answer on one side, without end."""
    low, high = row["factors"]
    return math.inf if low is None or high is None else abs(math.log(high / low))


Moved = tuple[str, list[str], list[tuple[Source, Question]]]


def moved(source: Source, question: Question) -> Iterator[Moved]:
    """(name, [low, high] in words, the two cases) of each input that may be off."""
    if question.target:
        steps = (
            (-LOSS_STEP, LOSS_STEP) if question.target == "loss" else tuple(question.value * (f - 1) for f in FACTORS)
        )
        ends = [dataclasses.replace(question, value=question.value + step) for step in steps]
        name = "budget" if question.target in SPENT else "quality target"
        written = {"usd": "${:,.0f}", "device_hours": "{:,.0f}"}.get(question.target, "{:.4g}")
        yield name, [written.format(q.value) for q in ends], [(source, q) for q in ends]
    if question.served:
        ends = [question.scaled(factor) for factor in (0.1, 10.0)]
        yield "demand", [f"{q.served:.3g} tokens" for q in ends], [(source, q) for q in ends]
        yield from rates(source, question)
    unique = source.surface.given.get(UNIQUE, source.surface.most_tokens)
    if math.isfinite(unique):
        yield (
            "unique tokens",
            [f"{unique * f:.3g}" for f in FACTORS],
            [(source.limited(unique * f), question) for f in FACTORS],
        )


def rates(source: Source, question: Question) -> Iterator[Moved]:
    """Shares of the peak and prices, where the load depends on them."""
    costs = question.costs
    if costs.unit == FLOPS or question.target == "compute":
        return
    for name, title in (("train", "training mfu"), ("serve", "serving mfu")):
        given = getattr(costs, name).mfu
        ends = [with_rate(costs, name, mfu=min(given * factor, 1.0)) for factor in FACTORS]
        yield title, [f"{getattr(c, name).mfu:.3g}" for c in ends], [(source, priced(question, c)) for c in ends]
    if costs.serve and costs.serve.usd_per_hour:
        prices = [costs.serve.usd_per_hour * factor for factor in FACTORS]
        ends = [with_rate(costs, "serve", usd_per_hour=price) for price in prices]
        yield "serving price", [f"${x:.3g} an hour" for x in prices], [(source, priced(question, c)) for c in ends]


def priced(question: Question, costs: Costs) -> Question:
    """The same at other rates."""
    return dataclasses.replace(question, costs=costs)


def with_rate(costs: Costs, name: str, **change: float) -> Costs:
    """Costs with one rate changed; prompts that are priced as generated tokens change with them."""
    rate = dataclasses.replace(getattr(costs, name), **change)
    also = {"prompt": rate} if name == "serve" and costs.prompt == costs.serve else {}
    return dataclasses.replace(costs, **{name: rate}, **also)


def extrapolation(source: Source, run: Run) -> tuple[dict[str, float | None], list[dict[str, str]]]:
    """How far a run lies outside what the law was measured on, as factors, with a warning for each.

    `compute_below`: the least FLOPs behind the law over the run's, where the run takes fewer.
    """
    known = source.evidence
    if known is None:
        message = "the range of the runs behind these coefficients is not known here: nothing says where the law ends"
        return {"compute": None, "tokens_per_param": None}, [warning("no_range", message)]
    compute, ratio = run.flops / known.flops[1], run.tokens / run.params
    low, high = known.tokens_per_param
    outside = max(low / ratio, ratio / high, 1.0)
    told = []
    if compute > INSIDE:
        told.append(
            warning(
                "extrapolation",
                f"{run.flops:.3g} training FLOPs are {times(compute)}x the largest run behind the law "
                f"({known.flops[1]:.3g})",
            )
        )
    if (below := known.flops[0] / run.flops) > FAR:
        message = f"{run.flops:.3g} training FLOPs are {times(below)}x below the smallest run behind the law"
        told.append(warning("extrapolation", f"{message} ({known.flops[0]:.3g}): untested"))
    if outside > INSIDE:
        edge, name = (high, "largest") if ratio > high else (low, "smallest")
        gain = "; published work finds that such laws overstate the gain there" if ratio > high else ""
        told.append(
            warning(
                "tokens_per_param",
                f"D/N = {ratio:,.4g}; the {name} D/N behind the law is {edge:,.3g}, {times(outside)}x away: untested"
                + gain,
            )
        )
    reach: dict[str, float | None] = {"compute": float(compute), "tokens_per_param": float(outside)}
    return reach | ({"compute_below": float(below)} if below > 1 else {}), told
