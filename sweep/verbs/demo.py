"""`sweep demo`: the main job from design to a scored forecast, on an embedded corpus."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from sweep import platforms
from sweep.config import Sweep, shipped
from sweep.fit import Fit, fit
from sweep.plan import forecast as ledger
from sweep.plan.foretell import foretell
from sweep.storage import Location, locate
from sweep.tables import io
from sweep.train import store
from sweep.train.data.build import open_data
from sweep.train.data.shards import Corpus
from sweep.train.devices import platform
from sweep.train.launch import train_decider, train_sweep
from sweep.train.progress import Progress
from sweep.verbs import run as run_verb
from sweep.verbs.data import progress
from sweep.verbs.output import Output

CONFIG = True
SAYS_NOTHING = (
    "Models this small demonstrate the workflow. They say nothing about language models at scale."  # shown every time
)


@dataclass(frozen=True)
class Args:
    """The main job, on a laptop CPU, without a download, in under five minutes.

    Designs isoFLOP families, trains them on the Python standard library's own sources, fits the scaling law three ways,
    writes down a forecast of a larger run, trains that run, and shows forecast and outcome side by side, whatever they
    say. Stopped half-way, the same command continues.

    Example: sweep demo --out runs/demo
    """

    config: str = shipped("configs/laptop.py")
    """The sweep to demonstrate, by default our laptop.py; its fields can be overridden, as with `sweep run`."""
    out: str = "runs/demo"
    """Run directory; the report appears in it as report.html."""
    bootstrap: int = 1000
    """Resamples for the intervals."""


def device(args: Args) -> platforms.Device:
    """It trains: on whatever JAX finds."""
    return "any"


def run(args: Args, sweep: Sweep) -> Output:
    """Design, train, fit, forecast, train the forecast's run, report; every number shown is read back from a file."""
    from sweep.report import report

    out, console = locate(args.out), Console(stderr=True)
    store.ready(out, sweep)
    with progress() as shown:
        corpus = open_data(sweep.data, shown)
    console.print(f"[bold]1/5 train[/bold] {describe(corpus)}", highlight=False)
    train_sweep(sweep, corpus, out, Progress(console))
    console.print("[bold]2/5 fit[/bold] three approaches, bootstrap intervals", highlight=False)
    fitted = fit(out, bootstrap=args.bootstrap, target_compute=sweep.target)
    fitted.save(out / "fit")
    trial, expected = foretell(
        Fit.load(out / "fit"),
        sweep,
        out,
        vocab=corpus.vocab,
        data=corpus.fingerprint,
        unique_tokens=corpus.unique_tokens,
        platform=platform(),
    )
    console.print(
        f"[bold]3/5 forecast[/bold] {expected['params']:,.0f} params on {expected['tokens']:,.0f} tokens: "
        f"{loss_text(expected)}; written to {out / ledger.FILE}",
        highlight=False,
        soft_wrap=True,
    )
    console.print("[bold]4/5 train[/bold] the run that decides", highlight=False)
    outcome = ledger.write_outcome(out, expected, train_decider(sweep, trial, corpus, out, Progress(console)))
    console.print("[bold]5/5 report[/bold]", highlight=False)
    page = report(out)
    return summary(out, page, outcome)


def describe(corpus: Corpus) -> str:
    """What is trained on, in a few words."""
    source = ", ".join(corpus.manifest.source)
    return f"on {corpus.unique_tokens:,} tokens of text ({source}, {corpus.vocab} symbols)"


def summary(out: Location, page: Location, outcome: dict[str, Any]) -> Output:
    """The verdict, from the files."""
    fitted = Fit.load(out / "fit")
    expected = next(f for f in ledger.read(out) if f["kind"] == "forecast" and f["id"] == outcome["forecast"])
    statuses = run_verb.summary(out, io.read(out / "losses.parquet"))
    from sweep.verbs.fit_text import describe as describe_fit

    if outcome["loss"] is None:
        told = f"outcome   the run ended as {outcome['status']}; nothing to score"
    else:
        place = {True: "inside the interval", False: "outside the interval", None: "no interval"}[outcome["inside"]]
        error = "" if outcome["loss_se"] is None else f" (validation s.e. {outcome['loss_se']:.4f})"
        told = f"outcome   {outcome['loss']:.4f} nats/token{error}: {outcome['error']:+.4f} from the forecast, {place}"
    lines = [
        statuses.text.rsplit("\n", 1)[0],
        "",
        describe_fit(fitted),
        "",
        f"forecast  {loss_text(expected)} for {expected['params']:,.0f} params on {expected['tokens']:,.0f} tokens, "
        f"{expected['flops']:.2e} FLOPs, {expected['extrapolation']['compute']:.1f} x the largest fitted",
        told,
        "",
        f"note      {SAYS_NOTHING}",
        f"report    {page}",
    ]
    data = {
        "dir": str(out),
        "trained": statuses.data,
        "fit": fitted.to_json(),
        "forecast": expected,
        "outcome": outcome,
        "report": str(page),
        "note": SAYS_NOTHING,
    }
    return Output(data, "\n".join(lines))


def loss_text(expected: dict[str, Any]) -> str:
    """2.051 [2.012, 2.093] nats/token."""
    low, high = expected["interval"]
    doubt = f" [{low:.4f}, {high:.4f}]" if low is not None and high is not None else ""
    return f"{expected['loss']:.4f}{doubt} nats/token"
