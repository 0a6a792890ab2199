"""`sweep multiverse`: every defensible fit of a table at once, and how much the answer moves."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import tyro
from rich.console import Console

from sweep import interrupt, platforms, quantity
from sweep.errors import InputError, Partial
from sweep.fit.multiverse import Axes, Multiverse, multiverse
from sweep.storage import locate
from sweep.tables.cohorts import is_folder
from sweep.verbs.meter import Meter
from sweep.verbs.multiverse_text import describe
from sweep.verbs.output import Output
from sweep.verbs.table import TableArgs


@dataclass(frozen=True)
class Args(TableArgs):
    """Fit a table in every way that somebody could defend, and say what they agree on and which choice moves it most.

    Laws x objectives x subsets of the runs x conventions of counting x weights, each resampled: about a thousand
    specifications. An option cuts its axis to the choices it names, or widens it. Lists take commas or spaces.

    Example: sweep multiverse losses.csv --compute 1e24 --out multiverse

    Example: sweep multiverse losses.csv --laws additive,gamma --objectives huber --deltas 1e-3,1e-2 --weights equal
    """

    compute: Annotated[float | None, tyro.conf.arg(aliases=("--target-compute",))] = field(
        default=None, metadata=quantity.COMPUTE
    )
    """FLOPs at which the answer is wanted, such as 1e23 or 10PFday; default: the sweep's target, else 10 x the largest
    fitted."""
    laws: tuple[str, ...] = ()
    """Laws to fit (`sweep laws`); default: those of params and tokens with an optimum in closed form."""
    objectives: tuple[str, ...] = ()
    """huber, lad, log_mse, mse; default: all."""
    deltas: tuple[str, ...] = ()
    """Thresholds of huber; default: 1e-4, 1e-3, 1e-2."""
    subsets: tuple[str, ...] = ()
    """all, no_suspects, largest, late, middle, early (windows of tokens per parameter), families (each left out), or
    conditions such as "tokens_per_param > 5"; default: all of these."""
    counts: tuple[str, ...] = ()
    """Counts of parameters: total, non_embedding, with_head, or columns; default: those in the table."""
    flops: tuple[str, ...] = ()
    """Counts of FLOPs: 6nd, exact, flops (the column); default: those in the table."""
    weights: tuple[str, ...] = ()
    """equal, by_family, by_compute, or expressions such as "flops**0.25"; default: the first three."""
    resamples: Annotated[int, tyro.conf.arg(aliases=("--bootstrap",))] = 200
    """Of the runs, for every fit; 0 for none."""
    despite: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Code of a refusal to override; repeatable."""
    seed: int = 0
    """Of the resampling."""
    level: float = 0.9
    """Share of the specifications inside an interval."""
    device: Literal["cpu", "gpu"] = "cpu"
    """Where to fit: gpu takes this machine's GPU. A TPU has no float64, so it is not offered."""
    out: str | None = None
    """Directory for multiverse.json, .parquet and .csv; default for the directory of a sweep: its fit/."""
    html: str | None = None
    """File for a page of its own; `sweep report` shows it too, once it is in the sweep's fit/."""


def device(args: Args) -> platforms.Device:
    """The CPU, or the GPU where that is asked for."""
    return args.device


@interrupt.remembered()
def run(args: Args) -> Output:
    """Fit, save and describe; an interrupt from when there is an answer on does not take it away."""
    with Meter(Console(stderr=True)) as meter:
        found = multiverse(
            args.source,
            target_compute=args.compute,
            axes=axes_of(args),
            despite=args.despite,
            seed=args.seed,
            level=args.level,
            progress=meter,
            **args.reading,
        )
    with interrupt.held():
        return kept(args, found)


def kept(args: Args, found: Multiverse) -> Output:
    """Save where asked to, and describe."""
    record = found.to_json()
    out = args.out or (str(locate(args.table) / "fit") if is_folder(locate(args.table)) else None)
    saved = found.save(out) if out else []
    if args.html:
        from sweep.report.multiverse import write  # here, so that others do not wait for the chart library

        saved.append(write(record, locate(args.html)))
    text = describe(record) + "".join(f"\nsaved {path}" for path in saved)
    partial = any(w["code"] == "partial" for w in record["warnings"])
    return Output(record, text, Partial.exit_code if partial else 0)


def axes_of(args: Args) -> Axes:
    """The axes as the options cut or widen them. Raises InputError for a delta that is no number."""
    try:
        deltas = tuple(float(x) for x in split(args.deltas))
    except ValueError:
        raise InputError(f"--deltas {' '.join(args.deltas)}: positive numbers, such as 1e-4,1e-3") from None
    given = {"objectives": split(args.objectives), "deltas": deltas}
    return Axes(
        laws=split(args.laws),
        subsets=split(args.subsets),
        counts=split(args.counts),
        flops=split(args.flops),
        weights=split(args.weights),
        resamples=args.resamples,
        **{name: values for name, values in given.items() if values},
    )


def split(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Items of lists that are written with commas, spaces or both; an expression with parentheses is one item."""
    items = [item for text in texts for item in ([text] if "(" in text else text.split(","))]
    return tuple(item.strip() for item in items if item.strip())
