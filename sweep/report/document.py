"""A page as one string: everything inlined, for light and dark screens, nothing fetched."""

import importlib.resources
from collections.abc import Sequence

from sweep.report import theme
from sweep.report.markup import Markup, escape, tag


def document(name: str, date: str, sentences: Sequence[str], parts: Sequence[Markup], of: str = "sweep") -> str:
    """A page as one string: the first of the sentences large, the others below it, then the parts; `of` what it is."""
    style = importlib.resources.files("sweep.report").joinpath("style.css").read_text(encoding="utf-8")
    style += f"\n@media screen and (prefers-color-scheme: dark) {{\n{theme.dark_style()}\n}}\n"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{name} – scaling-law {of}"),
        tag("link", rel="icon", href="data:,"),
        tag("style", Markup(style)),
    )
    opening = tag(
        "header",
        tag("p", f"{name} · {date}", class_="eyebrow"),
        tag("h1", sentences[0]),
        *[tag("p", sentence, class_="lede") for sentence in sentences[1:]],
    )
    body = tag("body", tag("main", opening, *parts))
    return "<!doctype html>\n" + escape(tag("html", head, body, lang="en")) + "\n"
