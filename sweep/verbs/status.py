"""`sweep status`: how far a sweep is, read from its directory; the sweep itself need not be running."""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa
import tyro

from sweep import storage
from sweep.design import table
from sweep.errors import InputError, SweepError
from sweep.fit import fit
from sweep.storage import Location, locate
from sweep.tables import cohorts, io
from sweep.train import store
from sweep.train.claims import Claims, Folder
from sweep.train.eta import Stand, seconds_left
from sweep.train.history import SILENT, Event, Phase, phase, stand_of
from sweep.train.log import LOG, Log
from sweep.train.owner import gone
from sweep.train.progress import clock
from sweep.verbs.output import Output
from sweep.verbs.status_memory import Cohort, Memory
from sweep.verbs.status_watch import watch


@dataclass(frozen=True)
class Args:
    """Per trial: state, step, speed, attempts; the time left, compiling included; and the law on what is done so far.

    Works on a sweep that runs, was stopped, or was killed: it only reads.

    Example: sweep status runs/laptop

    Example: sweep status runs/laptop --watch
    """

    dir: tyro.conf.Positional[str]
    """Run directory."""
    watch: bool = False
    """Look again and again until the sweep ends, or Ctrl-C: in place on a terminal, else a line for each change."""
    every: float = 3.0
    """Seconds between looks."""


@dataclass(frozen=True)
class Seen:
    """A trial by the log of its cohort."""

    phase: Phase = "pending"  # of the cohort
    step: int | None = None  # None: it has not left its trunk
    trunk: int = 0  # step of its trunk
    attempts: int = 0
    compiling: Event = field(default_factory=dict)  # the last event, while it compiles
    host: str | None = None  # of the process that trained it last


def run(args: Args) -> Output:
    """The table of trials, the time left, and the law so far; with --watch the last of many.

    Raises:
        InputError: no run directory, or seconds that are not positive.
    """
    out, memory = locate(args.dir), Memory()
    if not args.watch:
        return picture(out, memory)
    if not 0 < args.every < math.inf:
        raise InputError(f"--every {args.every:g}: a positive number of seconds")
    return watch(lambda: picture(out, memory), describe, args.every)


def picture(out: Location, memory: Memory, *, law: bool = True) -> Output:
    """The sweep now.

    Args:
        law: whether to fit it.
    """
    record = store.read(out)
    plan = table.read(out / "plan.parquet").to_pylist()
    now = time.time()
    each = storage.each(lambda folder: memory.cohort(folder.name, partial(look, folder)), cohorts.folders(out), out)
    found = [one for one in each if one is not None]
    grown = [(spec["hash"], len(events), done) for spec, events, done, _ in found]
    rows = memory.rows_at(grown, lambda: io.merged(out))
    seen, stands = standing(found, now)
    trials = [trial_status(t, rows.get(t["trial"]), seen.get(t["trial"], Seen()), now) for t in plan]
    left = eta(stands)
    fitted = memory.law_of(lambda: law_so_far(memory.table)) if law else {"params": None, "text": ""}
    lines = [
        f"{out}: sweep {record['config']['name']}, {counted(trials)}" + (f", about {clock(left)} left" if left else "")
    ]
    lines += [describe(t) for t in trials] + [fitted["text"]]
    data = {"dir": str(out), "hash": record["hash"], "trials": trials, "eta_s": left, "law": fitted}
    return Output(data, "\n".join(lines))


def standing(found: Sequence[Cohort], now: float) -> tuple[dict[str, Seen], list[Stand] | None]:
    """What the logs say of every trial, and how far each cohort is; None for the latter where a log is of an older
    version.
    """
    seen: dict[str, Seen] = {}
    stands: list[Stand] | None = []
    for spec, events, done, heard in found:
        steps = {key: abs(step) for event in events for key, step in event.get("rows", {}).items()}
        begun = [event for event in events if "begun" in event]
        attempts = max((event["begun"] for event in begun), default=0)
        host = begun[-1].get("owner", {}).get("host") if begun else None
        what = phase(events, now, heard)
        compiled = events[-1] if what == "compiling" else {}
        for trial in spec["trials"]:
            own, trunk = steps.get(trial["trial"]), steps.get(trial["trunk"] or "", 0)
            seen[trial["trial"]] = Seen(what, own, trunk, attempts, compiled, host)
        if stands is not None:
            stand = stand_of(events, spec["flops"], done=done, now=now, heard=heard) if "flops" in spec else None
            stands = None if stand is None else [*stands, stand]
    return seen, stands


def look(folder: Location) -> Cohort | None:
    """What a cohort is, its log, whether it is done, and else when its owner was heard of; None where its folder is no
    cohort's.
    """
    spec, done = storage.read_many([folder / "spec.json", folder / cohorts.DONE])
    if spec is None:
        return None
    events = Log(folder / LOG).events()
    heard = Claims(Folder(folder), SILENT, gone).heard() if events and done is None else None
    return json.loads(spec), events, done is not None, heard


def trial_status(trial: dict[str, Any], row: dict[str, Any] | None, seen: Seen, now: float) -> dict[str, Any]:
    """One trial: its row if it has one, else what the log says of it or of its trunk.

    `status` is as in the loss table; `state` says also what goes on: training, compiling, stopped.
    """
    base = {k: trial[k] for k in ("trial", "budget", "params_with_head", "tokens", "steps", "flops_exact")}
    again = row is not None and row["status"] == "failed" and seen.phase in ("training", "compiling")
    if row is not None and not again:
        keep = ("status", "reason", "loss", "tokens_per_s", "mfu", "attempts", "wall_s")
        return {
            **base,
            "state": row["status"],
            "step": row["steps"] or 0,
            "host": seen.host,
            **{k: row[k] for k in keep},
        }
    step = min(seen.trunk, trial["steps"] - trial["cooldown"]) if seen.step is None else seen.step
    state = seen.phase if step or seen.phase != "stopped" else "pending"
    reason = None
    if state == "stopped":
        reason = "the same command continues"
    elif what := seen.compiling.get("compiling"):
        reason = f"{what}, for {clock(now - seen.compiling['time'])}"
    status = "partial" if state in ("training", "stopped") else "pending"
    more = {"status": status, "reason": reason, "loss": None, "attempts": seen.attempts, "host": seen.host}
    return {**base, "state": state, "step": min(step, trial["steps"]), **more}


def eta(stands: list[Stand] | None) -> float | None:
    """Seconds left, as `sweep run` says; None while nothing trains, and where nothing is left."""
    if not stands or not any(s.active for s in stands):
        return None
    return seconds_left(stands)


def law_so_far(losses: pa.Table) -> dict[str, Any]:
    """The law on the trials that are done, or why there is none yet."""
    try:
        # the table, not the folder: fitting a folder writes its merged tables
        found = fit(losses, best_of=["lr"], bootstrap=0, diagnostics=False)
    except SweepError as error:
        return {"params": None, "text": f"law so far: none ({error})"}
    terms = ", ".join(f"{name} {value:.4g}" for name, value in found.params.items())
    return {"params": found.params, "text": f"law so far ({found.record['n']} trials, {found.status}): {terms}"}


def counted(trials: list[dict[str, Any]]) -> str:
    """12 done, 2 training, 3 pending."""
    statuses = [t["state"] for t in trials]
    return ", ".join(f"{statuses.count(s)} {s}" for s in sorted(set(statuses)))


def describe(t: dict[str, Any]) -> str:
    """One line a trial."""
    loss = f"loss {t['loss']:.4f}" if t["loss"] is not None else f"step {t['step']}/{t['steps']}"
    speed = f"  {t['tokens_per_s']:,.0f} tokens/s" if t.get("tokens_per_s") else ""
    reason = f"  {t['reason']}" if t["reason"] else ""
    size = f"{t['params_with_head']:>11,} params"
    where = f"  on {t['host']}" if t["host"] else ""
    return f"  {t['trial']}  {t['budget']:.1e}  {size}  {t['state']:9s} {loss}{speed}{where}{reason}"
