"""`sweep laws`: the registry, or one law of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tyro

from sweep import laws
from sweep.errors import InputError
from sweep.laws.law import GRADES, Law, Parameter
from sweep.nearest import nearest
from sweep.verbs.output import Output


@dataclass(frozen=True)
class Args:
    """The laws that can be fitted and planned with; or all about one: formula, parameters, published coefficients.

    Example: sweep laws

    Example: sweep laws data_constrained

    Example: sweep laws besiroglu
    """

    law: tyro.conf.Positional[str | None] = None
    """Id of a law, what people call it (chinchilla), or the id of published coefficients, which are then shown."""


def run(args: Args) -> Output:
    """List the registry, or describe one law."""
    if args.law is None:
        records = [record(law) for law in laws.LAWS.values()]
        return Output({"laws": records}, listing(records))
    found = sets().get(args.law)
    if found is None or args.law in laws.LAWS:
        known = record(law_of(args.law))
        return Output({"laws": [known]}, page(known))
    known = record(found)
    entry = next(x for x in known["published"] if x["name"] == args.law)
    return Output({"laws": [known], "coefficients": entry}, set_page(known, entry))


def sets() -> dict[str, Law]:
    """Id of published coefficients -> their law."""
    return {name: law for law in laws.LAWS.values() for name in law.published}


def law_of(name: str) -> Law:
    """The law of a name. Raises InputError for one that neither a law nor a set of coefficients has."""
    try:
        return laws.get(name)
    except InputError:
        close = nearest(name, [*laws.LAWS, *laws.CALLED, *sets()])
        raise InputError(f"unknown law {name!r}{close}; `sweep laws` lists them") from None


def record(law: Law) -> dict[str, Any]:
    """What the registry knows of a law, as JSON."""
    return {
        "id": law.id,
        "formula": law.formula,
        "inputs": list(law.inputs),
        "meanings": law.meanings,
        "output": law.output,
        "target": law.target,
        "source": law.source,
        "parameters": [parameter(name, p) for name, p in law.parameters.items()],
        "linear": list(law.linear),
        "limits": law.limits,
        "optimum": law.optimum_kind or None,
        "published": [
            {
                "name": name,
                "coefficients": {key: float(x) for key, x in zip(law.names, given.coefficients, strict=True)},
                "source": given.source,
                "grade": given.grade,
                "verified": given.verified,
            }
            for name, given in law.published.items()
        ],
    }


def parameter(name: str, p: Parameter) -> dict[str, Any]:
    """One coefficient; a bound that does not exist is null."""
    upper = p.upper if np.isfinite(p.upper) else None
    return {"name": name, "meaning": p.meaning, "lower": p.lower, "upper": upper, "scale": p.scale}


def listing(records: list[dict[str, Any]]) -> str:
    """One line a law."""
    wide = max(len(r["id"]) for r in records)
    lines = [f"{r['id']:{wide}s}  {r['formula']}\n{'':{wide}s}  {summary(r)}" for r in records]
    return "\n".join([*lines, "", "sweep laws ID tells all about one."])


def summary(r: dict[str, Any]) -> str:
    """Inputs, output, and how much is published."""
    verified = sum(x["verified"] for x in r["published"])
    rest = len(r["published"]) - verified
    count = f"{verified} published" + (f", {rest} unverified" if rest else "")
    return f"{', '.join(r['inputs'])} -> {r['output']}; {count}"


def set_page(r: dict[str, Any], given: dict[str, Any]) -> str:
    """One set of published coefficients: each with its meaning, who published them, and what can be done with them."""
    meanings = {p["name"]: p["meaning"] for p in r["parameters"]}
    lines = [f"{given['name']}: published coefficients of the law {r['id']}", "", f"  {r['formula']}", ""]
    lines += [f"  {name:9s}{value:<14.6g}{meanings[name]}" for name, value in given["coefficients"].items()]
    lines += ["", f"{given['source']} [{given['grade']}: {GRADES[given['grade']]}]"]
    others = [x["name"] for x in r["published"] if x["name"] != given["name"]]
    if others:
        lines.append(f"other sets of this law: {', '.join(others)}")
    uses = [f"sweep predict {given['name']}"] + [f"sweep plan {given['name']}"] * bool(r["optimum"])
    told = f"use it: {', '.join(uses)}; " if given["verified"] else "not for planning; "
    return "\n".join([*lines, f"{told}all about the law: sweep laws {r['id']}"])


def page(r: dict[str, Any]) -> str:
    """All about one law."""
    lines = [f"{r['id']}: {r['output']}", "", f"  {r['formula']}", "", r["source"], "", "inputs"]
    lines += [f"  {name:18s}{meaning}" for name, meaning in r["meanings"].items()]
    lines += ["", "parameters"]
    for p in r["parameters"]:
        span = f"{p['lower']:g} or more" if p["upper"] is None else f"{p['lower']:g} to {p['upper']:g}"
        lines.append(f"  {p['name']:9s}{span:18s}{p['meaning']}")
    if r["limits"]:
        lines += ["", "limits"] + [f"  {name} without bound: {what}" for name, what in r["limits"].items()]
    lines += ["", f"compute-optimal params and tokens: {r['optimum'] or 'not from this law'}"]
    lines += ["", "published coefficients" if r["published"] else "no published coefficients"]
    for given in r["published"]:
        lines.append(f"  {given['name']}: " + ", ".join(f"{k} {v:.6g}" for k, v in given["coefficients"].items()))
        lines.append(f"      {given['source']} [{given['grade']}: {GRADES[given['grade']]}]")
    return "\n".join(lines)
