"""What `sweep fit` prints: verdict, law, approaches side by side, diagnostics in a line each, warnings with cures."""

from typing import Any

from sweep.fit import Fit


def describe(found: Fit) -> str:
    """The fit for people: verdict, law, approaches side by side, diagnostics, warnings."""
    r = found.to_json()
    objective = r["objective"]
    kind = objective["kind"] + (f" {objective['delta']:g}" if objective["delta"] else "")
    starts = r["approach3"]["starts"]
    agree = f"{starts['agree']} of {starts['of']} starts agree"
    head = [
        f"{r['source']}: {r['n']} runs, {r['status'].replace('_', ' ')} ({agree}), "
        f"{kind} objective {objective['value']:.9e}, residual sd {r['residual_sd']:.2g} in ln loss",
        "",
        f"{r['formula']}     {r['level']:.0%} interval of {r['bootstrap']} resamples",
    ]
    law = [f"  {name:6s} {show(value):>11s}   {span(r['interval'][name])}" for name, value in r["params"].items()]
    return "\n".join([*head, *law, "", *side_by_side(r), *diagnosed(r), *notes(r)])


def side_by_side(r: dict[str, Any]) -> list[str]:
    """The three approaches: exponents and what each says at the target."""
    target = r["target"]
    lines = [f"{'':22s}{'a':>7s} {'':15s} {'b':>7s} {'':15s}  N*, D* at {target['flops']:.3g} FLOPs"]
    titles = ("1 envelope of curves", "2 isoFLOP parabolas", "3 the law above")
    for k, title in enumerate(titles, start=1):
        block, answer = r[f"approach{k}"], target[f"approach{k}"]
        if block["a"] is None or answer is None:
            lines.append(f"{title:22s}no answer: {block['reason']}")
            continue
        a, b = (f"{block[x]:7.3f} {span(block[f'{x}_interval'], 3):15s}" for x in ("a", "b"))
        n, d = (f"{show(answer[x])} {span(answer[f'{x}_interval'])}" for x in ("params", "tokens"))
        lines.append(f"{title:22s}{a} {b}  {n}, {d}")
    loss = target["approach3"]
    if loss["loss"] is not None:
        lines.append(f"loss at that optimum by the law: {loss['loss']:.4f} {span(loss['loss_interval'], 4)} nats/token")
    return lines


def diagnosed(r: dict[str, Any]) -> list[str]:
    """The diagnostics, one a line; empty where they were not made."""
    if "diagnostics" not in r:
        return []
    lines = []
    for name, write in LINES.items():
        block = r["diagnostics"][name]
        label = "condition" if name == "identifiability" else name
        lines.append(
            f"  {label:11s}{'no answer: ' + block['reason'] if block['status'] == 'no_answer' else write(block)}"
        )
    return ["", f"diagnostics (N*, L at {r['target']['flops']:.3g} FLOPs)", *lines]


def identifiability_line(block: dict[str, Any]) -> str:
    """Conditioning in a line."""
    condition = (
        "no condition, a term has vanished" if block["condition"] is None else f"condition {block['condition']:.3g}"
    )
    ratio = "not held" if block["params_ratio"] is None else f"within x{block['params_ratio']:.2f} from end to end"
    ties = block["near_ties"]
    tied = f"; near ties at N* {', '.join(show(t['params']) for t in ties[:3])}" if ties else ""
    pairs = [f"({pair.replace(',', ', ')}) {c:+.3f}" for pair, c in block["correlation"].items() if abs(c) > 0.95]
    pairs = [pair for pair in pairs if not pair.startswith(("(A, alpha)", "(B, beta)"))]  # those always are
    correlated = f"; correlated {', '.join(pairs)}" if pairs else ""
    return f"{condition}, N* {ratio}{correlated}{tied}"


def deltas_line(block: dict[str, Any]) -> str:
    """The objectives in a line."""
    if block["params_range"] is None:
        return "no objective has an optimum"
    ends = [f"{row['objective']}{'' if row['delta'] is None else format(row['delta'], ' g')}" for row in block["rows"]]
    n, a, loss = block["params_range"], block["a_range"], block["loss_range"]
    return (
        f"N* {show(n[0])} to {show(n[1])} (x{n[1] / n[0]:.2f}), a {a[0]:.3f} to {a[1]:.3f}, L {loss[0]:.3f} to "
        f"{loss[1]:.3f} over {ends[0]} … {ends[-1]}"
    )


def floor_line(block: dict[str, Any]) -> str:
    """The floor in a line."""
    low, high = block["interval"]
    seen = "" if block["identified"] else ", not identified"
    ends = block.get("params_range")
    along = f"; along it N* {show(ends[0])} to {show(ends[1])}" if ends else ""
    return f"E {block['E']:.4g}, by its profile [{low:.3g}, {high:.3g}]{seen}{along}"


def suspects_line(block: dict[str, Any]) -> str:
    """The suspects in a line."""
    rows = block["rows"]
    if not rows:
        return f"none beyond {block['limit']:g} robust sd ({block['residual_sd']:.2g} in ln loss)"
    told = ", ".join(f"{row['row']} ({row['sd']:+.1f} sd)" for row in rows[:4]) + (", …" if len(rows) > 4 else "")
    return f"{len(rows)} row{'s' * (len(rows) > 1)}: {told}; without: {moved(block)}"


def moved(entry: dict[str, Any]) -> str:
    """How N* and L move."""
    factor, change = entry["params_factor"], entry["loss_change"]
    return "no optimum" if factor is None or change is None else f"N* x{factor:.3f}, L {change:+.4f}"


def influence_line(block: dict[str, Any]) -> str:
    """The run that moves N* most in a line."""
    first, loss = block["params"][0], block["loss"][0]
    lost = f"; without {block['no_optimum']} others there is no optimum" if block["no_optimum"] else ""
    return f"N* most by row {named(first)}: {moved(first)}; L most by row {named(loss)}: {moved(loss)}{lost}"


def named(entry: dict[str, Any]) -> str:
    """Row, or the rows of a group."""
    rows = entry["rows"]
    return str(rows[0]) if len(rows) == 1 else f"{rows[0]} and {len(rows) - 1} more of its group"


def backtest_line(block: dict[str, Any]) -> str:
    """The backtest in a line: over all origins, and the nearest."""
    first, inside = block["origins"][0], f"{block['inside']} of {block['held_out']} inside {block['level']:.0%}"
    return (
        f"{len(block['origins'])} origins up to x{block['factor'][1]:.3g}: rms error {block['rms']:.4f} nats, "
        f"mean {block['mean']:+.4f}, {block['score_rms']:.2g} of the claimed sd, {inside}; "
        f"mean above {first['flops']:.2g} FLOPs {first['mean']:+.4f}"
    )


def residuals_line(block: dict[str, Any]) -> str:
    """The largest trend in a line."""
    worst = block["worst"]
    if worst["t"] is None:
        return "too few groups of runs to see a trend"
    told = "" if block["pattern"] else "no pattern; largest: "
    return f"{told}{worst['term']} with {worst['by'].replace('_', ' ')}, t {worst['t']:+.1f}"


def gap_line(block: dict[str, Any]) -> str:
    """The widest gap between approaches in a line."""
    widest = max(block["pairs"], key=lambda p: max(p["params"], 1 / p["params"]))
    i, j = widest["approaches"]
    units = widest["params_intervals"]
    measured = "" if units is None else f", {units:.2g} of the wider interval"
    return f"N* by approach {i} is x{widest['params']:.2f} that by approach {j}{measured}; a {widest['a']:+.3f}"


LINES = {
    "identifiability": identifiability_line,
    "deltas": deltas_line,
    "floor": floor_line,
    "suspects": suspects_line,
    "influence": influence_line,
    "backtest": backtest_line,
    "residuals": residuals_line,
    "gap": gap_line,
}


def notes(r: dict[str, Any]) -> list[str]:
    """Warnings, each with what to do about it."""
    lines = [""] if r["warnings"] else []
    for w in r["warnings"]:
        lines.append(f"warning {w['code']}: {w['message']}" + (f" -> {w['cure']}" if w.get("cure") else ""))
    return lines


def show(value: float | None) -> str:
    """Five digits, or a dash for what is unknown."""
    return "-" if value is None else f"{value:.4g}" if abs(value) >= 1e4 else f"{value:.5g}"


def span(pair: list[float | None], decimals: int | None = None) -> str:
    """[low, high], or nothing where there is no interval."""
    low, high = pair
    if low is None or high is None:
        return ""
    if decimals is not None:
        return f"[{low:.{decimals}f}, {high:.{decimals}f}]"
    return f"[{low:.3g}, {high:.3g}]"
