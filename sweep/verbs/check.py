"""`sweep check`: is this table what it seems, and what can be fitted to it?"""

import re
import shlex
from dataclasses import dataclass
from typing import Any

from sweep.errors import one_line
from sweep.fit.look import look
from sweep.verbs.output import Output
from sweep.verbs.table import TableArgs

WIDTH = 105  # of a line, without its topic
SHOWN = 5  # rows, families or problems named in a line
SAID = ("settings", "usual_names", "flops_unread", "best_of")  # remarks that no other line shows
CODES = {"ok": 0, "error": 1, "refused": 2}


@dataclass(frozen=True)
class Args(TableArgs):
    """Look at a loss table before fitting it: units, slips, duplicates, isoFLOP structure, what it can tell.

    Takes seconds and compiles nothing. Exit code 0: it can be fitted, read the remarks; 1: a value is wrong; 2: a fit
    would be refused.

    Example: sweep check losses.csv --columns params=N tokens=D loss=val_loss

    Example: sweep check losses.csv --units bits --where "outlier == 0"
    """


def run(args: Args) -> Output:
    """Look, and say what was seen."""
    data = look(args.source, **args.reading)
    return Output(data, describe(args, data), CODES[data["verdict"]])


def describe(args: Args, data: dict[str, Any]) -> str:
    """The check for people: one line a topic, then what is wrong."""
    wrong = [p for p in data["problems"] if p["level"] != "remark"]
    lines = []
    if "ranges" in data:
        lines = [
            head(args.table, data),
            line("units", [data["units"]["statement"], flops(data)]),
            line("design", [identifiable(data), structure(data), other_laws(data)]),
            line("suspect", suspect(data)),
            line("missing", data["missing"]),
        ]
    remarks = [p["message"] for p in data["problems"] if p["code"] in SAID]
    lines += [f"{'remark':12s} {text}" for text in remarks]
    lines += [f"{'refused' if of[0]['level'] == 'refusal' else 'error':12s} {stated(of)}" for of in kinds(wrong)]
    if not wrong:
        lines.append(f"{'next':12s} {command(args)}")
    return "\n".join(filter(None, map(printable, lines)))


def printable(text: str) -> str:
    """A topic, of one line or several, without what a terminal would act on."""
    return "\n".join(map(one_line, text.split("\n")))


def command(args: Args) -> str:
    """The fit of what was looked at, as it is typed."""
    options = (
        ("wide", args.wide), ("where", args.where), ("units", args.units), ("bytes-per-token", args.bytes_per_token),
        ("best-of", args.best_of),
    )  # fmt: skip
    words = ["sweep", "fit", args.table, *(["--columns", *args.columns] if args.columns else [])]
    words += [word for name, value in options if value is not None for word in (f"--{name}", value)]
    return " ".join(map(typed, [*words, "--drop-unfinished"] if args.drop_unfinished else words))


def typed(word: str) -> str:
    """A word as a shell takes it; one with single quotes, as names with blanks have them, in double quotes."""
    return f'"{word}"' if "'" in word and not re.search(r'["`$\\!]', word) else shlex.quote(word)


def kinds(problems: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Problems in groups of one kind in one column, in the order of the first of each."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for problem in problems:
        kind = problem["code"], problem["column"], problem["level"]
        groups.setdefault(kind, []).append(problem)
    return list(groups.values())


def stated(problems: list[dict[str, Any]]) -> str:
    """One line for problems of one kind: the message of the first, with the code of a refusal, and the other rows."""
    first, others = problems[0], [str(p["row"]) for p in problems[1:] if p["row"] is not None]
    code = f"({first['code']}) " if first["level"] == "refusal" else ""
    if not others:
        return code + "; ".join(p["message"] for p in problems)
    listed = ", ".join(others[:SHOWN]) + (", …" if len(others) > SHOWN else "")
    beyond = "".join(f"; {p['message']}" for p in problems[1:] if p["row"] is None)
    rows = f"row{'s' * (len(others) > 1)} {listed}"
    return f"{code}{first['message']} ({len(others)} more of the same: {rows}){beyond}"


def line(topic: str, parts: list[str]) -> str:
    """`topic`, then the parts that say something; nothing where none does."""
    parts = [part for part in parts if part]
    rows = [""]
    for part in parts:
        joined = f"{rows[-1]} · {part}" if rows[-1] else part
        rows = [*rows[:-1], joined] if len(joined) <= WIDTH else [*rows, part]
    return "\n".join(f"{topic if k == 0 else '':12s} {row}" for k, row in enumerate(filter(None, rows)))


def head(name: str, data: dict[str, Any]) -> str:
    """How many rows, and their ranges."""
    r = data["ranges"]
    spans = (("N", "params"), ("D", "tokens"), ("D/N", "tokens_per_param"), ("C", "flops"))
    rows = f"{data['rows']:,} rows"
    excluded = ", ".join(f"{e['n']} {e['status'].replace('_', ' ')}" for e in data["excluded"])
    parts = [
        name,
        f"{rows} (left out: {excluded})" if excluded else rows,
        *(f"{label} {span(r[key])}" for label, key in spans),
    ]
    return "   ".join(parts)


def flops(data: dict[str, Any]) -> str:
    """C beside 6 N D."""
    low, high = data["flops_over_6nd"]
    if data["convention"]["flops"] == "6nd":
        return "C = 6ND, no flops column"
    if high / low < 1.005 and abs(low - 1) < 0.005:
        return "C agrees with 6ND"
    told = "one factor, another way to count" if high / low < 1.05 else "taken as exact FLOPs"
    return f"C is {low:.3g} to {high:.3g} x 6ND: {told}"


def identifiable(data: dict[str, Any]) -> str:
    """Can the table tell the exponents of the additive law?"""
    about = data["laws"]["additive"]
    condition = "" if about["condition"] is None else f"condition {short(about['condition'])}"
    detail = ", ".join(filter(None, [about["reason"], condition]))
    return f"{'' if data['identifiable']['additive'] else 'NOT '}identifiable for additive ({detail})"


def other_laws(data: dict[str, Any]) -> str:
    """The other laws that the columns feed and the table can tell."""
    able = [law for law, yes in data["identifiable"].items() if yes and law != "additive"]
    return f"also identifiable for {', '.join(able)}" if able else ""


def structure(data: dict[str, Any]) -> str:
    """The isoFLOP families."""
    families = data["families"]
    if not families:
        return "no isoFLOP structure (no three sizes at equal FLOPs)"
    found = "by the budget column" if families[0]["budget"] else "found"
    two = sum(f["two_sided"] for f in families)
    return f"isoFLOP structure {found}: {len(families)} budget{'s' * (len(families) > 1)}, {two} two-sided"


def suspect(data: dict[str, Any]) -> list[str]:
    """Rows that stand out, copies, and rows that share a run."""
    found = [f"row {s['row']} residual {s['residual']:+.2g} ({abs(s['sd']):.0f} sd)" for s in data["suspects"][:SHOWN]]
    copies = [f"rows {', '.join(map(str, rows[:SHOWN]))} duplicates" for rows in data["duplicates"][:SHOWN]]
    again = data["repeats"]
    seeds = ""
    if again["repeated"]:
        seeds = (
            f"configurations repeated: {again['repeated']} ({again['rows']} rows, sd {again['noise']:.2g} in ln loss)"
        )
    shared = [p["message"] for p in data["problems"] if p["code"] == "clustered"]
    more = [more_of(data["suspects"], "suspects")], [more_of(data["duplicates"], "sets of duplicates")]
    return [*found, *more[0], *copies, *more[1], seeds, *shared]


def more_of(items: list, what: str) -> str:
    """How many were not named."""
    return f"{len(items) - SHOWN} more {what}" if len(items) > SHOWN else ""


def span(ends: list[float]) -> str:
    """low–high in two digits."""
    return "–".join(short(x) for x in ends)


def short(x: float) -> str:
    """Two digits: 4.1e7, 350, 0.71."""
    if 0.01 <= abs(x) < 1e3:
        return f"{x:.3g}"
    mantissa, _, exponent = f"{x:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
