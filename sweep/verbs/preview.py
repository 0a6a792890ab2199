"""`sweep preview CONFIG`: what a sweep will train, what it will take and what it could tell, before it is spent."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Literal

import tyro

from sweep import platforms, quantity
from sweep.config import Sweep
from sweep.design import check, estimate, families, prior, table
from sweep.design.cohorts import Cohort, TrunkSavings, cohorts, trunk_savings
from sweep.design.placement import Schedule
from sweep.errors import InputError, Refusal
from sweep.models import counting
from sweep.verbs import memory_text, placement_text
from sweep.verbs.output import Output
from sweep.verbs.preview_corpus import corpus_of
from sweep.verbs.preview_text import EPOCHS_LIKE_NEW, check_text, families_text, refused_text, short, totals_text

CONFIG = True
MFU = 0.4  # of the peak, where nobody says (an assumption)


@dataclass(frozen=True)
class Args:
    """Show what a sweep would train, what it would take, and how well it could answer. Nothing is trained.

        sweep preview configs/laptop.py
        sweep preview configs/gpu.py --data.path corpus/ --hours 24
        sweep preview configs/pod.py --topology v5p:4x4x4 --hosts 16 --assume-tokens 6e10 --assume-vocab 32768
        sweep preview configs/pod.py --compile v5p:4x4x4 --assume-tokens 6e10 --assume-vocab 32768

    Exit code 2 where the design cannot answer, would take longer than --hours, or does not fit the memory of the
    devices, here or of --topology or --compile.
    """

    config: Annotated[str, tyro.conf.Positional]
    """A .py file that sets SWEEP = Sweep(...), for example configs/laptop.py. Any field can be overridden, for
    example --budgets 1e10 3e10 1e11 or --recipe.lr 0.005."""
    hours: float = 0.0
    """Refuse a plan that would take longer than this many hours on this machine, by the probe, or on --topology; 0 for
    no limit."""
    probe: bool = True
    """Train for some seconds to measure the speed of this machine. --no-probe is faster, leaves the accelerator alone,
    and then no hours are told."""
    platform: Literal["here", "cpu", "gpu", "tpu"] = "here"
    """With --no-probe: what to plan for, which decides the compute dtype and the attention where those are auto; here
    is where a run on this machine would train."""
    devices: int = 0
    """Place the programs on this many devices of one host. 0: those of this machine; with --no-probe a device a core on
    a CPU, and 8 accelerators."""
    topology: str = ""
    """Instead, plan for hosts that are not here, by arithmetic: a TPU slice (v5e:16x16, v5p:4x4x4, v6e:8x8) or GPUs
    (h100:8 a host). Tells the hosts of every program, memory, hours, dollars and files."""
    hosts: int = 0
    """With --topology or --compile: over how many hosts. 0: those of the slice, usually of 4 chips; 1 of GPUs."""
    mfu: float = MFU
    """With --topology: share of the peak that a busy device reaches; the default is an assumption."""
    compile: str = ""
    """Instead, compile every program for these devices, which need not be here, and tell whether it fits: a TPU slice
    (v5e:2x4, v5p:4x4x4, v6e:8x8, tpu7x:2x2x2), GPUs (a100:8, h100:8, h200:8), or local."""
    assume_tokens: float = field(default=0.0, metadata=quantity.ANY)
    """With --topology, --compile or --no-probe: tokens of a corpus that is not built yet, such as 6e10 or 60B."""
    assume_vocab: int = field(default=0, metadata=quantity.WHOLE)
    """With --topology, --compile or --no-probe: vocabulary of that corpus."""
    price: float = 0.0
    """Dollars for an hour of one device. With --topology: tells what the sweep costs; with --compile: at least."""


def device(args: Args) -> platforms.Device:
    """The probe trains on whatever JAX finds; without it, and for a target that is not here, nothing is started."""
    probes = args.probe and not args.topology and args.compile in ("", "local")
    return "any" if probes else "cpu"


def run(args: Args, sweep: Sweep) -> Output:
    """Plan `sweep` on this machine.

    Raises:
        InputError: no such data, or a platform to plan for that the probe would not measure; with --compile, no such
            devices or no compiler for them.
        Refusal: a family that cannot be built; a horizon longer than the corpus.
    """
    if args.compile:
        return compiled(args, sweep)
    if args.topology:
        from sweep.verbs import preview_topology

        return preview_topology.run(args, sweep)
    check_options(args)
    platform = target(args)
    plan = families.plan(sweep, platform=platform, **corpus_of(sweep, args.assume_tokens, args.assume_vocab))
    speeds = []
    if args.probe:
        from sweep.train.probe import flops_per_second

        speeds = estimate.probe(cohorts(plan.trials), flops_per_second)
    schedule = placement_text.schedule_for(cohorts(plan.trials), args.devices, platform, probed=args.probe)
    memory = memory_text.memory_of(platform, schedule.devices, probed=args.probe)
    return show(sweep, plan, speeds, args.hours, schedule, memory, platform)


def compiled(args: Args, sweep: Sweep) -> Output:
    """`sweep` through the compiler of --compile."""
    if args.hours or args.devices or args.platform != "here" or args.topology or args.mfu != MFU:
        raise InputError(
            "--hours, --devices, --platform, --topology and --mfu do not go with --compile, which names its own devices"
        )
    from sweep.verbs import preview_compile

    assumed = {"assume_tokens": args.assume_tokens, "assume_vocab": args.assume_vocab}
    return preview_compile.run(sweep, name=args.compile, hosts=args.hosts, price=args.price, **assumed)


def check_options(args: Args) -> None:
    """Raise InputError for options that would do nothing without --topology or --compile, or without the probe."""
    for name, used in (("price", args.price), ("hosts", args.hosts), ("mfu", args.mfu != MFU)):
        if used:
            other = "" if name == "mfu" else " or --compile"
            raise InputError(f"--{name} goes with --topology{other}, such as --topology v5p:4x4x4")
    if args.probe and (args.assume_tokens or args.assume_vocab):
        raise InputError("--assume-tokens and --assume-vocab: there is nothing to probe; add --no-probe or --compile")
    if args.probe and args.platform != "here":
        raise InputError(f"--platform {args.platform}: the probe measures this machine; add --no-probe")
    if args.hours and not args.probe:
        raise InputError("--hours needs the probe, which measures the speed; leave out --no-probe")


def target(args: Args) -> str:
    """The platform to plan for: the one that is named, else of the device that the probe takes or a run would take."""
    if args.platform != "here":
        return args.platform
    if not args.probe:
        return platforms.here()
    from sweep.train.devices import platform

    return platform()


def show(
    sweep: Sweep,
    plan: families.Plan,
    speeds: Sequence[estimate.Speed],
    limit: float = 0.0,
    schedule: Schedule | None = None,
    memory: int | None = None,
    platform: str = "cpu",
    hours: float | None = None,
    more: Sequence[str] = (),
) -> Output:
    """The plan as data and text; code 2, with the reason, where it cannot answer, does not fit devices of `memory`
    bytes or takes more than `limit` hours.

    Args:
        hours: of training, where they are known and told elsewhere; None: by `speeds`.
        more: sections of the text after the placement.
    """
    groups = cohorts(plan.trials)
    rooms = memory_text.rooms(plan, schedule, platform, sweep.memory, memory)
    saving = trunk_savings(plan.trials)
    design = check.check(*check.points_of(plan.trials), sweep.prior, sweep.target)
    timed = hours is None
    if speeds:
        hours = hours_of(groups, speeds, schedule, platform)
    refusals = refusals_of(design, hours, limit, bool(sweep.params))
    refusals += memory_text.refusals(groups, rooms, schedule, platform, memory)
    data = {
        "families": [family_data(f, sweep) for f in plan.families],
        "trials": [table.row(t) for t in plan.trials],
        "cohorts": [cohort_data(c) | memory_text.data_of(rooms[c.hash]) for c in groups],
        "totals": totals(plan, groups, saving, hours) | memory_text.data_of(memory_text.largest(rooms)),
        "check": check_data(design),
        "placement": placement_text.data_of(schedule, rooms) if schedule else None,
        "probe": [speed_data(s) for s in speeds],
        "refused": [{"code": r.code, "message": str(r)} for r in refusals],
    }
    told = "check    none: the sizes are decided on, no law is fitted" if sweep.params else check_text(data["check"])
    sections = [families_text(data), totals_text(data["totals"], timed=timed)]
    sections += [placement_text.text_of(data["placement"], short)] if schedule else []
    sections += [*more, told]
    sections += refused_text(data["refused"])
    return Output(data, "\n\n".join(sections), code=2 if refusals else 0)


def hours_of(
    groups: Sequence[Cohort], speeds: Sequence[estimate.Speed], schedule: Schedule | None, platform: str
) -> float:
    """Hours of training: those of one device, shared by the accelerators as busy as the placement has them.

    On a CPU the probe's one device has used all cores already.
    """
    alone = sum(estimate.seconds(c, speeds) for c in groups) / 3600
    return alone if platform == "cpu" or schedule is None else alone / (schedule.devices * schedule.utilisation)


def refusals_of(design: check.Check, hours: float | None, limit: float, decided: bool = False) -> list[Refusal]:
    """What speaks against spending this plan; sizes that are `decided` on are not there to fit a law to."""
    refusals = []
    try:
        if not decided:
            check.refuse_unidentifiable(design)
    except Refusal as refusal:
        refusals.append(refusal)
    if limit and hours is not None and hours > limit:
        refusals.append(
            Refusal("too_long", f"{hours:.3g} hours of training, more than {limit:g}; drop the largest budget or sizes")
        )
    return refusals


# Data


def family_data(family: families.Family, sweep: Sweep) -> dict:
    params, tokens = prior.optimum(sweep.prior, family.budget)
    return {
        "budget": family.budget,
        "optimum": {"params": params, "tokens": tokens, "loss": prior.loss(sweep.prior, params, tokens)},
        "sizes": family.sizes,
        "trials": [t.id for t in family.trials],
        "dropped": list(family.dropped),
        "notes": list(family.notes),
    }


def cohort_data(cohort: Cohort) -> dict:
    return {
        "cohort": cohort.hash,
        "shape": asdict(cohort.shape),
        "params_with_head": counting.params(cohort.shape).with_head,
        "trials": [t.id for t in cohort.trials],
        "flops_exact": cohort.flops,
    }


def totals(plan: families.Plan, groups: Sequence[Cohort], saving: TrunkSavings, hours: float | None) -> dict:
    return {
        "trials": len(plan.trials),
        "cohorts": len(groups),
        "flops_exact": saving.shared,
        "flops_without_trunks": saving.apart,
        "trunk_saving": saving.fraction,
        "unique_tokens": plan.unique_tokens,
        "epochs": plan.epochs,
        "trials_repeating": sum(t.tokens > EPOCHS_LIKE_NEW * plan.unique_tokens for t in plan.trials),
        "hours": hours,
    }


def check_data(design: check.Check) -> dict:
    """The design check; null stands for an infinite standard deviation."""

    def finite(doubt: check.Doubt) -> dict:
        return {k: None if isinstance(v, float) and math.isinf(v) else v for k, v in asdict(doubt).items()}

    return {
        "identifiable": design.identifiable,
        "points": design.points,
        "noise": design.noise,
        "target": design.target,
        "tokens_per_param": list(design.ratios),
        "sd": finite(design.doubts[0]),
        "worst": finite(design.worst),
        "laws": [finite(d) for d in design.doubts],
    }


def speed_data(speed: estimate.Speed) -> dict:
    return {
        "width": speed.shape.width,
        "params_with_head": counting.params(speed.shape).with_head,
        "flops_per_second": speed.flops_per_second,
    }
