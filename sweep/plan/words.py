"""A plan in words: what to train, what it costs, how sure that is, what would change it; to be read aloud."""

from collections.abc import Callable, Sequence
from typing import Any

from sweep.plan import shape_words
from sweep.plan.prices import FLOPS, HOURS, USD
from sweep.plan.short import line, ratio, short
from sweep.tables.units import brief

TARGET = {
    "compute": "{value:.3g} FLOPs",
    "loss": "a loss of {value:.4f} {unit}",
    "like_compute": "the loss of a compute-optimal run of {value:.3g} FLOPs",
    "like_params": "the loss of a compute-optimal run of {size} parameters",
    "usd": "${amount}",
    "device_hours": "{amount} device-hours",
}
FIXED = {"params": "{} params", "tokens": "{} tokens", "tokens_per_param": "{} tokens a parameter"}


def describe(r: dict[str, Any]) -> str:
    """The record of a plan for people."""
    stamp = f"DESPITE {', '.join(r['despite'])}: a plan on a law that was refused." if r["despite"] else ""
    lines = [
        *([stamp] if stamp else []),
        f"{r['source']}     {r['formula']}",
        "",
        line("question", question(r["question"], r["loss_unit"])),
    ]
    judged = {"params", "tokens"} <= r["question"]["fixed"].keys()
    lines += [*cheaper(r), line("this run" if judged else "recommended", recommended(r)), *best(r)]
    lines += [line("cost", cost(r)), *rates(r["cost"]["rates"])]
    lines += [line("flat", flat(r)), line("regret", regret(r)), *demand(r), *break_even(r), *sizes(r)]
    lines += sensitivity(r["sensitivity"])
    lines += [line("data", data(r))] if r["data"] else []
    lines += shape_words.buildable(r["buildable"])
    return "\n".join([*lines, *(line("warning", f"{w['code']}: {w['message']}") for w in r["warnings"])])


def question(q: dict[str, Any], unit: str) -> str:
    """What was asked; `unit` is that of the loss."""
    held = ", ".join(FIXED[name].format(short(value)) for name, value in q["fixed"].items())
    value = q["value"] or 0.0
    amount = f"{value:,.0f}" if value >= 1e3 else f"{value:.6g}"
    goal = TARGET[q["target"]].format(value=value, size=short(value), unit=unit, amount=amount) if q["target"] else ""
    if q["target"] in ("like_compute", "like_params"):
        limited = f" on text without limit, not on {short(q['unique_tokens'])} tokens" if q["unique_tokens"] else ""
        goal += f"{limited}: {q['target_loss']:.4f} {unit}"
    if q["budget_includes_serving"]:
        goal += " for training and serving together"
    served = q["inference_tokens"]
    need = f", serving {short(served[1])} tokens" if served[1] else ""
    if served[0] != served[2]:
        need += f" (between {short(served[0])} and {short(served[2])})"
    if q["max_params"]:
        need += f", up to {short(q['max_params'])} params"
    return (" with ".join(x for x in (goal, held) if x)) + need


def recommended(r: dict[str, Any]) -> str:
    """The run."""
    i = r["interval"]
    return (
        f"{short(r['params'])} params{span(i['params'])} on {short(r['tokens'])} tokens{span(i['tokens'])}   "
        f"loss {r['loss']:.4f}{span(i['loss'], '{:.4f}'.format)} {r['loss_unit']}   "
        f"{ratio(r['tokens_per_param'])} tokens a parameter{span(i['tokens_per_param'], ratio)}   "
        f"{r['flops']:.3g} FLOPs" + (f"   ({r['level']:.0%} intervals)" if r["level"] else "")
    )


MANY = 9.0  # times more than the compute-optimal cost, from where a percentage is not read any more
LESS = 2.0  # times cheaper, from where the cheapest run within the tolerance comes first


def cheaper(r: dict[str, Any]) -> list[str]:
    """The cheapest run within the tolerance of the answer, where it takes a fraction of the budget."""
    c = r["cheapest_within_tolerance"]
    if c is None or c["cost_factor"] < LESS:
        return []
    over = f" ({passes(c['epochs'])} over the text)" if "epochs" in c else ""
    return [
        line(
            "cheapest",
            f"{short(c['params'])} params on {short(c['tokens'])} tokens{over}   loss {c['loss']:.4f}, "
            f"{c['loss'] - r['loss']:.2g} {brief(r['loss_unit'])} more, for {c['flops']:.3g} FLOPs: "
            f"{ratio(c['cost_factor'])} times less than the plan below",
        )
    ]


def best(r: dict[str, Any]) -> list[str]:
    """What would be better for the same spend, where size or tokens were fixed."""
    b = r["best_at_equal_spend"]
    if abs(b["params"] / r["params"] - 1) < 1e-6:
        return []
    gain, unit = r["loss"] - b["loss"], brief(r["loss_unit"])
    if gain <= 0:  # the run repeats its text, and the law does not say what that costs
        return []
    return [
        line(
            "best",
            f"for the same spend {short(b['params'])} params on {short(b['tokens'])} tokens: {gain:.4f} {unit} less",
        )
    ]


def cost(r: dict[str, Any]) -> str:
    """Training, serving, and what the usual choice would cost."""
    c, unit = r["cost"], r["cost"]["unit"]
    text = f"{money(c['train'], unit)} to train"
    if c["serve"]:
        text += f" and {money(c['serve'], unit)} to serve, {money(c['total'], unit)} in all"
        text += "" if r["question"]["budget_includes_serving"] else priced(r["interval"]["total"], unit)
    if abs(c["saving"]) > 5e-4 and c["compute_optimal"]["params"]:
        usual = short(c["compute_optimal"]["params"])
        less = "less" if c["saving"] > 0 else "more"
        free = ", were there text enough" if r["data"] and r["data"]["binding"] else ""
        share = f"{abs(c['saving']):.0%} {less} than" if c["saving"] > -MANY else f"{ratio(1 - c['saving'])} times"
        text += f"; {share} the compute-optimal {usual} at equal loss{free}"
    return text


def rates(stated: dict[str, str]) -> list[str]:
    """The rates as stated; that of prompts where it is another."""
    return [line(f"  {k}", rate) for k, rate in stated.items() if k != "prompt" or rate != stated["serve"]]


def flat(r: dict[str, Any]) -> str:
    """Sizes that do nearly as well."""
    low, high = r["flat_band"]["params"]
    ends = [f"from {short(low)}" if low else "", f"to {short(high)}" if high else ""]
    known = " ".join(x for x in ends if x) or "of any kind"
    return f"sizes {known} lose less than {r['flat_band']['loss_tolerance']:g} {brief(r['loss_unit'])} at equal spend"


def regret(r: dict[str, Any]) -> str:
    """Half and double the size."""
    parts, unit = [], brief(r["loss_unit"])
    for row in r["regret"]:
        name = "half the size" if row["factor"] < 1 else "double the size"
        worse = row["loss_increase"]
        lost = "not possible at equal spend" if worse is None else f"+{worse:.4f} {unit} at equal spend"
        factor = row["cost_factor_for_equal_loss"]
        equal = (
            f"the loss is out of reach with {'the tokens there are' if r['data'] else 'any number of tokens'}"
            if factor is None
            else f"x{factor:.3g} the cost at equal loss"
        )
        parts.append(f"{name} ({short(row['params'])}): {lost}, {equal}")
    return "; ".join(parts)


def demand(r: dict[str, Any]) -> list[str]:
    """The answer at other demands."""
    rows = [row for row in r["demand"] if row["params"]]
    if not rows:
        return []
    parts = [f"at {short(x['inference_tokens'])} tokens {short(x['params'])} on {short(x['tokens'])}" for x in rows]
    return [line("demand", "; ".join(parts))]


def break_even(r: dict[str, Any]) -> list[str]:
    """The table of demands at equal loss."""
    found = r["break_even"]
    if not found or not found["rows"]:
        return []
    unit = r["cost"]["unit"]
    head = (
        f"{'served':>8s} {'params':>8s} {'tokens':>8s} {'D/N':>8s} {'train':>10s} {'serve':>10s} {'total':>10s}  saving"
    )
    lines = [line("break-even", f"the cheapest run of loss {found['loss']:.4f} at each demand"), line("", head)]
    for x in found["rows"]:
        if x["params"] is None:
            lines.append(line("", f"{short(x['inference_tokens']):>8s} no run reaches the loss"))
            continue
        cells = [short(x[name]) for name in ("inference_tokens", "params", "tokens")]
        cells += [f"{x['tokens_per_param']:,.0f}"]
        row = " ".join(f"{cell:>8s}" for cell in cells)
        row += " " + " ".join(f"{money(x[name], unit, brief=True):>10s}" for name in ("train", "serve", "total"))
        lines.append(line("", f"{row}  {round(x['saving'], 4) + 0.0:6.0%}"))
    return lines


def sizes(r: dict[str, Any]) -> list[str]:
    """Other sizes against the recommended one."""
    found, lines = r["break_even"], []
    for x in found["sizes"] if found else []:
        size, equal = short(x["params"]), x["equal_cost_inference_tokens"]
        if x["tokens"] is None:
            lines.append(f"{size} never reaches this loss on the tokens there are")
        elif equal is None or equal <= 0:
            other = "cheaper" if x["cheaper"] == "above" else "dearer"
            lines.append(f"{size} on {short(x['tokens'])} tokens is {other} at any demand")
        else:
            lines.append(
                f"{size} on {short(x['tokens'])} tokens costs the same at {short(equal)} served tokens, "
                f"less {x['cheaper']}"
            )
    return [line("", text) for text in lines]


def sensitivity(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Which input moves the size most, one a line."""
    lines = []
    for row in rows:
        low, high = ("no answer" if f is None else f"{f:.3g}x" for f in row["factors"])
        ends = row["low"] if row["low"] == row["high"] else f"{row['low']} to {row['high']}"
        name = "" if lines else "sensitivity"
        lines.append(line(name, f"{row['input']} {ends} moves N by {low} to {high}"))
    return lines


def data(r: dict[str, Any]) -> str:
    """Passes over the unique tokens, and what more text would be worth."""
    d = r["data"]
    text = f"{passes(d['epochs'])} over {short(d['unique_tokens'])} unique tokens ({d['rule']})"
    if not d["binding"]:
        return text + "; the limit does not bind"
    if any(w["code"] == "repeats_data" for w in r["warnings"]):
        return text + "; this run is beyond the limit"
    for name, more in (("twice the text", d["double"]), ("text without limit", d["unlimited"])):
        if more["loss"] is None:
            continue
        gain = more["loss_gain"] or 0.0
        unit = brief(r["loss_unit"])
        worth = f"{gain:.4f} {unit} less" if abs(gain) > 1e-6 else f"{more['cost_saving'] or 0.0:.1%} of the cost saved"
        text += f"; {name}: {short(more['params'])} on {short(more['tokens'])}, {worth}"
    return text


def money(value: float | None, unit: str, brief: bool = False) -> str:
    """A cost in its unit."""
    if value is None:
        return "unknown"
    if unit == USD:
        return f"${short(value)}"
    return f"{value:.3g}" + ("" if brief else f" {unit}" if unit in (FLOPS, HOURS) else "")


def priced(pair: Sequence[float | None], unit: str) -> str:
    """[low, high] of a cost; nothing where it is not known."""
    low, high = pair
    return "" if low is None else f" [{money(low, unit, brief=True)}, {money(high, unit, brief=True)}]"


def span(pair: Sequence[float | None], form: Callable[[float], str] | None = None) -> str:
    """[low, high]; nothing where it is not known, or where both are what was fixed."""
    low, high = pair
    if low is None or high is None or abs(high - low) <= 1e-9 * abs(high):
        return ""
    form = form or short
    return f" [{form(low)}, {form(high)}]"


def passes(epochs: float | int) -> str:
    """1 pass, 2.5 passes, 13,522 passes."""
    return f"{ratio(epochs)} {'pass' if epochs == 1 else 'passes'}"
