"""`sweep backtest`: would the laws have foretold this table's larger runs?"""

from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from sweep.errors import InputError, Refusal
from sweep.fit.compare import entry
from sweep.fit.result import plain
from sweep.fit.rolling import Rolled, roll
from sweep.verbs.compare import parse_laws
from sweep.verbs.compare_text import errors_table
from sweep.verbs.output import Output
from sweep.verbs.table import FittingArgs


@dataclass(frozen=True)
class Args(FittingArgs):
    """Fit below each budget, predict above it, and hold the errors against the intervals claimed from below.

    Origins leave out the largest budget and then 3, 10, 30 and 100 times in compute; a table without budgets is cut at
    compute. `sweep compare` says which law is better; this says how wrong each would have been.

    Example: sweep backtest losses.csv

    Example: sweep backtest losses.csv --laws additive,gamma --where "outlier == 0"
    """

    laws: str = "additive"
    """Ids, comma between them."""
    resamples: Annotated[int, tyro.conf.arg(aliases=("--bootstrap",))] = 48
    """Of the runs below each origin, for the interval that is claimed there."""
    level: float = 0.9
    """Of that interval."""
    seed: int = 0
    """Of the resampling."""


def run(args: Args) -> Output:
    """Roll the origin back and report the errors."""
    if args.resamples < 20 or not 0 < args.level < 1:
        raise InputError(f"backtest: resamples {args.resamples}, level {args.level}; at least 20, and within (0, 1)")
    objective = args.minimised
    rolled = roll(
        args.source, parse_laws(args.laws), objective=objective, level=args.level, seed=args.seed, count=args.resamples,
        **args.reading,
    )  # fmt: skip
    if not any(r.found for r in rolled):
        raise Refusal("no_origin", f"{args.table}: {rolled[0].reason}: add budgets, or laws of fewer parameters")
    runs = next(r.runs for r in rolled if r.runs is not None)
    laws = [{**entry(r, objective, args.level), "points": points(r)} for r in rolled]
    data = plain({"source": runs.source, "rows": len(runs), "level": args.level, "seed": args.seed, "laws": laws})
    return Output(data, describe(data))


def points(rolled: Rolled) -> list[dict[str, Any]]:
    """Every prediction: row, origin, factor of extrapolation, error of ln loss, predicted loss, claimed sd."""
    found, runs = rolled.found, rolled.runs
    if found is None or runs is None:
        return []
    columns = (runs.row[found.row], found.origin, found.factor, found.error, found.predicted, found.sd)
    names = ("row", "origin", "factor", "error", "predicted", "sd")
    return [dict(zip(names, row, strict=True)) for row in zip(*(c.tolist() for c in columns), strict=True)]


def describe(data: dict[str, Any]) -> str:
    """Errors by factor, then by origin for each law."""
    lines = [f"{data['source']}: {data['rows']} rows; fitted below each origin, judged above it", ""]
    lines += errors_table(data["laws"])
    for e in data["laws"]:
        if e["held_out"]:
            lines += [
                "",
                f"{e['law']}: error of ln loss, mean, rms, and runs inside the {data['level']:.0%} interval",
            ]
            lines += [
                f"  above {o['flops']:.3g} FLOPs: {o['mean']:+.4f}, {o['rms']:.4f}, {o['inside']} of {o['n']}"
                for o in e["held_out"]["by_origin"]
            ]
    return "\n".join(lines)
