"""`sweep suggest`: the next trials worth running."""

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import tyro

from sweep import config, quantity
from sweep.design import recipes
from sweep.errors import InputError
from sweep.fit.result import Fit
from sweep.laws.held import held_text
from sweep.models import counting
from sweep.plan.suggest import suggest
from sweep.storage import Location
from sweep.tables import io
from sweep.verbs.forecast import ledger_home
from sweep.verbs.output import Output

MEASURED = (
    "rms error over that of one further isoFLOP family of the same cost: in simulation x0.92 for the loss, x0.91 for "
    "the size; on three published tables x1.2, x1.4, x0.7 for the loss, x0.8, x5.0, x1.6 for the size "
    "(docs/suggest.md). Where the checks of the fit are not clean, train that family instead."
)
NAMES = {"loss": "L(C)", "params": "N*(C)"}


@dataclass(frozen=True)
class Args:
    """Name the runs that most reduce the doubt about the loss, or the best size, at a target compute.

    By the information that each run would add, under the resamples of the fit, to the law and to a bend that the table
    could not have shown. It is advice: docs/suggest.md has what it was worth in simulation and on published tables.

    Example: sweep suggest fit/ --compute 1e23 --spend 2e21

    Example: sweep suggest runs/mine --compute 1e21 --spend 31h --rate 4e14 --for params --trunk
    """

    fit: tyro.conf.Positional[str]
    """Directory of a fit or of a sweep, made with resamples."""
    compute: Annotated[float, tyro.conf.arg(aliases=("--target-compute",))] = field(metadata=quantity.COMPUTE)
    """FLOPs at which the answer is wanted, such as 1e23 or 10PFday, beyond the fitted runs."""
    spend: str
    """FLOPs for the new runs, such as 2e21 or 10PFday, or device-hours, such as 31h, with --rate."""
    rate: float | None = field(default=None, metadata=quantity.ANY)
    """FLOPs a second that one device does in training, as you measured it."""
    what: Annotated[Literal["loss", "params"], tyro.conf.arg(name="for")] = "loss"
    """What is to be known better: loss, L(C), or params, the best size N*(C)."""
    trunk: bool = False
    """Runs of one size and seed branch from one constant-rate trunk: a longer one costs its extra part and cooldown."""
    seeds: int = 2
    """How often one cell may be trained."""
    runs: int = 16
    """At most so many."""


def run(args: Args) -> Output:
    """Choose, and show what was chosen and what it promises."""
    spend = flops_of(args.spend, args.rate)
    data = suggest(
        Fit.load(args.fit),
        target=args.compute,
        spend=spend,
        wanted=args.what,
        trunk=args.trunk,
        seeds=args.seeds,
        most=args.runs,
    )
    data["rate"] = args.rate
    buildable(ledger_home(args.fit), data["trials"])
    return Output({**data, "measured": MEASURED}, describe(data))


def buildable(home: Location, trials: list[dict[str, Any]]) -> None:
    """Give every trial the nearest shape of the sweep's own recipe, where the fit is of a sweep's directory."""
    if not (home / "sweep.json").is_file() or not (home / io.LOSSES_FILE).is_file():
        return
    sweep, rows = config.load(str(home / "sweep.json")), io.read(home / io.LOSSES_FILE)
    vocab = next((v for v in rows["vocab"].to_pylist() if v), 0) if "vocab" in rows.column_names else 0
    for trial in trials if vocab else ():
        shape = recipes.nearest_shape(trial["params"], sweep, vocab=vocab, platform="cpu")  # counts are the same on all
        size = counting.params(shape).with_head
        trial["shape"] = {"width": shape.width, "depth": shape.depth, "heads": shape.heads, "params_with_head": size}


def flops_of(spend: str, rate: float | None) -> float:
    """FLOPs of "2e21", or of "31h" at a rate in FLOPs a second. Raises InputError."""
    hours = re.fullmatch(r"(.*\d)\s*(?:h|hours)\s*", spend)
    try:
        amount = quantity.positive("--spend", hours[1]) if hours else quantity.flops("--spend", spend)
    except InputError as error:
        raise InputError(f"{error}; write FLOPs such as 2e21, or device-hours such as 31h") from None
    if not hours:
        return amount
    if rate is None or not 0 < rate < float("inf"):
        raise InputError(f"suggest: --spend {spend} needs --rate, the FLOPs a second that a device does in training")
    return amount * 3600 * rate


def shape_text(trial: dict[str, Any]) -> str:
    """The nearest shape, where it is known."""
    if (shape := trial.get("shape")) is None:
        return ""
    return f"   width {shape['width']}, depth {shape['depth']}: {shape['params_with_head']:,} params"


def describe(data: dict[str, Any]) -> str:
    """The trials, what they cost, and what they promise."""
    name = NAMES[data["for"]]
    lines = list(filter(None, [held_text(data.get("fixed_coefficients"))]))
    lines += [f"{'params':>10s} {'tokens':>10s} {'D/N':>7s} {'seeds':>6s} {'FLOPs each':>11s} {'cost':>10s}"]
    lines += [
        f"{t['params']:10.4g} {t['tokens']:10.4g} {t['tokens_per_param']:7.3g} {t['seeds']:6d} {t['flops']:11.3g} "
        f"{t['cost']:10.3g}{shape_text(t)}"
        for t in data["trials"]
    ]
    hours = f", {data['spent'] / data['rate'] / 3600:.3g} device-hours" if data["rate"] else ""
    shared = ", trunks shared" if data["trunk"] else ""
    count, sizes = sum(t["seeds"] for t in data["trials"]), len({t["params"] for t in data["trials"]})
    lines += [
        f"{count} runs of {sizes} sizes, {data['spent']:.3g} of {data['spend']:.3g} FLOPs{hours}{shared}",
        f"expected sd of ln {name} at {data['target_compute']:.3g} FLOPs: {data['sd_before']:.3g} now, "
        f"{data['sd_after']:.3g} after (x{data['factor']:.2f}) if the law holds; allowing for a bend of it, "
        f"x{data['factor_if_bent']:.2f}",
        f"measured: {MEASURED}",
        *(f"warning {w['code']}: {w['message']}" for w in data["warnings"]),
    ]
    return "\n".join(lines)
