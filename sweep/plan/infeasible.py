"""Why nothing answers, as a refusal with its evidence: one line, what, where, what to do."""

import math
from typing import Any

import numpy as np

from sweep.errors import Refusal
from sweep.plan.question import SPENT, Question, Run
from sweep.plan.source import Source

SMALLEST = 1e6  # parameters, where the runs behind a law are not known


def check(source: Source, question: Question) -> None:
    """Refuse a budget that serving alone exceeds at the smallest size, and a loss at or below the floor."""
    surface = source.surface
    wish = question.wish(surface)
    if question.target in SPENT and question.served:
        least = question.fixed.get("params") or (source.evidence.params[0] if source.evidence else SMALLEST)
        if wish.spend <= least * wish.load:
            unit = "FLOPs" if question.target == "compute" else question.costs.unit
            serving = least * wish.load * question.price(surface)
            size = "that size" if "params" in question.fixed else "the smallest size behind the law"
            raise Refusal(
                "infeasible",
                f"serving {question.served:.3g} tokens at N = {least:.3g} ({size}) alone takes {serving:.3g} {unit}, "
                f"the budget is {question.value:.3g}; raise it, serve less, or ask for a loss (--loss, --like-compute)",
            )
    if wish.loss is not None and not np.all(wish.loss > surface.floor):
        pair = source.interval(source.lanes.floor) if source.lanes else [None, None]
        about = f", {source.level:.0%} interval [{pair[0]:.4g}, {pair[1]:.4g}]" if None not in pair else ""
        raise Refusal(
            "below_floor",
            f"target loss {float(wish.loss):.4g} is at or below the floor of the law, E = {float(surface.floor):.4g} "
            f"{source.unit}{about}: no model reaches it; ask for a higher loss",
        )


def refuse(source: Source, question: Question, run: Run) -> None:
    """Raise Refusal where a run is not finite."""
    if all(np.isfinite(x) and x > 0 for x in (run.params, run.tokens)):
        return
    surface, wish = source.surface, question.wish(source.surface)
    if wish.loss is not None and math.isfinite(surface.most_params) and run.params >= surface.most_params:
        least = float(surface.loss(surface.most_params, min(surface.most_tokens, 1e30)))
        raise Refusal(
            "unreachable",
            f"no size up to {surface.most_params:.3g} reaches a loss of {float(wish.loss):.4g}; the least one can is "
            f"{least:.4g}: raise --max-params, or ask for a higher loss",
        )
    if wish.loss is not None and math.isfinite(surface.most_tokens):
        needed = question.answer(source.surface.unlimited)
        raise Refusal(
            "data_limited",
            f"no size reaches a loss of {float(wish.loss):.4g} on {surface.most_tokens:.3g} unique tokens; without the "
            f"limit it takes {float(needed.tokens):.3g} tokens: get more text, or use a law that knows repetition",
        )
    if wish.loss is not None and question.fixed:
        fixed = ", ".join(f"{name} {value:.3g}" for name, value in question.fixed.items())
        raise Refusal(
            "unreachable", f"{fixed} never reaches a loss of {float(wish.loss):.4g}; {least_of(surface, wish)}"
        )
    raise Refusal(
        "no_optimum",
        f"{source.name}: the law has no best size here (an exponent at its bound, or a search without a minimum)",
    )


def least_of(surface: Any, wish: Any) -> str:
    """The least loss that what is fixed can reach."""
    params, tokens = wish.params or 1e30, wish.tokens or 1e30
    return f"the least it can reach is {float(surface.loss(params, tokens)):.4g}"
