"""`sweep laws`: the registry, or one law of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tyro

from sweep import laws
from sweep.laws.law import GRADES, Law, Parameter
from sweep.verbs.output import Output


@dataclass(frozen=True)
class Args:
    """The laws that can be fitted and planned with; or all about one: formula, parameters, published coefficients.

    Example: sweep laws

    Example: sweep laws data_constrained
    """

    law: tyro.conf.Positional[str | None] = None
    """Id of a law."""


def run(args: Args) -> Output:
    """List the registry, or describe one law."""
    if args.law is None:
        records = [record(law) for law in laws.LAWS.values()]
        return Output({"laws": records}, listing(records))
    found = record(laws.get(args.law))
    return Output({"laws": [found]}, page(found))


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
    sets = f"{verified} published" + (f", {rest} unverified" if rest else "")
    return f"{', '.join(r['inputs'])} -> {r['output']}; {sets}"


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
    if r["published"]:
        lines += ["", "published coefficients"]
    for given in r["published"]:
        lines.append(f"  {given['name']}: " + ", ".join(f"{k} {v:.6g}" for k, v in given["coefficients"].items()))
        lines.append(f"      {given['source']} [{given['grade']}: {GRADES[given['grade']]}]")
    return "\n".join(lines)
