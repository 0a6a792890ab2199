"""What `sweep fit` prints: verdict, law, approaches side by side, diagnostics in a line each, warnings with cures."""

from typing import Any

from sweep.fit import Fit
from sweep.fit.diagnostics.words import show, words
from sweep.fit.misfit_text import misfit_words
from sweep.tables.units import unit_of
from sweep.verbs.approach_text import under_parabolas


def describe(found: Fit) -> str:
    """The fit for people: verdict, law, approaches side by side, diagnostics, warnings."""
    r = found.to_json()
    objective = r["objective"]
    kind = objective["kind"] + (f" {objective['delta']:g}" if objective["delta"] else "")
    starts = r["approach3"]["starts"]
    agree = f"{starts['agree']} of {starts['of']} starts agree"
    stamp = f"DESPITE {', '.join(r['despite'])}: do not plan with this. " if r["despite"] else ""
    head = [
        f"{stamp}{r['source']}: {r['n']} runs, {r['status'].replace('_', ' ')} ({agree}), "
        f"{kind} objective {objective['value']:.9e}, residual sd {r['residual_sd']:.2g} in ln {found.law.target}",
        *filter(None, [misfit_words(r)]),
        r["units"]["statement"],
        *(
            [f"rows count by their weights, {r['weights'][0]:.4g} to {r['weights'][1]:.4g} times their mean"]
            if r.get("weights")
            else []
        ),
        "",
        f"{r['formula']}     {intervals(r)}",
    ]
    wide = max(6, *map(len, r["params"]))
    law = [
        f"  {name:{wide}s} {show(value):>11s}   {span(r['interval'][name])}{side(r, name)}".rstrip()
        for name, value in r["params"].items()
    ]
    approaches = ["", *side_by_side(r)] if found.law.target == "loss" else []
    return "\n".join([*head, *law, *approaches, *diagnosed(r, found.law.target), *notes(r)])


def intervals(r: dict[str, Any]) -> str:
    """What the intervals are, or that there are none."""
    if not r["bootstrap"]:
        return "no resamples, so no intervals"
    return f"{r['level']:.0%} interval of {r['bootstrap']} resamples"


def side(r: dict[str, Any], name: str) -> str:
    """What is special about a coefficient: held fixed, or at its bound."""
    if name in (r.get("fixed_coefficients") or ()):
        return "fixed"
    known = name in r.get("one_sided", ()) and r["interval"][name][0] is not None
    return " one-sided: from its bound, by its profile" if known else ""


def side_by_side(r: dict[str, Any]) -> list[str]:
    """The three approaches: exponents and what each says at the target."""
    target = r["target"]
    if target["flops"] is None:
        return ["no compute-optimal size: the table has no FLOPs and the law reads none"]
    lines = [f"{'':22s}{'a':>7s} {'':15s} {'b':>7s} {'':15s}  N*, D* at {target['flops']:.3g} FLOPs"]
    titles = ("1 envelope of curves", "2 isoFLOP parabolas", "3 the law above")
    for k, title in enumerate(titles, start=1):
        lines.append(row(title, r[f"approach{k}"], target[f"approach{k}"]))
        if k == 2:
            lines += under_parabolas(r, row)
    fixed = ", ".join(f"{name} = {value:.4g}" for name, value in r["fixed"].items())
    if fixed:
        lines.append(f"at {fixed}, as in the run of the most compute")
    loss = target["approach3"]
    if loss["loss"] is not None:
        about = f" {span(loss['loss_interval'], 4)}".rstrip()
        where = "that optimum" if loss["params"] is not None else f"{target['flops']:.3g} FLOPs"
        lines.append(f"loss at {where} by the law: {loss['loss']:.4f}{about} {unit_of(r)}")
    return lines


def row(title: str, block: dict[str, Any], answer: dict[str, Any] | None) -> str:
    """One approach: its exponents and its optimum at the target, or why it has no answer."""
    if block["a"] is None or answer is None:
        return f"{title:22s}no answer: {block['reason'] or 'this law does not split compute'}"
    a, b = (f"{block[x]:7.3f} {span(block[f'{x}_interval'], 3):15s}" for x in ("a", "b"))
    n, d = (f"{show(answer[x])} {span(answer[f'{x}_interval'])}".rstrip() for x in ("params", "tokens"))
    return f"{title:22s}{a} {b}  {n}, {d}"


def diagnosed(r: dict[str, Any], target: str) -> list[str]:
    """The diagnostics, one a line; empty where they were not made. `target` is what the law predicts."""
    if "diagnostics" not in r:
        return []
    lines = [f"  {name:11s}{line}" for name, line in words(r["diagnostics"]).items()]
    lines += [f"  {'unchecked':11s}{line}" for line in r.get("unchecked", [])]
    split = r["target"]["approach3"]["params"] is not None
    run = "the largest run" if "flops" in r["range"] else f"the run of least {target}"
    alone = f"{'L' if target == 'loss' else target} of {run}"
    where = f"N*, L at {r['target']['flops']:.3g} FLOPs" if split else alone
    return ["", f"diagnostics ({where})", *lines]


def notes(r: dict[str, Any]) -> list[str]:
    """Warnings, each with what to do about it."""
    lines = [""] if r["warnings"] else []
    for w in r["warnings"]:
        if w["code"] == "residual_pattern" and r.get("misfit"):
            continue  # the second line has said it
        lines.append(f"warning {w['code']}: {w['message']}" + (f" -> {w['cure']}" if w.get("cure") else ""))
    return lines


def span(pair: list[float | None], decimals: int | None = None) -> str:
    """[low, high], or nothing where there is no interval."""
    low, high = pair
    if low is None or high is None:
        return ""
    if decimals is not None:
        return f"[{low:.{decimals}f}, {high:.{decimals}f}]"
    return f"[{low:.3g}, {high:.3g}]"
