"""`sweep preview CONFIG --topology NAME --hosts N`: what a run takes on hosts that are not here, by arithmetic."""

import math
from dataclasses import asdict, dataclass, replace

from sweep.config import Sweep
from sweep.design import families
from sweep.design.cohorts import Cohort, cohorts, spans
from sweep.design.cost import phases
from sweep.design.families import Plan
from sweep.design.footprint import Files, files_of
from sweep.design.placement import Place, Schedule, place
from sweep.devices import size_text
from sweep.errors import InputError
from sweep.models import counting
from sweep.train.ahead.fleet import Fleet, fleet
from sweep.train.machine import CHUNK_SECONDS, CHUNK_STEPS
from sweep.verbs import preview
from sweep.verbs.output import Output
from sweep.verbs.preview_corpus import corpus_of
from sweep.verbs.preview_text import clock


@dataclass(frozen=True)
class Away:
    """A run on hosts that are not here."""

    fleet: Fleet
    schedule: Schedule
    mfu: float  # share of a device's peak that a busy device reaches
    hours: float  # of training, by the schedule and that share
    hours_least: float  # of all its exact FLOPs, at the peak of all devices
    dollars: float | None
    files: tuple[Files, ...]


def run(args: preview.Args, sweep: Sweep) -> Output:
    """The sweep on the hosts of --topology.

    Raises:
        InputError: no such hosts, options that do not go together, or no such data.
        Refusal: a family that cannot be built; a horizon longer than the corpus.
    """
    if args.devices or args.platform != "here":
        raise InputError("--devices and --platform do not go with --topology, which names its own devices")
    check_rates(args.mfu, args.price)
    to = fleet(args.topology, args.hosts)
    plan = families.plan(sweep, platform=to.platform, **corpus_of(sweep, args.assume_tokens, args.assume_vocab))
    found = away(sweep, plan, to, args.mfu, args.price)
    more = [
        f"{hosts_text(found)}\n{time_text(found, args.price)}",
        files_text(found, sweep.checkpoint.keep),
    ]
    output = preview.show(
        sweep, plan, [], args.hours, found.schedule, to.limit, to.platform, hours=found.hours, more=more
    )
    return replace(output, data=output.data | data_of(found))


def check_rates(mfu: float, price: float) -> None:
    """Raise InputError for a share of the peak or a price that means nothing."""
    if not 0 < mfu <= 1:
        raise InputError(
            f"--mfu {mfu:g}: the share of the peak that training reaches, above 0 and at most 1, such as {preview.MFU}"
        )
    if not 0 <= price < math.inf:
        raise InputError(f"--price {price:g}: dollars for an hour of one device, 0 or more")


def away(sweep: Sweep, plan: Plan, to: Fleet, mfu: float, price: float) -> Away:
    """The plan on hosts."""
    groups = cohorts(plan.trials)
    schedule = place(groups, to.devices, to.platform, to.limit, to.per_host)
    hours = schedule.makespan / (mfu * to.peak) / 3600
    least = sum(cohort.flops for cohort in groups) / (to.devices * to.peak) / 3600
    chunks = {p.cohort.hash: chunks_of(p, mfu * to.peak) for p in schedule.places}
    dollars = hours * to.devices * price if price else None
    return Away(to, schedule, mfu, hours, least, dollars, tuple(files_of(sweep, schedule, chunks)))


def chunks_of(place: Place, flops: float) -> int:
    """Chunks of a cohort's training, about, on devices of `flops` FLOP/s each."""
    least, most = CHUNK_STEPS
    steps = CHUNK_SECONDS * flops * place.axes.devices / step_flops(place.cohort)
    steps = min(max(steps, least), most)
    return sum(math.ceil(taken / steps) for taken, _ in phases(spans(place.cohort)))


def step_flops(cohort: Cohort) -> float:
    """FLOPs of one step of all rows."""
    shape = cohort.shape
    return counting.train_flops_per_token(shape) * shape.batch_tokens * len(spans(cohort))


def data_of(run: Away) -> dict:
    """Plain data: keys beside those of any preview."""
    return {
        "topology": run.fleet.name,
        "hosts": run.fleet.hosts,
        "devices_per_host": run.fleet.per_host,
        "device": {"kind": run.fleet.kind, "peak_flops": run.fleet.peak, "memory_bytes": run.fleet.limit},
        "mfu": run.mfu,
        "hours": run.hours,
        "hours_least": run.hours_least,
        "dollars": run.dollars,
        "files": [asdict(one) for one in run.files],
    }


def hosts_text(run: Away) -> str:
    """The line that names the hosts."""
    to = run.fleet
    hosts = f"{to.hosts} host{'s' * (to.hosts > 1)}"
    return (
        f"target   {to.name}: {hosts} of {to.per_host} x {to.kind}, "
        f"{size_text(to.limit)} usable and {to.peak / 1e12:,.0f} TFLOP/s each; nothing was compiled or run"
    )


def time_text(run: Away, price: float) -> str:
    """Hours, dollars and what they assume."""
    number = run.fleet.devices
    cost = f", ${run.dollars:,.0f} at ${price:g} a device-hour" if run.dollars is not None else ""
    return (
        f"time     {clock(run.hours)} of training on {number} devices{cost},\n"
        f"         if a busy device reaches {run.mfu:.0%} of its peak (--mfu, an assumption); at least "
        f"{clock(run.hours_least)}, all at their peak all the time;\n"
        "         without compiling, validation, checkpoints and stops"
    )


def files_text(run: Away, keep: int) -> str:
    """A line a kind of file, and all of them together."""
    total, size = sum(one.files for one in run.files), sum(one.bytes for one in run.files)
    head = (
        f"files    about {total:,} with {size_text(size)} when the run ends; {keep} checkpoints of each cohort are kept"
    )
    return "\n".join([head, *(f"  {one.files:>8,} {size_text(one.bytes):>9}  {one.path}" for one in run.files)])
