"""`sweep fit`: a loss table in, a law with its doubt out."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import tyro
from rich.console import Console

from sweep import interrupt, platforms, quantity
from sweep.errors import InputError, Partial
from sweep.fit import Fit, fit, fit_auto
from sweep.fit.auto import AUTO, statement
from sweep.fit.result import FIT_FILE
from sweep.storage import locate
from sweep.tables.cohorts import is_folder
from sweep.verbs.fit_text import describe
from sweep.verbs.meter import Meter
from sweep.verbs.output import Output
from sweep.verbs.table import FittingArgs


@dataclass(frozen=True)
class Args(FittingArgs):
    """Fit a scaling law to a table of finished runs, with intervals, by all three approaches.

    The table needs the columns params, tokens and loss (nats/token); flops defaults to 6 x params x tokens. Nobody
    types start values: the fit finds the global optimum by itself and says how sure it is.

    A law of a learning rate or a batch (`sweep laws`) is fitted, by itself, to that column instead of the loss: lr,
    batch_tokens, … of the best setting of each configuration.

    Example: sweep fit runs/laptop --bootstrap 4000

    Example: sweep fit losses.csv --columns params=N tokens=D loss=val_loss --where "outlier == 0" --out fit/

    Example: sweep fit grid.csv --law step_law --where "best == 1" --columns lr=peak_lr
    """

    law: str = "additive"
    """Form of the law; what it predicts is what is fitted, see `sweep laws`. auto: the additive, the tied and the
    coupled law together, weighed by what each foretold; predictions and plans of that fit are of all three."""
    despite: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Code of a refusal to override, such as collinear; repeatable. Every output that follows says so."""
    fix: tuple[str, ...] = ()
    """Coefficients held at a value, such as E=1.6: the others are fitted, and every output says so."""
    bootstrap: int = 1000
    """Resamples of runs for the intervals; 0 for none. Runs of one trunk are drawn together, and runs that turn out to
    share noise."""
    independent: bool = False
    """Take runs as independent but for the trunks that the table names, as published bootstraps do."""
    seed: int = 0
    """Of the resampling."""
    level: float = 0.9
    """Share of the resamples inside an interval."""
    compute: Annotated[float | None, tyro.conf.arg(aliases=("--target-compute",))] = field(
        default=None, metadata=quantity.COMPUTE
    )
    """FLOPs at which the answer is wanted, such as 1e23 or 10PFday; default: the sweep's target, else 10 x the largest
    fitted."""
    diagnostics: bool = True
    """Ask how far the fit can be trusted: objectives, suspects, floor, backtest, residuals, influence."""
    device: Literal["cpu", "gpu"] = "cpu"
    """Where to fit: gpu takes this machine's GPU. A TPU has no float64, so it is not offered."""
    out: str | None = None
    """Directory for fit.json and lanes.parquet; default for a law of the loss of a sweep's directory: its fit/."""


def parse_fixed(pairs: tuple[str, ...]) -> dict[str, float]:
    """{"E": 1.6} of ("E=1.6",). Raises InputError for what is no coefficient=number."""
    values = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals and text):
            raise InputError(f"--fix {pair}: write coefficient=number, such as E=1.6")
        values[name] = quantity.signed(f"--fix {name}", text)
    return values


def device(args: Args) -> platforms.Device:
    """The CPU, or the GPU where that is asked for."""
    return args.device


@interrupt.remembered()
def run(args: Args) -> Output:
    """Fit, save and describe; an interrupt from when there is an answer on does not take it away."""
    with Meter(Console(stderr=True)) as meter:
        chosen = {} if args.law == AUTO else {"law": args.law}
        found = (fit_auto if args.law == AUTO else fit)(
            args.source,
            **chosen,
            objective=args.objective,
            delta=args.delta,
            bootstrap=args.bootstrap,
            seed=args.seed,
            level=args.level,
            target_compute=args.compute,
            despite=args.despite,
            fix=parse_fixed(args.fix),
            diagnostics=args.diagnostics,
            independent=args.independent,
            progress=meter,
            **args.reading,
        )
    with interrupt.held():
        return kept(args, found)


def kept(args: Args, found: Fit) -> Output:
    """Save where asked to, and describe."""
    own = found.law.target == "loss" and is_folder(locate(args.table))  # where reports and plans look for such a fit
    out = args.out or (str(locate(args.table) / "fit") if own else None)
    text = describe(found)
    if AUTO in found.record:
        text += "\n\n" + statement(found.record)
    if out:
        found.save(out)
        text += f"\n\nsaved {locate(out) / FIT_FILE}"
    partial = any(w["code"] == "partial" for w in found.to_json()["warnings"])
    return Output(found.to_json(), text, Partial.exit_code if partial else 0)
