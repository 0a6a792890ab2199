"""The sections of the page with charts: each takes a run and says what is missing where it has nothing to draw."""

import math
from collections.abc import Callable

from sweep.report import charts, diagnostics, numbers, theme
from sweep.report.keys import dot, key, size_key
from sweep.report.load import Row, Run
from sweep.report.markup import Markup, Piece, facts, join, missing, section, stacked, table, tag
from sweep.report.points import (
    budget_colors,
    cells,
    converged,
    forecasts,
    learning_curves,
    optima,
    points,
    residuals,
)
from sweep.report.verdict import NAMES, budgets, warned
from sweep.tables.units import unit_of

HOLLOW = "Hollow: every other trial, as a triangle on the top edge where it has no loss on this scale."
INSIDE = {"True": "inside", "False": "outside"}


def figure(name: str, draw: Callable[[int], theme.Chart | None], caption: str, *, full: bool = False) -> Markup:
    """A chart with its caption; a full-width one is drawn a second time for a phone."""
    drawings = []
    for width, kind in ((charts.FULL, "wide"), (charts.HALF, "narrow")) if full else ((charts.HALF, "half"),):
        chart = draw(width)
        if chart is not None:
            drawings.append(tag("div", theme.svg(chart, f"{name}-{kind}", caption), class_=f"drawing {kind}"))
    if not drawings:
        return Markup("")
    return tag("figure", *drawings, tag("figcaption", caption), id=f"figure-{name}", class_="full" if full else None)


def isoflop(run: Run) -> Markup:
    """Loss against parameters by budget, and what each family says."""
    title = "IsoFLOP curves"
    shown = points(run)
    families = (run.fit.get("approach2") or {}).get("families") or []
    if not any(p.budget and p.loss is not None for p in shown):
        none = "No trial of a budget has a loss yet." if run.trained else "The table has no families of equal compute."
        return section("isoflop", title, missing(none))
    caption = "Loss against model size at fixed training FLOPs, one colour a budget. "
    caption += "Diamonds: minima of the parabolas, with their intervals. " if families else ""
    caption += f"Filled: {'used by the fit' if run.fit else 'finished'}. {HOLLOW}"
    drawing = figure("isoflop", lambda w: charts.isoflop(shown, families, w, unit_of(run.fit)), caption, full=True)
    if not families:
        note = missing("The parabolas and their minima have not been fitted.", run.again)
        return section("isoflop", title, drawing, note)
    rows = [
        (
            join(
                [dot(budget_colors(run).get(f.get("budget") or 0.0, theme.MUTED)), numbers.flops(f.get("budget"))], " "
            ),
            bounded(f, "params", numbers.count),
            numbers.count(f.get("tokens")),
            numbers.loss(f.get("loss")),
            numbers.times(math.exp(f["half_width"])) if f.get("half_width") else numbers.MISSING,
            numbers.percent(f.get("bias"), 1),
            join([str(f.get("status") or numbers.MISSING), f.get("reason")], ": "),
        )
        for f in families
    ]
    head = ("budget", "N at the minimum", "D", "loss", "grid reach", "bias of N", "status")
    note = tag(
        "p",
        "Grid reach: the family's sizes span the middle divided and multiplied by this. Bias of N: how far off a "
        "parabola is on a grid this wide, by the fitted law.",
        class_="note",
    )
    return section("isoflop", title, drawing, table(head, rows, numeric=range(1, 6)), note)


def curves(run: Run) -> Markup:
    """Loss along training with the envelope."""
    shown = points(run)
    drawn = learning_curves(run)
    if not drawn:
        return section("curves", "Loss along training", missing("No loss curves with validation points were found."))
    frontier = (run.fit.get("approach1") or {}).get("frontier") or []
    envelope = "red: the envelope that approach 1 fits" if frontier else "no envelope has been fitted"
    if (run.fit.get("approach1") or {}).get("source") == "endpoints":
        envelope += ", through the ends of the runs"
    caption = f"Validation loss of every trial against the FLOPs spent so far, one colour a size; {envelope}."
    caption += " Trials of one trunk share its line up to their cooldowns."
    drawing = figure("curves", lambda w: charts.learning_curves(drawn, shown, frontier, w), caption, full=True)
    return section("curves", "Loss along training", size_key(shown), drawing)


def frontier(run: Run) -> Markup:
    """The compute-optimal frontier and the three approaches side by side."""
    title = "The compute-optimal frontier, three ways"
    if not any(run.fit.get(f"approach{k}") for k in (1, 2, 3)):
        return section("frontier", title, missing("No approach has been fitted.", run.again))
    keys = [tag("span", dot(theme.APPROACH[k - 1]), f"{k} {NAMES[k]}", class_="key-item") for k in (1, 2, 3)]
    figures = [
        figure(
            f"frontier-{quantity}",
            lambda width, q=quantity: charts.frontier(run.fit, q, budgets(run), width),
            f"{word} that are optimal for a budget. Dashed: beyond the largest budget, to the target, with intervals.",
        )
        for quantity, word in (("params", "Parameters"), ("tokens", "Tokens"))
    ]
    row = tag("div", *figures, class_="pair")
    return section("frontier", title, tag("p", *keys, class_="key"), row, approaches(run))


def bounded(values: Row, name: str, write: Callable[[numbers.Number | None], str]) -> Markup:
    """A number with its interval beneath."""
    return stacked(write(values.get(name)), numbers.interval(values.get(f"{name}_interval"), write))


def approaches(run: Run) -> Markup:
    """Exponents and the optimum at the target by each approach."""
    target = run.fit.get("target") or {}
    rows = []
    for k in (1, 2, 3):
        approach, at = run.fit.get(f"approach{k}") or {}, target.get(f"approach{k}") or {}
        rows.append(
            (
                join([dot(theme.APPROACH[k - 1]), f"{k} {NAMES[k]}"], " "),
                bounded(approach, "a", numbers.exponent),
                bounded(approach, "b", numbers.exponent),
                bounded(at, "params", numbers.count),
                bounded(at, "tokens", numbers.count),
                str(approach.get("n") or numbers.MISSING),
                join([str(approach.get("status") or "not fitted"), approach.get("reason")], ": "),
            )
        )
    at = f"at {numbers.flops(target.get('flops'))} FLOPs"
    power = [join([f"{name} ∝ C", tag("sup", exponent)]) for name, exponent in (("N*", "a"), ("D*", "b"))]
    head = ("approach", join(["a, ", power[0]]), join(["b, ", power[1]]), f"N* {at}", f"D* {at}", "n", "status")
    return table(head, rows, numeric=range(1, 6))


def law(run: Run) -> Markup:
    """The parametric fit, its coefficients and its residuals."""
    title = "The parametric law and its residuals"
    values = run.fit.get("params") or {}
    if not values:
        return section("law", title, missing("No law has been fitted.", run.again))
    errors, ends, held = (run.fit.get(key) or {} for key in ("se", "interval", "fixed_coefficients"))
    rows = [
        (
            name,
            numbers.short(value),
            numbers.short(errors.get(name)),
            "fixed" if name in held else numbers.interval(ends.get(name), numbers.short) or numbers.MISSING,
        )
        for name, value in values.items()
    ]
    level = numbers.percent(run.fit.get("level"))
    coefficients = table(("", "value", "standard error", f"{level} interval"), rows, numeric=range(1, 4))
    objective = run.fit.get("objective") or {}
    about = facts(
        [
            ("law", str(run.fit.get("law") or "not recorded")),
            ("status", str(run.fit.get("status") or "not recorded")),
            ("trials", str(run.fit.get("n") or "not recorded")),
            ("objective", f"{objective.get('kind') or 'not recorded'}, delta {numbers.given(objective.get('delta'))}"),
            ("at the optimum", numbers.short(objective.get("value"))),
        ]
    )
    terms = [
        join([f"{scale} / {of}", tag("sup", power)]) for scale, of, power in (("A", "N", "alpha"), ("B", "D", "beta"))
    ]
    formula = tag("p", join(["L(N, D) = E", *terms], " + "), class_="formula")
    notes = [tag("p", warned(w), class_="warning") for w in run.fit.get("warnings") or []]
    shown = formula if run.fit.get("law") == "additive" else tag("p", run.fit.get("formula"), class_="formula")
    return section("law", title, shown, tag("div", coefficients, about, class_="pair"), *notes, *residual_figures(run))


def residual_figures(run: Run) -> list[Piece]:
    """Residuals three ways, or what is missing."""
    found = residuals(run)
    if not found:
        return [missing("The fit recorded no points, so there are no residuals to draw.")]
    kinds = [
        ("predicted", "Against predicted loss: a bend here is a wrong form."),
        ("budget", "By budget: a slope here is a law that bends with compute."),
        ("tokens_per_param", "Against tokens per parameter: ends that rise warn of planning far from the middle."),
    ]
    figures = [
        figure(
            f"residuals-{kind.replace('_', '-')}",
            lambda w, k=kind: diagnostics.residual_chart([row for row in found if row[k]], k, w, unit_of(run.fit)),
            text,
            full=kind == "predicted",
        )
        for kind, text in kinds
        if any(row[kind] for row in found)
    ]
    return [key(run), figures[0], tag("div", *figures[1:], class_="pair")]


def bootstrap(run: Run) -> Markup:
    """The clouds of the bootstrap."""
    title = "Bootstrap"
    good, plane = converged(run.lanes), {"alpha", "beta"} <= set(run.fit.get("params") or ("alpha", "beta"))
    if plane:
        good = [lane for lane in good if lane.get("alpha") and lane.get("beta")]
    if len(good) < 2:
        return section("bootstrap", title, missing("No bootstrap lanes were found, so nothing here has an interval."))
    drawn = run.fit.get("bootstrap") or len(run.lanes)
    note = f"{drawn - len(good)} of {drawn} gave no usable fit and are left out." if drawn > len(good) else ""
    cloud = tag("p", f"{len(good)} resamples of the trials; this law has no plane of two exponents. {note}")
    if plane:
        cloud = figure(
            "exponents",
            lambda width: diagnostics.exponent_cloud(good, run.fit, width),
            f"The two exponents under {len(good)} resamples of the trials; the cross is the fit. {note}".strip(),
        )
    sizes = optima(run)
    if len(sizes) < 2:
        return section("bootstrap", title, cloud, missing("No optimum at the target, so its spread is not drawn."))
    at = run.fit["target"]["approach3"]
    histogram = figure(
        "optimum",
        lambda width: diagnostics.optimum_histogram(sizes, at.get("params"), at.get("params_interval"), width),
        f"Compute-optimal parameters at {numbers.flops(run.fit['target'].get('flops'))} FLOPs under the same "
        "resamples. Solid: the fit; dashed: its interval.",
    )
    return section("bootstrap", title, tag("div", cloud, histogram, class_="pair"))


def forecast(run: Run) -> Markup:
    """Forecasts beside outcomes."""
    title = "Forecast against outcome"
    found = forecasts(run)
    if not found:
        return section("forecast", title, missing("No forecast has been written down for a run outside the fit."))
    caption = "Bars: forecast intervals, with the forecast as a tick. Diamonds: what the run gave, red when outside."
    rows = []
    for i, item in enumerate(found):
        line, result = item.line, item.outcome or {}
        far = line.get("extrapolation") or {}
        inside = INSIDE.get(str(result.get("inside")), numbers.MISSING) if result else "open"
        rows.append(
            (
                f"{i + 1}. {str(line.get('date') or 'undated')[:10]}",
                numbers.count(line.get("params")),
                numbers.count(line.get("tokens")),
                numbers.flops(line.get("flops")),
                stacked(numbers.loss(line.get("loss")), numbers.interval(line.get("interval"), numbers.loss)),
                numbers.spread(result.get("loss"), result.get("loss_se")),
                numbers.signed(result.get("error")),
                inside,
                f"{numbers.times(far.get('compute'))} C, {numbers.times(far.get('tokens_per_param'))} D/N",
            )
        )
    head = ("forecast", "N", "D", "FLOPs", "loss", "outcome", "error", "", "beyond the fit")
    drawing = figure("forecast", lambda width: diagnostics.forecast_chart(found, width), caption, full=True)
    return section("forecast", title, drawing, table(head, rows, numeric=range(1, 7)))


def learning_rates(run: Run) -> Markup:
    """Was every cell well tuned? Only for a sweep with a bracket."""
    found = cells(run)
    if not found:
        return Markup("")
    scored = [cell for cell in found if cell.best is not None]
    edge = [cell for cell in scored if not cell.inside]
    text = f"{len(scored) - len(edge)} of {numbers.plural(len(found), 'cell')} have their best rate inside the bracket."
    if edge:
        named = [f"{numbers.count(c.best.params)} at {numbers.flops(c.best.budget)} FLOPs" for c in edge if c.best]
        if len(named) > 6:
            named = [*named[:5], f"and {len(named) - 5} more"]
        text += f" At an edge of what has finished, so perhaps not well tuned: {'; '.join(named)}."
    if not scored:
        return section("learning-rates", "Learning-rate adequacy", missing("No cell of the bracket has a loss yet."))
    caption = "Loss above the best of its cell against peak learning rate; a cell is a size at a budget. "
    caption += f"Filled: finished. {HOLLOW}"
    unit = unit_of(run.fit)
    drawing = figure("learning-rates", lambda w: diagnostics.learning_rate_chart(found, w, unit), caption, full=True)
    return section("learning-rates", "Learning-rate adequacy", tag("p", text), drawing)
