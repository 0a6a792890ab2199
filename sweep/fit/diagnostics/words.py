"""Each diagnostic in a line for people: what a reader acts on, no more."""

from collections.abc import Callable, Mapping
from typing import Any

from sweep.tables.units import PER_TOKEN, brief


def show(value: Any) -> str:
    """Five digits, or a dash for what is unknown."""
    return "-" if value is None else f"{value:.4g}" if abs(value) >= 1e4 else f"{value:.5g}"


def words(diagnostics: Mapping[str, Any], size: Callable[[Any], str] = show) -> dict[str, str]:
    """Name -> line, in reading order; `size` writes a number of parameters."""
    found = {}
    for name, write in LINES.items():
        if name not in diagnostics:
            continue
        block = diagnostics[name]
        label = "condition" if name == "identifiability" else name
        found[label] = "no answer: " + block["reason"] if block["status"] == "no_answer" else write(block, size)
    return found


def identifiability_line(block: Mapping[str, Any], size: Callable[[Any], str]) -> str:
    """Conditioning in a line."""
    condition = "none: a term has vanished" if block["condition"] is None else f"{block['condition']:.3g}"
    held = f", N* within x{block['params_ratio']:.2f} from end to end" if block["params_ratio"] else ", N* not held"
    held = "" if block["no_optimum"] else held
    ties = block["near_ties"]
    tied = f"; near ties at N* {', '.join(size(t['params']) for t in ties[:3])}" if ties else ""
    pairs = [f"({pair.replace(',', ', ')}) {c:+.3f}" for pair, c in block["correlation"].items() if abs(c) > 0.95]
    pairs = [pair for pair in pairs if not pair.startswith(("(A, alpha)", "(B, beta)"))]  # those always are
    correlated = f"; correlated {', '.join(pairs)}" if pairs else ""
    return f"{condition}{held}{correlated}{tied}"


def deltas_line(block: Mapping[str, Any], size: Callable[[Any], str]) -> str:
    """The objectives in a line."""
    n, a, loss = block["params_range"], block["a_range"], block.get("loss_range") or block.get("predicted_range")
    if loss is None or (n is None and not block["no_optimum"]):
        return "no objective has an optimum"
    ends = [f"{row['objective']}{'' if row['delta'] is None else format(row['delta'], ' g')}" for row in block["rows"]]
    if "predicted_range" in block:
        return f"{show(loss[0])} to {show(loss[1])} (x{loss[1] / loss[0]:.2f}) over {ends[0]} … {ends[-1]}"
    sizes = f"N* {size(n[0])} to {size(n[1])} (x{n[1] / n[0]:.2f}), a {a[0]:.3f} to {a[1]:.3f}, " if n and a else ""
    return f"{sizes}L {loss[0]:.3f} to {loss[1]:.3f} over {ends[0]} … {ends[-1]}"


def floor_line(block: Mapping[str, Any], size: Callable[[Any], str]) -> str:
    """The floor in a line."""
    low, high = block["interval"]
    seen = "" if block["identified"] else ", not identified"
    ends = block.get("params_range")
    along = f"; along it N* {size(ends[0])} to {size(ends[1])}" if ends else ""
    return f"E {block['E']:.4g}, by its profile [{low:.3g}, {high:.3g}]{seen}{along}"


def suspects_line(block: Mapping[str, Any], size: Callable[[Any], str]) -> str:
    """The suspects in a line."""
    rows = block["rows"]
    if not rows:
        return f"none beyond {block['limit']:g} robust sd ({block['residual_sd']:.2g} in ln {block.get('of', 'loss')})"
    told = ", ".join(f"{row['row']} ({row['sd']:+.1f} sd)" for row in rows[:4]) + (", …" if len(rows) > 4 else "")
    return f"{len(rows)} row{'s' * (len(rows) > 1)}: {told}; without: {moved(block)}"


def moved(entry: Mapping[str, Any]) -> str:
    """How N* and L move, or what else the law predicts."""
    if "predicted_change" in entry:
        return f"{entry['predicted_change']:+.3g}" if entry["predicted_change"] is not None else "no answer"
    factor, change = entry["params_factor"], entry["loss_change"]
    if change is None:
        return "no optimum"
    return f"L {change:+.4f}" if factor is None else f"N* x{factor:.3f}, L {change:+.4f}"


def influence_line(block: Mapping[str, Any], size: Callable[[Any], str]) -> str:
    """The run that moves N* most in a line; what else a law predicts."""
    if "predicted" in block:
        return f"most by row {named(block['predicted'][0])}: {moved(block['predicted'][0])}"
    first, loss = block["params"][0], block["loss"][0]
    if first["params_factor"] is None:
        return f"L most by row {named(loss)}: {moved(loss)}"
    lost = f"; without {block['no_optimum']} others there is no optimum" if block["no_optimum"] else ""
    return f"N* most by row {named(first)}: {moved(first)}; L most by row {named(loss)}: {moved(loss)}{lost}"


def named(entry: Mapping[str, Any]) -> str:
    """Row, or the rows of a group."""
    rows = entry["rows"]
    return str(rows[0]) if len(rows) == 1 else f"{rows[0]} and {len(rows) - 1} more of its group"


def backtest_line(block: Mapping[str, Any], size: Callable[[Any], str]) -> str:
    """The backtest in a line: over all origins, and the nearest."""
    first, inside = block["origins"][0], f"{block['inside']} of {block['held_out']} inside {block['level']:.0%}"
    count, unit = len(block["origins"]), brief(block.get("unit", PER_TOKEN))
    return (
        f"{count} origin{'s' * (count > 1)} up to x{block['factor'][1]:.3g}: rms error {block['rms']:.4f} {unit}, "
        f"mean {block['mean']:+.4f}, {block['score_rms']:.2g} of the claimed sd, {inside}; "
        f"mean above {first['flops']:.2g} FLOPs {first['mean']:+.4f}"
    )


def residuals_line(block: Mapping[str, Any], size: Callable[[Any], str]) -> str:
    """The largest trend in a line."""
    worst = block["worst"]
    if worst["t"] is None:
        return "too few groups of runs to see a trend"
    told = "" if block["pattern"] else "no pattern; largest: "
    return f"{told}{worst['term']} with {worst['by'].replace('_', ' ')}, t {worst['t']:+.1f}"


def gap_line(block: Mapping[str, Any], size: Callable[[Any], str]) -> str:
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
