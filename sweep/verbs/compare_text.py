"""What `sweep compare` and `sweep backtest` print: a table of errors by factor of extrapolation."""

from typing import Any


def describe(data: dict[str, Any]) -> str:
    """Verdict, laws by held-out error, pairs with their doubt, the second opinion."""
    best = data["best"]
    pairs = [
        f"  {p['law']:18s} errs {p['difference']:+.4f} more than {best} {span(p['interval'])}, at "
        f"{p['origins_better'][0]} of {p['origins_better'][1]} origins: {p['verdict']}"
        for p in data["pairs"]
    ]
    told = [e for e in data["laws"] if e["bic_above"] is not None]
    second = [f"  {e['law']:18s} +{e['bic_above']:.1f}" for e in sorted(told, key=lambda e: e["bic_above"])]
    return "\n".join(
        [
            data["verdict"],
            f"{data['source']}: {data['rows']} rows in {data['groups']} groups; {data['units']}",
            *filter(None, [data["best_of"]]),
            "",
            *errors_table(data["laws"]),
            *(["", f"difference of the mean error, {data['level']:.0%} interval of paired resamples"] if pairs else []),
            *pairs,
            "",
            f"second opinion, above the least. {data['criterion']}",
            *second,
        ]
    )


def errors_table(entries: list[dict[str, Any]]) -> list[str]:
    """Mean absolute error of ln loss of each law, over all held-out runs and by factor of extrapolation."""
    judged = [e for e in entries if e["held_out"]]
    bins = [b["factor"] for b in judged[0]["held_out"]["by_factor"]] if judged else []
    heads = "".join(f"{heading(b):>14s}" for b in bins)
    lines = [f"{'mean |error| of ln loss':24s}{'k':>3s}{'all':>10s}{heads}   in {'interval'}"] if judged else []
    for e in judged:
        block = e["held_out"]
        cells = "".join(f"{b['mae']:9.4f} ({b['n']:>2d})" for b in block["by_factor"])
        flag = "" if e["status"] == "converged" else f"   {e['status']}: {e['reason']}"
        lines.append(
            f"  {e['law']:22s}{e['parameters']:3d}{block['mae']:10.4f}{cells}   {block['inside']}/{block['n']}{flag}"
        )
    out = [e for e in entries if not e["held_out"]]
    return lines + [f"  {e['law']:22s}{e['parameters']:3d}   {e['status']}: {e['reason']}" for e in out]


def heading(factor: list[float | None]) -> str:
    """A bin of factors."""
    low, high = factor
    return f"> x{low:g}" if high is None else f"x{low:g}-{high:g}"


def span(pair: list[float | None]) -> str:
    """[low, high], or that there is none."""
    low, high = pair
    return "(no interval)" if low is None or high is None else f"[{low:+.4f}, {high:+.4f}]"
