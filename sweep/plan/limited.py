"""When text is short: passes over the unique tokens, the rule that holds them, and what more would be worth."""

import math
from typing import Any

from sweep.fit.predict import times, warning
from sweep.plan.question import Question, Run
from sweep.plan.source import Source
from sweep.plan.surface import UNIQUE, UNLIMITED

BINDING = 1.001  # tokens this much below the optimum's without a limit say that the limit binds


def data_block(source: Source, question: Question, run: Run, unique: float | None) -> dict[str, Any] | None:
    """What the limit of unique tokens does to a plan; None where none was given."""
    if unique is None:
        return None
    free, double = (Question.answer(question, source.limited(u).surface) for u in (UNLIMITED, 2 * unique))
    if source.surface.repeats:
        rule = "repeats are priced by the law"
        binding = run.tokens > unique
    else:
        rule = "tokens <= unique tokens: the law has no term for repetition"
        binding = free.tokens > run.tokens * BINDING or run.tokens > unique * BINDING
    return {
        "unique_tokens": unique,
        "epochs": float(run.tokens / unique),
        "rule": rule,
        "binding": bool(binding),
        "double": worth(run, double),
        "unlimited": worth(run, free),
    }


def repeated(source: Source, run: Run) -> list[dict[str, str]]:
    """A warning where a run passes over the text again under a law that knows no repetition."""
    most = source.surface.most_tokens
    if run.tokens <= most * BINDING:
        return []
    message = (
        f"{run.tokens:.3g} tokens are {run.tokens / most:.3g} passes over the {most:.3g} unique ones, and the law has "
        "no term for repetition: the loss will be higher than it says"
    )
    return [warning("repeats_data", message)]


def epochs_seen(source: Source, run: Run) -> list[dict[str, str]]:
    """A warning where a law that prices repeats is asked beyond the passes of the runs behind it."""
    seen = source.evidence.epochs if source.evidence else None
    unique = source.surface.given.get(UNIQUE)
    if not source.surface.repeats or seen is None or unique is None or run.tokens <= seen[1] * unique * BINDING:
        return []
    passes = run.tokens / unique
    message = (
        f"{times(passes)} passes over the unique tokens; the runs behind the law made at most {times(seen[1])}: "
        f"{passes / seen[1]:.3g} times beyond them, untested"
    )
    return [warning("epochs", message)]


def worth(run: Run, more: Run) -> dict[str, Any]:
    """The run with more data, and what it gains: nats/token where the budget is fixed, cost where the loss is."""
    return {
        "params": finite(more.params),
        "tokens": finite(more.tokens),
        "loss": finite(more.loss),
        "total": finite(more.total),
        "loss_gain": finite(run.loss - more.loss),
        "cost_saving": finite(1 - more.total / run.total),
    }


def finite(value: Any) -> float | None:
    """A float, or None where there is none."""
    return float(value) if math.isfinite(value) else None
