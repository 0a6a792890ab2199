"""What the last of a budget buys: the cheapest run within the tolerance, and what limits leave unspent."""

import dataclasses
import math

import numpy as np

from sweep.fit.predict import warning
from sweep.plan import optimum
from sweep.plan.question import SPENT, Question, Run
from sweep.plan.source import Source
from sweep.plan.surface import UNIQUE

UNSPENT = 1e-6  # share of a budget; less is rounding


def cheapest(source: Source, question: Question, run: Run, tolerance: float) -> dict[str, float] | None:
    """The cheapest run that loses at most `tolerance` nats/token against `run`, with the same quantities held.

    `cost_factor` is how many times more `run` takes. None where the target is no budget, or where nothing answers.
    """
    if question.target not in SPENT:
        return None
    surface, wish = source.surface, question.wish(source.surface)
    allowed = float(run.loss) + tolerance
    with np.errstate(all="ignore"):
        other = question.run(surface, *optimum.solve(surface, dataclasses.replace(wish, spend=None, loss=allowed)))
    spent, less = (x.params * (x.tokens + question.load) for x in (run, other))
    if not math.isfinite(less):
        return None
    names = ("params", "tokens", "flops", "loss", "total")
    found = {name: float(getattr(other, name)) for name in names}
    return found | {"cost_factor": float(spent / less)} | epochs(source, found["tokens"])


def epochs(source: Source, tokens: float) -> dict[str, float]:
    """Passes over the unique tokens; nothing where their number is not known."""
    unique = source.surface.given.get(UNIQUE, source.surface.most_tokens)
    return {"epochs": tokens / unique} if math.isfinite(unique) else {}


def budget_left(source: Source, question: Question, run: Run) -> float | None:
    """What of a budget the limits leave unspent, in the unit of the budget; None where the target is no budget."""
    if question.target not in SPENT:
        return None
    left = question.value - float(run.params * (run.tokens + question.load)) * question.price(source.surface)
    return left if left > UNSPENT * question.value else 0.0


def about_left(source: Source, question: Question, run: Run) -> list[dict[str, str]]:
    """A warning where two limits bind together, so that more compute buys nothing."""
    left, surface = budget_left(source, question, run), source.surface
    if not left:
        return []
    limits = {"max_params": run.params >= surface.most_params / optimum.SLACK and "params" not in question.fixed}
    limits["unique_tokens"] = run.tokens >= surface.most_tokens / optimum.SLACK and "tokens" not in question.fixed
    binding = [*question.fixed, *(name for name, binds in limits.items() if binds)]
    options = " and ".join(f"--{name.replace('_', '-')}" for name in binding)
    message = (
        f"{options} bind together: {run.params:.3g} params on {run.tokens:.3g} tokens take "
        f"{100 * (1 - left / question.value):.2g}% of the budget; the rest buys nothing unless one of the two is raised"
    )
    return [warning("budget_left", message)]
