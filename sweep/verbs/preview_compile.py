"""`sweep preview CONFIG --compile TARGET`: every cohort's program through the compiler of hardware that is not here."""

import dataclasses
import importlib.metadata
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from sweep.config import Memory, Sweep
from sweep.design import families
from sweep.design.cohorts import Cohort, cohorts
from sweep.design.placement import Place, Schedule, place
from sweep.devices import size_text
from sweep.errors import InputError
from sweep.models import counting
from sweep.train.ahead import planned, roofline
from sweep.train.ahead.compile import Compiled, compiled
from sweep.train.ahead.gpus import GPUS
from sweep.train.ahead.planned import Corpus, Planned
from sweep.train.ahead.targets import HOST_GPUS, Target, roomy, target
from sweep.train.rows import rows_of
from sweep.verbs import placement_text
from sweep.verbs.output import Output
from sweep.verbs.preview_compile_text import before, table_text, target_text, time_text
from sweep.verbs.preview_corpus import corpus_of
from sweep.verbs.preview_text import short

PACKAGES = ("jax", "jaxlib", "libtpu", "jax-cuda12-plugin", "jax-cuda13-plugin")
Say = Callable[[str], None]


def run(
    sweep: Sweep,
    *,
    name: str,
    hosts: int = 0,
    assume_tokens: float = 0.0,
    assume_vocab: int = 0,
    price: float = 0.0,
    say: Say | None = None,
) -> Output:
    """Compile `sweep` for the devices called `name`; jax keeps to the CPU.

    Args:
        hosts: over which they are; 0: as many as the devices have.
        assume_tokens, assume_vocab: stand for a corpus that is not built yet.
        price: dollars for an hour of one device; 0: no dollars are told.
        say: takes a line of progress; None: standard error.
    Raises:
        InputError: no such target, no compiler for it, no such data.
        Refusal: a family that cannot be built.
    """
    import jax

    if not price >= 0:
        raise InputError(f"--price {price:g}: dollars for an hour of one device, 0 or more")
    if name != "local":
        jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_compilation_cache", False)  # a program read back has not been compiled
    to = on_hosts(name, hosts)
    plan = plan_of(sweep, to.platform, assume_tokens, assume_vocab)
    schedule = place(cohorts(plan.trials), len(to.devices), to.platform, to.limit, len(to.devices) // to.hosts)
    places = sorted(schedule.places, key=lambda p: -p.cohort.flops)
    corpus = Corpus(plan.unique_tokens, sweep.data.val_tokens)
    say = say or tell
    repeats = plan.epochs > 1 and not sweep.data.allow_repeat
    times = f"{plan.epochs:.2g} times"
    more = f"note     the longest run reads the tokens {times}: `sweep run` asks for --data.allow-repeat"
    if repeats:
        say(more)
    done: list[dict] = []
    began = time.monotonic()
    try:
        for number, one in enumerate(places):
            say(before(number, places, time.monotonic() - began))
            done.append(of_cohort(one, to, sweep.memory, corpus))
    except KeyboardInterrupt:
        say(f"interrupted: {len(done)} of {len(places)} cohorts are compiled")
    output = show(to, schedule, places, done, price)
    return dataclasses.replace(output, text=f"{output.text}\n{more}") if repeats else output


def on_hosts(name: str, hosts: int) -> Target:
    """The devices called `name` over `hosts` hosts; GPUs are then those of each host.

    Raises:
        InputError: hosts that the devices do not divide into.
    """
    kind, _, number = name.partition(":")
    if kind in GPUS and hosts > 1 and number.isdecimal() and int(number) <= HOST_GPUS:
        name = f"{kind}:{int(number) * hosts}"
    to = target(name)
    number = len(to.devices)
    if hosts < 0 or (hosts and number % hosts):
        raise InputError(
            f"--hosts {hosts}: {to.name} has {number} devices on {to.hosts} hosts, and {hosts} cannot share them"
        )
    return dataclasses.replace(to, hosts=hosts) if hosts else to


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def plan_of(sweep: Sweep, platform: str, tokens: float, vocab: int) -> families.Plan:
    """The sweep on its corpus, or on the one that is assumed; whether it repeats text is `run`'s to refuse."""
    sweep = dataclasses.replace(sweep, data=dataclasses.replace(sweep.data, allow_repeat=True))
    return families.plan(sweep, platform=platform, **corpus_of(sweep, tokens, vocab))


# One cohort


def of_cohort(one: Place, to: Target, asked: Memory, corpus: Corpus) -> dict:
    """The first program of a cohort that fits, or the last that was tried, as data."""
    choice, result, seconds = None, None, 0.0
    for choice in planned.choices(one, to, asked, corpus):
        result = compiled(choice, to)
        seconds += result.compile_s
        if result.fits or result.error:
            break
    assert choice is not None  # planned.choices has one at least
    assert result is not None
    return cohort_data(one.cohort, choice, result, to, seconds)


def cohort_data(cohort: Cohort, choice: Planned, result: Compiled, to: Target, seconds: float) -> dict:
    """The keys that --json promises; `error` only where a program does not compile for another reason than size."""
    data = {
        "hash": cohort.hash,
        "params": counting.params(cohort.shape).with_head,
        "mesh": {name: int(size) for name, size in choice.machine.mesh.shape.items()},
        "rows": choice.rows,
        "mode": choice.execution.mode,
        "attention": cohort.shape.attention,
        "remat": choice.execution.remat,
        "micro_batches": choice.execution.micro_batches,
        "temp_bytes": result.temp_bytes,
        "argument_bytes": result.argument_bytes,
        "limit_bytes": result.limit_bytes,
        "fits": result.fits,
        "collectives": [
            dataclasses.asdict(t) | {"inside": None if t.inside is None else list(t.inside)} for t in result.traffic
        ],
        "crossing": result.crossing,
        "flops_ratio": result.flops_ratio,
        "compile_s": round(seconds, 2),
        "roofline_step_s": bound(cohort, choice, to),
    }
    return data | ({"error": result.error} if result.error else {})


def bound(cohort: Cohort, choice: Planned, to: Target) -> float | None:
    """Least seconds of one step of one trial; None where the peaks of the device are unknown."""
    if to.facts is None:
        return None
    work = roofline.step(
        cohort.shape,
        data=choice.data,
        remat=choice.execution.remat,
        micro_batches=choice.execution.micro_batches,
        kept=planned.kept_bytes(choice, to.platform),
    )
    return work.seconds(to.facts.flops, to.facts.bandwidth)


def cohort_hours(cohort: Cohort, row: dict) -> float | None:
    """Least hours of a cohort."""
    if row["roofline_step_s"] is None:
        return None
    rows = rows_of(cohort)
    seconds = roofline.cohort_seconds(
        row["roofline_step_s"],
        longest=max(trial.steps for trial in cohort.trials),
        total=sum(r.end - r.start for r in rows),
        groups=row["mesh"]["trial"],
    )
    return seconds / 3600


# All of them


def least_hours(schedule: Schedule, places: Sequence[Place], each: Sequence[float | None]) -> float | None:
    """Least hours of cohorts side by side: those of the slowest, or of all devices busy from first to last."""
    known = [hours for hours in each if hours is not None]
    if len(known) < len(places):
        return None
    shared = sum(hours * one.axes.devices for hours, one in zip(known, places, strict=True)) / schedule.devices
    return max(shared, *known)


def show(to: Target, schedule: Schedule, places: Sequence[Place], done: list[dict], price: float) -> Output:
    """What is compiled, as data and text; code 3 where a cohort is missing, 2 where one cannot run."""
    each = [cohort_hours(one.cohort, row) for one, row in zip(places, done, strict=False)]
    hours = least_hours(schedule, places, each) if len(done) == len(places) else None
    data: dict[str, Any] = {"cohorts": done, "target": to.name, "versions": versions(), "hours": hours}
    data |= {
        "hosts": schedule.hosts,
        "devices_per_host": schedule.per_host,
        "placement": placement_text.data_of(schedule),
    }
    if price:
        data["dollars"] = None if hours is None else hours * len(to.devices) * price
    problems = [problem for row in done for problem in problems_of(row, to)]
    placed = placement_text.text_of(data["placement"], short)
    lines = [target_text(to), "", *table_text(done), "", placed, "", *time_text(to, data, price)]
    lines += [f"refused  {problem}" for problem in problems]
    if len(done) < len(places):
        lines.append(f"stopped  {len(done)} of {len(places)} cohorts are compiled; the same command does all of them")
    return Output(data, "\n".join(lines), code=3 if len(done) < len(places) else 2 if problems else 0)


def versions() -> dict[str, str]:
    """Of what compiles."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def problems_of(row: dict, to: Target) -> list[str]:
    """Why a cohort cannot run on the target, and what could: one line each."""
    who = f"cohort {row['hash']} ({short(row['params'])} params)"
    if "error" in row:
        return [f"{who} does not compile for {to.name} with {row['attention']} attention: {row['error']}"]
    found = []
    if not row["fits"]:
        used, limit = row["temp_bytes"] + row["argument_bytes"], row["limit_bytes"]
        found.append(f"{who} needs {size_text(used)} of {size_text(limit)} a device; {cure(used)}")
    if row["crossing"]:
        found.append(f"{who} has {row['crossing']} collectives between trials: trials would wait for one another")
    return found


def cure(used: int) -> str:
    """Targets whose devices hold `used` bytes, smallest first, or what makes the program smaller."""
    names = roomy(used)
    smaller = "more devices, or a smaller --recipe.batch-tokens"
    return f"{', '.join(names)} could hold it, or {smaller}" if names else f"no device could hold it: {smaller}"
