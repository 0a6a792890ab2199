"""The first lines of the page: what a lead can read aloud, and what must be said beside it."""

from sweep.fit.misfit_text import misfit_words
from sweep.report import numbers
from sweep.report.load import Row, Run
from sweep.report.points import forecasts, points
from sweep.tables.units import PER_TOKEN, unit_of

SMALL = 1e7  # parameters; below it a sweep demonstrates the workflow
NAMES = {1: "envelope", 2: "isoFLOP parabolas", 3: "parametric law"}


def verdict(run: Run) -> list[str]:
    """The answer in one sentence, then paragraphs: what it rests on, the forecast, what is unfinished or small."""
    basis = " ".join(filter(None, [source(run), exponents(run.fit), agreement(run.fit)]))
    standing = " ".join(filter(None, [unfinished(run), size_note(run)]))
    return [
        paragraph for paragraph in (stamp(run), rejected(run), answer(run), basis, outcome(run), standing) if paragraph
    ]


def stamp(run: Run) -> str:
    """What must be said first of a fit that was refused and made all the same."""
    codes = ", ".join((run.fit or {}).get("despite") or [])
    return f"Refused by a check ({codes}) and fitted despite it: do not plan with it." if codes else ""


def rejected(run: Run) -> str:
    """What must be said before the answer of a law that its residuals reject."""
    text = misfit_words(run.fit or {})
    return f"{text[0].upper()}{text[1:]}." if text else ""


def answer(run: Run) -> str:
    """N* and D* at the target, or why there is no answer."""
    if not run.fit:
        return f"No fit yet: {run.again} makes one."
    _, at = chosen(run.fit)
    if not at:
        return f"The fit gives no compute-optimal size; its status is {run.fit.get('status') or 'not recorded'}."
    size, tokens = numbers.count(at["params"]), numbers.count(at.get("tokens"))
    between = [numbers.interval(at.get(f"{name}_interval"), numbers.count) for name in ("params", "tokens")]
    size_ends, token_ends = (f" ({text})" if text else "" for text in between)
    budget = numbers.flops(run.fit["target"]["flops"])
    return f"With {budget} FLOPs, train {size} parameters{size_ends} on {tokens} tokens{token_ends}."


def source(run: Run) -> str:
    """Which approach the answer is from, the level of its intervals, how far it reaches, and whether it holds."""
    k, at = chosen(run.fit)
    if not at:
        return ""
    bounded = numbers.interval(at.get("params_interval"), numbers.count)
    text = f"This is by the {NAMES[k]}"
    text += f", with {numbers.percent(run.fit.get('level'))} intervals" if bounded else ", without intervals"
    if budgets(run):
        edge = "the largest budget" if run.trained else "the largest fitted compute"
        text += f", at {numbers.times(run.fit['target']['flops'] / max(budgets(run)))} {edge}"
    text += "."
    if at.get("loss"):
        loss = numbers.with_interval(at["loss"], at.get("loss_interval"), numbers.loss)
        text += f" It expects {loss} {unit_of(run.fit)} there."
    status = run.fit.get("status")
    return text if status in ("converged", None) else f"{text} The fit's status is {status}: do not plan with it."


def chosen(fit: Row) -> tuple[int, Row]:
    """The approach the verdict quotes: the parametric law, else isoFLOP, else the envelope."""
    target = fit.get("target") or {}
    for k in (3, 2, 1):
        at = target.get(f"approach{k}") or {}
        if at.get("params") and target.get("flops"):
            return k, at
    return 0, {}


def budgets(run: Run) -> list[float]:
    """The sweep's budgets in FLOPs; of the fit of a table those of its families, else its least and most compute."""
    if not run.trained:
        families = sorted({float(row["budget"]) for row in run.losses if row["budget"]})
        return families or [float(end) for end in (run.fit.get("range") or {}).get("flops") or []]
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
    """The last forecast that was scored against what happened; the last one open where none was."""
    found = forecasts(run)
    scored = [item for item in found if item.outcome and item.outcome.get("loss") is not None]
    if run.edited:
        lines = ", ".join(map(str, run.edited))
        return f"The ledger of forecasts was edited (line {lines}): do not trust its forecasts and outcomes."
    if not found:
        return ""
    line, result = ((scored or found)[-1].line, (scored or found)[-1].outcome or {})
    text = numbers.with_interval(line["loss"], line.get("interval"), numbers.loss)
    size = f"{numbers.count(line.get('params'))} parameters on {numbers.count(line.get('tokens'))} tokens"
    if line.get("params") is None:
        size = numbers.flops(line["flops"])
    told = f"Forecast for {size}: {text} {line.get('unit', PER_TOKEN)}"
    if not scored:
        return f"{told}; its run has no outcome yet."
    where = {"True": ", inside the interval", "False": ", outside the interval"}.get(str(result.get("inside")), "")
    return f"{told}; the run gave {numbers.loss(result['loss'])}{where}."


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
        f"The largest model has {numbers.count(largest)} parameters: models this small demonstrate the workflow and "
        "say nothing about language models at scale."
    )


def warned(warning: Row) -> str:
    """A warning of the fit, with what to do about it."""
    text = f"{warning.get('code')}: {warning.get('message')}"
    return f"{text} → {warning['cure']}" if warning.get("cure") else text
