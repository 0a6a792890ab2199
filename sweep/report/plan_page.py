"""The page of a plan: one HTML file that opens with the network off, prints, and plans again when an input moves."""

import datetime
import importlib.resources
import json
from typing import Any

from sweep import files
from sweep.fit.result import plain
from sweep.plan.explain import explained
from sweep.plan.known import MODELS
from sweep.plan.plan import Plan
from sweep.plan.prices import Costs
from sweep.plan.surface import UNLIMITED
from sweep.report import plan_charts, theme
from sweep.report import plan_words as words
from sweep.report.markup import Markup, Piece, escape, facts, section, tag
from sweep.report.plan_inputs import form
from sweep.report.plan_model import model
from sweep.storage import Location, locate

SCRIPTS = ("text", "law", "solve", "doubt", "question", "plan", "model", "draw", "charts", "words", "page")
CAPTIONS = {
    "frontier": "Loss and size along the compute-optimal frontier. Bands are intervals from the resamples of the "
    "fit, where there is one. The dotted line marks the largest run behind the law.",
    "demand": "The right size for the same target when other amounts are served.",
    "cost": "What the plan's loss costs with each size, with all the tokens that the size needs. Shaded: the flat "
    "band, sizes within the tolerance at equal spend.",
    "break-even": "Sizes that reach the plan's loss, each over the cheapest size for that demand. Where two lines "
    "cross, the two cost the same.",
    "known": "Models as their makers state them. Each line joins the sizes and tokens that are right when so many "
    "tokens are served; a model above a line is right for a larger demand.",
}
SIZES = "Size and compute: over those of the compute-optimal run of the same FLOPs, and of the same loss. "
INTRODUCTION = (
    "Everything here is planned again from the law's coefficients and resamples, within this page. "
    "Write numbers as 1e22, 7B, 1.5T."
)


def plan_page(made: Plan, out: str | Location) -> Location:
    """Write the page of a plan and return its path.

    Raises:
        InputError: nowhere to write.
    """
    target = locate(out)
    files.write_text(target, html(made, datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")))
    return target


def html(made: Plan, date: str) -> str:
    """The page as one string, dated `date`."""
    r, live = made.record, model(made)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{words.verdict(r)} – scaling-law plan"),
        tag("link", rel="icon", href="data:,"),
        tag("style", Markup(style())),
    )
    opening = tag(
        "header",
        tag("p", "Plan from ", tag("span", r["source"], id="law-name"), f" · {date}", class_="eyebrow"),
        tag("h1", words.verdict(r), id="verdict", aria_live="polite"),
        tag("div", *[tag("p", text, class_="lede") for text in words.sentences(r)], id="ledes"),
    )
    main = tag("main", opening, inputs(made, live), tag("div", *sections(made), id="live"))
    body = tag("body", main, *(scripts(live) if live else []))
    return "<!doctype html>\n" + escape(tag("html", head, body, lang="en")) + "\n"


def asset(name: str) -> str:
    """A file beside this module."""
    return importlib.resources.files("sweep.report").joinpath(name).read_text(encoding="utf-8")


def style() -> str:
    """The style of the reports, that of the inputs, and the colours of the charts on a dark screen."""
    dark = f"\n@media screen and (prefers-color-scheme: dark) {{\n{theme.dark_style()}\n}}\n"
    return asset("style.css") + asset("live/inputs.css") + dark


def scripts(live: dict[str, Any]) -> list[Markup]:
    """The model as JSON, and the code that plans with it."""
    text = json.dumps(live, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    code = "\n".join(asset(f"live/{name}.js") for name in SCRIPTS)
    wrapped = f'"use strict";\nconst planner = (() => {{\n{code}\nreturn start();\n}})();\n'
    return [tag("script", Markup(text), type="application/json", id="model"), tag("script", Markup(wrapped))]


def inputs(made: Plan, live: dict[str, Any] | None) -> Markup:
    """What a person can move, or why nothing can be."""
    title = "Move the inputs"
    if live is None:
        law = made.source.surface.law
        text = (
            f"This page cannot plan again by itself: it knows laws that are powers of size and data, and {law.id} is "
        )
        return section("move", title, tag("p", text, "another form. Ask sweep plan again.", class_="missing"))
    none = tag("noscript", tag("p", "Without scripts the page shows the plan as asked.", class_="missing"))
    return section(
        "move",
        title,
        tag("p", INTRODUCTION, class_="note"),
        none,
        form(live),
        tag("p", id="problem", class_="problem", role="alert"),
    )


def sections(made: Plan) -> list[Markup]:
    """The plan in numbers and charts."""
    r = made.record
    models = known(made)
    drawn = plan_charts.drawings(made, models)
    told = [w["message"] for w in r["warnings"]]
    stamp = [tag("p", f"DESPITE {', '.join(r['despite'])}: a plan on a law that was refused.", class_="warning")]
    warned = [tag("p", text, class_="warning") for text in told]
    coefficients = ", ".join(f"{name} = {value:.6g}" for name, value in r["coefficients"].items())
    frontiers = tag("div", slot("frontier-loss", drawn), slot("frontier-params", drawn), class_="pair")
    return [
        section(
            "numbers",
            "The plan",
            *(stamp if r["despite"] else []),
            tag("div", words.numbers_table(r), id="numbers-table"),
            tag("div", *warned, id="warnings"),
        ),
        section("frontier", "Frontier", figure("frontier", frontiers)),
        section("demand", "Size against demand", figure("demand", slot("demand", drawn))),
        section("cost", "Cost against size", figure("cost", slot("cost", drawn))),
        section(
            "break-even",
            "Break-even",
            figure("break-even", slot("break-even", drawn)),
            tag("div", words.break_even_table(r), id="break-even-table"),
            tag("div", words.sizes_table(r), id="sizes-table"),
        ),
        section(
            "known",
            "Known models under this law",
            figure("known", slot("known", drawn)),
            tag("div", words.models_table(models), id="models-table"),
            tag("p", SIZES, *cited(), class_="note"),
        ),
        section("provenance", "Where this comes from", provenance(made, coefficients)),
    ]


def provenance(made: Plan, coefficients: str) -> Markup:
    """The law, its evidence, and the rates as stated."""
    r = made.record
    rates = [(f"rate, {name}", text) for name, text in r["cost"]["rates"].items()]
    evidence = r["evidence"]["source"] if r["evidence"] else "not known here"
    law: list[tuple[Piece, Piece]] = [("law", tag("span", r["formula"], id="formula")), ("as asked", r["source"])]
    return facts([*law, ("coefficients", coefficients), ("evidence", evidence), *rates])


def cited() -> list[Piece]:
    """Where sizes and tokens of the known models are from."""
    return ["; ".join(f"{name}: {one.source}" for name, one in MODELS.items()), "."]


def known(made: Plan) -> list[dict[str, Any]]:
    """The known models under the law, at the plan's prices where serving has one."""
    costs = made.question.costs if made.question.costs.serve else Costs()
    source = made.source.limited(UNLIMITED)
    return plain(explained(source, MODELS, costs))


def figure(name: str, drawing: Markup) -> Markup:
    """Charts with their caption."""
    return tag("figure", drawing, tag("figcaption", CAPTIONS[name]), id=f"figure-{name}")


def slot(name: str, drawn: dict[str, Markup]) -> Markup:
    """Where a chart stands: the one of the plan as asked, until the script draws its own."""
    nothing = tag("p", "Nothing to draw for these inputs.", class_="missing")
    return tag("div", drawn.get(name, nothing), id=f"draw-{name}", class_="drawing")
