"""The inputs of the page of a plan, each with its label; live/page.js fills and reads them."""

from typing import Any

from sweep.report.markup import Markup, join, tag

TARGETS = {
    "compute": "FLOPs to spend",
    "loss": "loss to reach, {unit}",
    "like_compute": "quality of a compute-optimal run of FLOPs",
    "like_params": "quality of a compute-optimal run of parameters",
    "usd": "dollars to spend",
    "device_hours": "device-hours to spend",
    "": "none: what is held fixed below",
}
RATES = {"train": "Training", "serve": "Serving", "prompt": "Reading prompts"}


def form(model: dict[str, Any]) -> Markup:
    """All inputs; hidden until the script has taken over."""
    units = list(dict.fromkeys(one["unit"] for one in model["laws"]))
    unit = units[0] if len(units) == 1 else "unit of the law"
    law = select("law", "law", {one["id"]: label(one) for one in model["laws"]})
    asked = [
        law,
        select("target", "target", {key: text.format(unit=unit) for key, text in TARGETS.items()}),
        number("value", "how much", slider=True),
        number("generated", "tokens to serve", slider=True, hint="empty for none"),
        number("unique", "unique training tokens", slider=True, hint="empty for no limit"),
        number("tolerance", f"tolerance of the flat band, {unit}"),
    ]
    names = {"": "not priced"} | {one["name"]: one["name"] for one in model["devices"]}
    prices = [rate(name, title, names) for name, title in RATES.items()]
    held = [
        number("params", "parameters", hint="empty: free"),
        number("tokens", "training tokens", hint="empty: free"),
        number("tokens_per_param", "tokens a parameter", hint="empty: free"),
        number("most", "largest size that can be served", hint="empty for no limit"),
        number("prompt", "prompt tokens to serve", hint="empty for none"),
    ]
    return tag(
        "form",
        tag("div", *asked, class_="fields"),
        details("Prices, shares of the peak, peaks", join(prices), opened=bool(model["asked"]["rates"]["train"])),
        details(
            "Held fixed, limits, prompts",
            tag("div", *held, class_="fields"),
            opened=any(model["asked"]["fixed"].values()),
        ),
        tag("p", tag("button", "Back to the plan as asked", type="button", id="reset")),
        id="inputs",
        hidden="",
        autocomplete="off",
        aria_label="Inputs of the plan",
    )


def label(law: dict[str, Any]) -> str:
    """The law's name for a list."""
    return law["name"] if law["id"] == "own" else f"{law['id']}: {law['formula']}"


def select(name: str, title: str, options: dict[str, str]) -> Markup:
    """A labelled choice."""
    choices = [tag("option", text, value=value) for value, text in options.items()]
    return tag("label", tag("span", title), tag("select", *choices, id=f"in-{name}"), class_="field")


def number(name: str, title: str, *, slider: bool = False, hint: str | None = None) -> Markup:
    """A labelled number, which may be written 7B or 1e22; with a slider under it where a person will want to play."""
    box = tag("label", tag("span", title), entry(name, hint))
    bar = tag("input", type="range", id=f"slide-{name}", aria_label=f"{title}, slider") if slider else None
    return tag("div", box, bar, class_="field")


def entry(name: str, hint: str | None) -> Markup:
    """The box of a number."""
    return tag("input", type="text", id=f"in-{name}", inputmode="text", spellcheck="false", placeholder=hint)


def rate(name: str, title: str, devices: dict[str, str]) -> Markup:
    """Device, dense peak, share of it and price of one kind of work."""
    rest = "as serving where not priced" if name == "prompt" else None
    return tag(
        "fieldset",
        tag("legend", title, f" ({rest})" if rest else None),
        select(f"{name}-device", "device", devices),
        number(f"{name}-peak", "dense peak, FLOP/s"),
        number(f"{name}-mfu", "share reached (MFU)", hint="such as 0.4"),
        number(f"{name}-usd", "$ a device-hour", hint="none"),
        tag("p", id=f"source-{name}", class_="note"),
        class_="fields",
    )


def details(title: str, body: Markup, *, opened: bool) -> Markup:
    """Inputs that fold away."""
    return tag("details", tag("summary", title), body, open="" if opened else None)
