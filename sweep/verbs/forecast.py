"""`sweep forecast`: a prediction that is written down, dated and hashed, before the run that decides it."""

import math
from dataclasses import dataclass, field
from typing import Annotated, Any

import tyro

from sweep import quantity
from sweep.errors import InputError, Refusal
from sweep.fit import auto
from sweep.fit.best import of_compute
from sweep.fit.result import Fit, record_at
from sweep.laws.held import held_text
from sweep.plan import forecast as ledger
from sweep.plan.foretell import foretell_run, refuse_baseless
from sweep.plan.reach import INTERPOLATION
from sweep.storage import Location, locate
from sweep.tables.cohorts import is_folder
from sweep.tables.units import PER_TOKEN
from sweep.verbs.output import Output
from sweep.verbs.predict import where

SAYS = {
    INTERPOLATION: "interpolation: inside the fitted runs; its outcome tests the scatter of runs, not the law's reach",
    "extrapolation": "extrapolation: outside the fitted runs",
}


@dataclass(frozen=True)
class Args:
    """Write down what a fit says of a run before it is trained, in forecast.jsonl beside the fit.

    Lines are only appended, and each holds the hash of the one before: an edit of a past line shows. Give a run
    (--params and --tokens) or a budget (--compute: the run at the optimum, or the best one by a law of compute alone).
    A forecast is made once.

    Example: sweep forecast fit/ --params 7e9 --tokens 2e12 --trial big

    Then: sweep forecast score fit/ --trial big --loss 2.013
    """

    fit: tyro.conf.Positional[str]
    """Directory of a fit or of a sweep."""
    params: float | None = field(default=None, metadata=quantity.PARAMS)
    """Parameters of the run, 7e9 or 7B, counted as in the table that was fitted."""
    tokens: float | None = field(default=None, metadata=quantity.TOKENS)
    """Tokens it trains on, 2e12 or 2T."""
    compute: Annotated[float | None, tyro.conf.arg(aliases=("--target-compute",))] = field(
        default=None, metadata=quantity.COMPUTE
    )
    """Instead of both: the compute-optimal run of so many FLOPs."""
    trial: Annotated[str | None, tyro.conf.arg(aliases=("--name",))] = None
    """Name of the run, such as its trial id in a sweep's loss table: `forecast score` finds it by that."""
    level: float | None = None
    """Of the interval; default: the fit's."""


def run(args: Args) -> Output:
    """Predict, and append to the ledger."""
    fitted, home = auto.load(args.fit), ledger_home(args.fit)
    asked = question(args, fitted)
    line = foretell_run(fitted, home, name=args.trial, level=args.level, **asked)
    if any(line[key] != value for key, value in asked.items()):
        raise InputError(
            f"{home / ledger.FILE}: {args.trial} stands since {line['date']} for {ledger.size_of(line)}; a forecast is "
            "made once, choose another --trial"
        )
    found = ledger.ledger_of(home)
    number = next(x.number for x in found.lines if x.record.get("hash") == line.get("hash"))
    data = {**line, "file": str(found.file), "line": number, "unsealed": found.unsealed}
    return Output(data, describe(data, args.fit))


def question(args: Args, fitted: Fit) -> dict[str, float]:
    """`params` and `tokens` that are asked for, or `flops` of a law of compute alone.

    Raises:
        InputError: none or too many of the options.
        Refusal: `no_forecast`.
    """
    given = [x is not None for x in (args.params, args.tokens, args.compute)]
    if given not in ([True, True, False], [False, False, True]):
        raise InputError("forecast: give --params and --tokens, or --compute alone")
    if args.trial is not None and not args.trial.strip():
        raise InputError("forecast: --trial is empty")
    if args.compute is None:
        assert args.params is not None
        assert args.tokens is not None
        return {"params": args.params, "tokens": args.tokens}
    if of_compute(fitted.law):
        return {"flops": args.compute}
    best = fitted.optimum(args.compute)
    refuse_baseless(fitted, args.fit, best.params)
    if min(best.params, best.tokens) < 1 or not math.isfinite(best.tokens):
        raise Refusal("no_forecast", f"{args.fit}: no run at {args.compute:g} FLOPs; ask for a larger budget")
    return {"params": float(round(best.params)), "tokens": float(round(best.tokens))}


def ledger_home(fit: str) -> Location:
    """Where the ledger of a fit lies: beside its fit.json, or in the directory of the sweep whose fit/ it is."""
    path = locate(fit)
    folder = path.parent if path.is_file() else path
    if not is_folder(folder):
        raise InputError(f"{fit}: no such directory; give that of a fit or of a sweep")
    if folder.resolve().name == "fit" and (folder.parent / "sweep.json").exists():
        return folder.parent
    if (folder / "sweep.json").exists() or (folder / ledger.FILE).exists():
        return folder
    return record_at(path).parent


def describe(data: dict[str, Any], fit: str) -> str:
    """The forecast for people."""
    low, high = data["interval"]
    between = f"   {data['level']:.0%} interval of one new run [{low:.4f}, {high:.4f}]" if low is not None else ""
    sizes = "" if data["params"] is None else f", {data['flops']:.3g} FLOPs"
    handle = f"--trial {data['trial']}" if data["trial"] else f"--id {data['id']}"
    lines = [
        f"forecast {data['id']}{' ' + data['trial'] if data['trial'] else ''}, {data['date']}",
        f"loss {data['loss']:.4f} {data.get('unit', PER_TOKEN)}{between}",
        f"for {ledger.size_of(data)}{sizes}; {where(data['extrapolation'])}",
        SAYS[data["reach"]] + f"; the fit holds {data['repeats']} runs of this very size" * bool(data["repeats"]),
        *filter(None, [held_text(data.get("fixed_coefficients"))]),
        *(f"warning {w['code']}: {w['message']}" for w in data["warnings"]),
    ]
    if low is None:
        lines.append("warning no_interval: the fit has no resamples; the outcome will have an error and no score")
    if data["unsealed"]:
        lines.append(old(data["unsealed"]))
    lines.append(f"written {data['file']} line {data['line']}, hash {data.get('hash', 'none')}")
    lines.append(f"keep the hash elsewhere; next: sweep forecast score {fit} {handle} --loss LOSS")
    return "\n".join(lines)


def old(count: int) -> str:
    """What lines without hashes are."""
    return (
        f"warning unsealed: the first {count} lines were written before ledgers had hashes; an edit of them before the "
        "first line with a hash would not show"
    )
