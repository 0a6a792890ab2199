"""The first lines of the page: what a lead can read aloud, and what must be said beside it."""

from sweep.report import numbers
from sweep.report.load import Row, Run
from sweep.report.points import forecasts, points

SMALL = 1e7  # parameters; below it a sweep demonstrates the workflow
NAMES = {1: "envelope", 2: "isoFLOP parabolas", 3: "parametric law"}


def verdict(run: Run) -> list[str]:
    """Sentences, the answer first."""
    sentences = [answer(run), exponents(run.fit), agreement(run.fit), outcome(run), unfinished(run), size_note(run)]
    return [sentence for sentence in sentences if sentence]


def answer(run: Run) -> str:
    """N* and D* at the target, or why there is no answer."""
    if not run.fit:
        return f"No fit yet: `sweep fit {run.path}` makes one."
    k, at = chosen(run.fit)
    if not at:
        return f"The fit gives no compute-optimal size (status: {run.fit.get('status') or 'not recorded'})."
    target = run.fit["target"]["flops"]
    size = numbers.with_interval(at["params"], at.get("params_interval"), numbers.count)
    tokens = numbers.with_interval(at.get("tokens"), at.get("tokens_interval"), numbers.count)
    level = run.fit.get("level")
    stated = f" ({numbers.percent(level)} intervals)" if level and at.get("params_interval") else ""
    status = run.fit.get("status")
    doubt = "" if status in ("converged", None) else f" The fit's status is {status}: do not plan with it."
    beyond = numbers.times(target / max(budgets(run))) if budgets(run) else numbers.MISSING
    return (
        f"With {numbers.flops(target)} FLOPs, {beyond} the largest budget of the sweep, train {size} parameters on "
        f"{tokens} tokens{stated}, by the {NAMES[k]}.{doubt}"
    )


def chosen(fit: Row) -> tuple[int, Row]:
    """The approach the verdict quotes: the parametric law, else isoFLOP, else the envelope."""
    target = fit.get("target") or {}
    for k in (3, 2, 1):
        at = target.get(f"approach{k}") or {}
        if at.get("params") and target.get("flops"):
            return k, at
    return 0, {}


def budgets(run: Run) -> list[float]:
    """The sweep's budgets in FLOPs."""
    return [float(b) for b in run.config.get("budgets") or [] if b]


def exponents(fit: Row) -> str:
    """How the optimum grows with compute, by the approach the answer is from."""
    k, _ = chosen(fit)
    approach = fit.get(f"approach{k}") or {}
    a, b = approach.get("a"), approach.get("b")
    if a is None or b is None:
        return ""
    n = numbers.with_interval(a, approach.get("a_interval"), numbers.exponent)
    d = numbers.with_interval(b, approach.get("b_interval"), numbers.exponent)
    return f"The optimal size grows as compute to the power {n}, the tokens as {d}."


def agreement(fit: Row) -> str:
    """The spread of N* between the approaches."""
    target = fit.get("target") or {}
    sizes = [at["params"] for k in (1, 2, 3) if (at := target.get(f"approach{k}") or {}).get("params")]
    if len(sizes) < 2:
        return ""
    lo, hi = numbers.count(min(sizes)), numbers.count(max(sizes))
    return f"{['', '', 'Two', 'The three'][len(sizes)]} approaches put it between {lo} and {hi} parameters."


def outcome(run: Run) -> str:
    """The last forecast against what happened."""
    found = forecasts(run)
    if not found:
        return ""
    line, result = found[-1].line, found[-1].outcome
    text = numbers.with_interval(line["loss"], line.get("interval"), numbers.loss)
    size = f"{numbers.count(line.get('params'))} parameters on {numbers.count(line.get('tokens'))} tokens"
    if result is None or result.get("loss") is None:
        return f"Forecast for {size}: {text} nats/token; its run has no outcome yet."
    where = "inside" if result.get("inside") else "outside"
    if result.get("inside") is None or not line.get("interval"):
        where = "scored without"
    return f"Forecast for {size}: {text} nats/token; the run gave {numbers.loss(result['loss'])}, {where} the interval."


def unfinished(run: Run) -> str:
    """How much of the sweep stands behind this, when not all of it does."""
    tally = statuses(run)
    rest = {status: n for status, n in tally.items() if status != "done" and n}
    if not rest:
        return ""
    words = ", ".join(f"{n} {status}" for status, n in rest.items())
    return f"{tally.get('done', 0)} of {numbers.plural(len(run.losses), 'trial')} are done; {words}."


def statuses(run: Run) -> dict[str, int]:
    """How many trials ended how, in a fixed order."""
    order = ["done", "diverged", "failed", "partial", "pending"]
    found = [str(row.get("status") or "unknown") for row in run.losses]
    order += sorted(set(found) - set(order))
    return {status: found.count(status) for status in order if found.count(status)}


def size_note(run: Run) -> str:
    """The plain statement a small sweep owes its reader."""
    largest = max((p.params for p in points(run)), default=0.0)
    if not largest or largest >= SMALL:
        return ""
    return (
        f"The largest model has {numbers.count(largest)} parameters: models this small demonstrate the workflow and say "
        "nothing about language models at scale."
    )
