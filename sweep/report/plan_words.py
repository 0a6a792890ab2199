"""A plan in sentences and tables for its page; live/words.js writes the same ones when an input moves."""

from typing import Any

from sweep.plan.short import short
from sweep.plan.words import LESS, cost, money, passes, question
from sweep.report.markup import Markup, Piece, table
from sweep.report.numbers import MISSING, fixed
from sweep.tables.units import brief

Row = dict[str, Any]


def verdict(r: Row) -> str:
    """What to train, or what a given run reaches."""
    size = f"{short(r['params'])} parameters on {short(r['tokens'])} tokens"
    if {"params", "tokens"} <= r["question"]["fixed"].keys():
        return f"{size} reach a loss of {r['loss']:.4f} {r['loss_unit']}."
    return f"Train {size} for a loss of {r['loss']:.4f} {r['loss_unit']}."


def sentences(r: Row) -> list[str]:
    """What was asked, what it takes, how flat the choice is, what would be better, what the limit of text does."""
    found = [
        f"Asked: {question(r['question'], r['loss_unit'])}.",
        f"It takes {cost(without_interval(r))}.",
        f"At equal spend, {flat(r)}.",
    ]
    c, b, unit = r["cheapest_within_tolerance"], r["best_at_equal_spend"], brief(r["loss_unit"])
    if c is not None and c["cost_factor"] >= LESS:
        run = f"{short(c['params'])} parameters on {short(c['tokens'])} tokens"
        more, less = f"{c['loss'] - r['loss']:.2g} {unit} more", f"{grouped(c['cost_factor'], 3)} times less"
        found.insert(1, f"Cheapest within the tolerance: {run}, {more} for {less}.")
    if abs(b["params"] / r["params"] - 1) > 1e-6 and b["loss"] < r["loss"]:
        run = f"{short(b['params'])} parameters on {short(b['tokens'])} tokens"
        found.append(f"Better for the same spend: {run}, {r['loss'] - b['loss']:.4f} {unit} less.")
    beyond = any(w["code"] == "repeats_data" for w in r["warnings"])
    return [*found, f"Text: {data(r['data'], unit, beyond)}."] if r["data"] else found


def without_interval(r: Row) -> Row:
    """The record without the interval of its cost, which stands in the table."""
    return {**r, "interval": {**r["interval"], "total": [None, None]}}


def flat(r: Row) -> str:
    """Sizes that do nearly as well, and what half and double the size lose."""
    low, high = r["flat_band"]["params"]
    ends = (
        " ".join([*([f"from {short(low)}"] if low else []), *([f"to {short(high)}"] if high else [])]) or "of any kind"
    )
    parts, unit = [], brief(r["loss_unit"])
    for row in r["regret"]:
        worse = row["loss_increase"]
        name = "half the size" if row["factor"] < 1 else "double the size"
        parts.append(f"{name} {'is not possible' if worse is None else f'loses {worse:.4f} {unit}'}")
    return f"sizes {ends} lose less than {r['flat_band']['loss_tolerance']:g} {r['loss_unit']}; {', '.join(parts)}"


def data(d: Row, unit: str, beyond: bool = False) -> str:
    """Passes over the unique tokens, and what more text would be worth.

    Args:
        unit: of a difference of losses.
        beyond: the run has more tokens than there are.
    """
    text = f"{passes(d['epochs'])} over {short(d['unique_tokens'])} unique tokens"
    if not d["binding"]:
        return text + "; the limit does not bind"
    if beyond:
        return text + "; this run is beyond the limit"
    for name, more in (("twice the text", d["double"]), ("text without limit", d["unlimited"])):
        if more["loss"] is None:
            continue
        lower = abs(more["loss_gain"]) > 1e-6
        gain = (
            f"{more['loss_gain']:.4f} {unit} less" if lower else f"{more['cost_saving'] or 0.0:.0%} of the cost saved"
        )
        text += f"; {name}: {short(more['params'])} on {short(more['tokens'])}, {gain}"
    return text


def cell(value: float | None) -> str:
    """A count or an amount; a dash where there is none."""
    return MISSING if value is None else short(value)


def cash(value: float | None, unit: str, brief: bool = False) -> str:
    """A cost; a dash where there is none."""
    return MISSING if value is None else money(value, unit, brief)


def spread(ends: list[float | None], write: Any) -> str:
    """An interval in words; nothing where there is none."""
    return "" if None in ends else f"{write(ends[0])} to {write(ends[1])}"


def numbers_table(r: Row) -> Markup:
    """The run and its costs, each with its interval."""
    c, i = r["cost"], r["interval"]

    def paid(value: float) -> str:
        return cash(value, c["unit"])

    rows: list[tuple[str, float, Any, str]] = [
        ("parameters", r["params"], short, "params"),
        ("training tokens", r["tokens"], short, "tokens"),
        ("tokens a parameter", r["tokens_per_param"], grouped, "tokens_per_param"),
        (f"loss, {r['loss_unit']}", r["loss"], "{:.4f}".format, "loss"),
        ("training FLOPs", r["flops"], "{:.3g}".format, "flops"),
        ("training", c["train"], paid, "" if c["serve"] else "total"),
    ]
    if c["serve"]:
        rows += [("serving", c["serve"], paid, ""), ("together", c["total"], paid, "total")]
    width = 3 if r["level"] else 2
    head = ["", "plan", f"{r['level'] or 0:.0%} interval"]
    body = [[name, write(value), spread(i[key], write) if key else ""][:width] for name, value, write, key in rows]
    return table(head[:width], body, numeric=range(1, width))


def grouped(value: float | None, digits: int = 4) -> str:
    """Digits in groups of three."""
    return (
        MISSING if value is None else f"{value:.{digits}g}" if value < 1000 else f"{float(f'{value:.{digits}g}'):,.0f}"
    )


def break_even_table(r: Row) -> Piece:
    """The cheapest run of the plan's loss at each demand."""
    found, unit = r["break_even"], r["cost"]["unit"]
    if not found or not found["rows"]:
        return None
    head = ["served tokens", "parameters", "tokens", "D/N", "training", "serving", f"total, {unit}", "saving"]
    rows = [
        [
            *(cell(x[name]) for name in ("inference_tokens", "params", "tokens")),
            grouped(x["tokens_per_param"], 3),
            *(cash(x[name], unit, brief=True) for name in ("train", "serve", "total")),
            MISSING if x["saving"] is None else f"{x['saving']:.0%}",
        ]
        for x in found["rows"]
    ]
    return table(head, rows, numeric=range(1, 8))


def sizes_table(r: Row) -> Piece:
    """Other sizes at the plan's loss, and the demand at which they cost the same."""
    found = r["break_even"]
    if not found or not found["sizes"]:
        return None
    rows = [
        [short(x["params"]), "never reaches this loss" if x["tokens"] is None else short(x["tokens"]), equal(x)]
        for x in found["sizes"]
    ]
    return table(["other size", "tokens", "costs the same as the plan at"], rows, numeric=(1, 2))


def equal(x: Row) -> str:
    """The demand at which another size costs the same."""
    at = x["equal_cost_inference_tokens"]
    if x["tokens"] is None:
        return MISSING
    if at is None or at <= 0:
        return f"no demand: it is {'cheaper' if x['cheaper'] == 'above' else 'dearer'} throughout"
    return f"{short(at)} served tokens, cheaper {x['cheaper']}"


def models_table(models: list[Row]) -> Markup:
    """Known models: the demand at which each is right, and what it costs against compute-optimal."""
    head = ["model", "date", "parameters", "tokens", "D/N", "right at, served", "size", "compute"]
    rows = [
        [
            m["name"],
            m["date"],
            short(m["params"]),
            short(m["tokens"]),
            grouped(m["tokens_per_param"], 3),
            "no demand" if m["inference_tokens"] is None else short(m["inference_tokens"]),
            f"{fixed(m['size_factor'], 2)}x",
            f"{fixed(m['flops_factor'], 2)}x",
        ]
        for m in models
    ]
    return table(head, rows, numeric=range(1, 8))
