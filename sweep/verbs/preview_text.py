"""The text of `sweep preview`: families, totals and the check of the design, and numbers as people read them."""

import math
from collections import Counter

from sweep.verbs import memory_text

EPOCHS_LIKE_NEW = 4  # up to here repeated text is worth almost as much as new text (Muennighoff et al., 2305.16264)
HEADER = "    params  width depth   tokens  tokens/param  batch   steps  warm-up  cooldown        lr      FLOPs  runs"


def families_text(data: dict) -> str:
    """One line a cell; learning rates and seeds of a cell are counted."""
    lines = []
    rows = {r["trial"]: r for r in data["trials"]}
    for family in data["families"]:
        best = family["optimum"]
        lines.append(
            f"budget {family['budget']:.3g} FLOPs   expected optimum {short(best['params'])} params on "
            f"{short(best['tokens'])} tokens, loss {best['loss']:.3f}"
        )
        lines.append(HEADER)
        cells: dict[tuple[int, int], list[dict]] = {}
        for trial in family["trials"]:
            cells.setdefault((rows[trial]["width"], rows[trial]["steps"]), []).append(rows[trial])
        lines += [cell_text(cell) for cell in cells.values()]
        lines += [f"    dropped  {reason}" for reason in family["dropped"]]
        lines += [f"    note     {note}" for note in family["notes"]]
        lines.append("")
    return "\n".join(lines).rstrip()


def cell_text(cell: list[dict]) -> str:
    row = min(cell, key=lambda r: r["lr"])
    rates = f"{row['lr']:.3g}"
    if (top := max(r["lr"] for r in cell)) > row["lr"]:
        rates = f"{row['lr']:.1g}-{top:.1g}"
    return (
        f"  {short(row['params_with_head']):>8} {row['width']:>6} {row['depth']:>5} {short(row['tokens']):>8} "
        f"{ratio(row['tokens_per_param']):>13} {row['batch_tokens']:>6} {row['steps']:>7,} {row['warmup']:>8} "
        f"{row['cooldown']:>9,} {rates:>9} {row['flops_exact']:>10.4g} {len(cell):>5}"
    )


def totals_text(total: dict, *, timed: bool = True) -> str:
    """Of all trials; with the time unless that is told elsewhere."""
    lines = [
        f"total    {total['trials']} trials in {total['cohorts']} programs, {total['flops_exact']:.3g} FLOPs",
        f"trunks   save {total['trunk_saving']:.0%} of {total['flops_without_trunks']:.3g} FLOPs"
        if total["trunk_saving"] > 0
        else "trunks   none",
        f"data     {short(total['unique_tokens'])} unique tokens, {total['epochs']:.2g} epochs at the longest horizon",
        memory_text.text_of(total),
    ]
    if total["trials_repeating"]:
        lines.append(
            f"warning  {total['trials_repeating']} trials pass over the text more than {EPOCHS_LIKE_NEW} times: a law "
            "without repetition does not hold there; use more text or smaller budgets"
        )
    if not timed:
        return "\n".join(lines)
    if total["hours"] is None:
        return "\n".join([*lines, "time     not probed"])
    return "\n".join(
        [*lines, f"time     {clock(total['hours'])} of training (estimate, from the probe), and compiling"]
    )


def check_text(design: dict) -> str:
    """Expected standard deviations, or that the grid says nothing."""

    def sd(doubt: dict, key: str) -> str:
        return "unknown" if doubt[key] is None else f"{doubt[key]:.2g}"

    def line(doubt: dict) -> str:
        factor = "unknown" if doubt["log_optimum"] is None else f"x{math.exp(min(doubt['log_optimum'], 99)):.3g}"
        return f"alpha {sd(doubt, 'alpha')}, beta {sd(doubt, 'beta')}, N* {factor}, loss {sd(doubt, 'loss')}"

    low, high = design["tokens_per_param"]
    return (
        f"check    expected sd at {design['target']:.3g} FLOPs: {line(design['sd'])}\n"
        f"         worst of {len(design['laws'])} laws: {line(design['worst'])}\n"
        f"         if the law has this form and each run its own noise of {design['noise']:g} in ln(loss); "
        f"{design['points']} runs at {low:.3g} to {high:.3g} tokens a parameter"
    )


def refused_text(refused: list[dict]) -> list[str]:
    """One line a kind of refusal: the gravest, which comes first, and how many more there are."""
    counts = Counter(r["code"] for r in refused)
    first = {r["code"]: r["message"] for r in reversed(refused)}
    more = {code: f" (and {n - 1} more like it: --json)" * (n > 1) for code, n in counts.items()}
    return [f"refused  {first[code]}{more[code]}" for code in counts]


# Numbers


def short(number: int | float) -> str:
    """1234 as 1.23k: three digits and a letter; a power of ten beyond a thousand trillion."""
    if number >= 1e15:
        return f"{number:.3g}"
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.0f}"


def ratio(number: float) -> str:
    """Tokens a parameter: 1,234, 0.25."""
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.2g}"


def clock(hours: float) -> str:
    """Hours, minutes, seconds or less, whichever reads best."""
    seconds = 3600 * hours
    if seconds >= 3600:
        return f"{hours:.1f} hours"
    if seconds >= 60:
        return f"{seconds / 60:.1f} minutes"
    return f"{seconds:.0f} seconds" if seconds >= 9.5 else f"{seconds:.2g} seconds" if seconds >= 0.1 else tick(seconds)


def tick(seconds: float) -> str:
    """1.23 s, 4.5 ms, 12 µs: three digits of the unit that fits."""
    for size, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= 0.9995 * size:
            return f"{seconds / size:.3g} {unit}" if seconds < 1000 else f"{seconds:,.0f} {unit}"
    return f"{seconds / 1e-6:.3g} µs"
