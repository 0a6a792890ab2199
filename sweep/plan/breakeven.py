"""Which size is right at which demand, at equal loss, and the demand at which two sizes cost the same."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from sweep.plan import optimum
from sweep.plan.question import Question, Run
from sweep.plan.surface import Surface

STEPS = (0.01, 0.1, 1.0, 10.0, 100.0)  # of the demand asked about


def demands(low: float, middle: float, high: float) -> list[float]:
    """Demands of the table: none, and decades around the one asked about, or across the range."""
    if low == high:
        return [0.0, *(middle * step for step in STEPS)]
    count = round(math.log10(high / low)) + 1
    return [0.0, *(float(x) for x in np.geomspace(low, high, max(count, 3)))]


def table(surface: Surface, question: Question, loss: float, served: Iterable[float]) -> list[dict[str, Any]]:
    """The cheapest run of a loss at each demand, and what it saves against the run of least training compute,
    which no limit of text or of size holds."""
    plain = at_loss(surface.unlimited, question.serving(0.0), loss)
    rows = []
    for tokens in served:
        asked = question.serving(tokens)
        run, usual = at_loss(surface, asked, loss), asked.run(surface, plain.params, plain.tokens)
        rows.append(
            {
                "inference_tokens": tokens,
                **numbers(run),
                "saving": float(1 - run.total / usual.total),
            }
        )
    return rows


def at_loss(surface: Surface, question: Question, loss: float) -> Run:
    """The cheapest run that reaches a loss under the question's demand."""
    pair = optimum.solve(surface, optimum.Wish(loss=loss, load=load_of(question)))
    return question.run(surface, *pair)


def load_of(question: Question) -> Any:
    """The load in the unit in which runs are compared here: that of the costs, also for a budget in FLOPs."""
    return question.costs.load(question.prompt, question.generated)


def numbers(run: Run) -> dict[str, float]:
    """A run as plain numbers."""
    return {
        "params": float(run.params),
        "tokens": float(run.tokens),
        "tokens_per_param": float(run.tokens / run.params),
        "train": float(run.train),
        "serve": float(run.serve),
        "total": float(run.total),
    }


def against(surface: Surface, question: Question, run: Run, sizes: Iterable[float]) -> list[dict[str, Any]]:
    """Other sizes at the loss of `run`: their tokens, and the demand at which they cost the same.

    N1 (D1 + S) = N2 (D2 + S) at S = (N1 D1 - N2 D2) / (N2 - N1); below it the larger size is cheaper, above it the
    smaller. A demand of zero or less says that the smaller is cheaper whatever is served.
    """
    per_token = load_of(question.serving(1e12)) / 1e12
    rows = []
    for size in sizes:
        with np.errstate(all="ignore"):
            tokens = surface.tokens_for(size, run.loss)
            load = (size * tokens - run.params * run.tokens) / (run.params - size)
        if tokens > surface.most_tokens:
            load = tokens = math.nan
        rows.append(
            {
                "params": float(size),
                "tokens": float(tokens),
                "equal_cost_inference_tokens": float(load / per_token),
                "cheaper": "above" if size < run.params else "below",
            }
        )
    return rows
