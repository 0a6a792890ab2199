"""`sweep run`: train a sweep into its directory."""

import math
import os
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import tyro
from rich.console import Console

from sweep import platforms
from sweep.config import Sweep
from sweep.design.cohorts import cohorts
from sweep.errors import InputError, SweepError
from sweep.storage import Location, locate
from sweep.train import store
from sweep.train.data.build import open_data
from sweep.train.data.shards import Corpus
from sweep.train.gang import agreement, start
from sweep.train.gang.team import Team
from sweep.train.launch import plan_sweep, train_sweep
from sweep.train.progress import Progress, Quiet
from sweep.verbs import status, status_watch
from sweep.verbs.data import progress
from sweep.verbs.output import Output
from sweep.verbs.status_memory import Memory

CONFIG = True


@dataclass(frozen=True)
class Args:
    """Train every trial of a sweep; safe to stop (Ctrl-C, SIGTERM, kill) and to repeat.

    Any field of the config can be overridden: `sweep run configs/laptop.py --budgets 1e10 3e10 --recipe.lr 0.02`.
    `sweep run CONFIG --help` lists the fields with the config's values.

    Example: sweep run configs/smoke.py --out runs/smoke
    """

    config: tyro.conf.Positional[str]
    """A config file that sets SWEEP = Sweep(...): one of configs/, or your own."""
    out: str = ""
    """Run directory; runs/NAME by default. The same directory continues the same sweep."""
    engine: Literal["local", "none", "ray"] = "local"
    """local: train, here and now. none: lay the run directory out for `sweep worker`, which trains it anywhere. ray:
    train on a Ray cluster, a task for each cohort."""
    platform: Literal["here", "cpu", "gpu", "tpu"] = "here"
    """With --engine none or ray: what trains, which decides the compute dtype and the attention. here: what this
    machine has, or the best that the Ray cluster has."""
    address: str = ""
    """With --engine ray: HOST:PORT of the cluster's head, or auto for the one this node is in. Without it RAY_ADDRESS
    counts, and else a Ray of this machine alone is started and ended."""
    devices: int = 0
    """With --engine ray: CPU cores, GPUs or TPU chips of one node for each cohort. 0: the least that it fits on."""
    patience: float = 30.0
    """With --engine ray: seconds in which a node must join that has them; raise it where an autoscaler starts nodes."""
    coordinator: str = ""
    """HOST:PORT of process 0, where several hosts train together and no scheduler says so. The same command on each."""
    processes: int = 0
    """How many processes there are, one a host; on TPU pods, GKE and SLURM they find one another. 1: this one alone."""
    process: int = -1
    """Number of this one, from 0."""


def device(args: Args) -> platforms.Device:
    """It trains: on whatever JAX finds. It lays out on the CPU, and leaves accelerators alone."""
    return "any" if args.engine == "local" else "cpu"


def together(args: Args, tell: Callable[[SweepError], int]) -> AbstractContextManager[Team]:
    """The processes that run this command, on this host or on several."""
    if args.engine != "local":
        return start.gang(None)
    return start.gang(start.seat_of(args.coordinator, args.processes, args.process), tell=tell)


def run(args: Args, sweep: Sweep, gang: Team) -> Output:
    """Train, merge the tables, and say what came out, read back from the files. Process 0 speaks for all."""
    out = locate(args.out or f"runs/{sweep.name}")
    for name in ("address", "devices"):
        if (value := getattr(args, name)) and args.engine != "ray":
            raise InputError(f"--{name} {value} goes with --engine ray")
    if args.engine == "ray":
        return on_ray(args, sweep, out, gang)
    if args.engine == "none":
        return laid_out(args, sweep, out, gang)
    if args.platform != "here":
        raise InputError(f"--platform {args.platform} goes with --engine none or ray: a run trains on what is here")
    agreement.same_config(gang, sweep)
    agreement.same_devices(gang)
    gang.share(lambda: store.ready(out, sweep))
    corpus = opened(sweep, gang)
    if not gang.leads:
        train_sweep(sweep, corpus, out, Quiet(), gang)
        return Output({}, "")
    return summary(out, train_sweep(sweep, corpus, out, Progress(Console(stderr=True)), gang))


def laid_out(args: Args, sweep: Sweep, out: Location, gang: Team) -> Output:
    """Plan, and say how to train it."""
    store.ready(out, sweep)
    on = platforms.here() if args.platform == "here" else args.platform
    trials = plan_sweep(sweep, opened(sweep, gang), out, on)
    number = len(cohorts(trials))
    text = f"{out}: {len(trials)} trials in {number} cohorts, laid out for {on}\nnext: sweep worker {out}"
    return Output({"dir": str(out), "trials": len(trials), "cohorts": number, "platform": on}, text)


def on_ray(args: Args, sweep: Sweep, out: Location, gang: Team) -> Output:
    """Train on a Ray cluster, whose tasks this process only starts and watches."""
    from sweep.rayengine import cluster  # Ray takes a second to load
    from sweep.rayengine.launch import train_on_ray

    if args.devices < 0 or not 0 <= args.patience < math.inf:
        raise InputError("--devices and --patience: numbers that are not negative")
    cluster.require()
    address = args.address or os.environ.get("RAY_ADDRESS", "")
    cluster.refuse_address(address)
    out = out.absolute() if isinstance(out, Path) else out
    store.ready(out, sweep)
    corpus, memory = opened(sweep, gang), Memory()
    platform = None if args.platform == "here" else args.platform
    console = Console(stderr=True)

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    def shown(states: dict[str, str]) -> None:
        now = status.picture(out, memory, law=False)
        after = {t["trial"]: t["state"] for t in now.data["trials"]}
        if after != states:
            say(status_watch.heading(now))
            states.update(after)

    with cluster.connected(address):
        losses = train_on_ray(
            sweep, corpus, out, platform, args.devices, args.patience if address else 0.0, partial(shown, {}), say
        )
    return summary(out, losses)


def opened(sweep: Sweep, gang: Team) -> Corpus:
    """The corpus, with a bar while it is made."""
    gang.watch.doing("reading the corpus")

    def moves(stage: str, done: int, total: int) -> None:
        gang.watch.moved()
        if gang.leads:
            shown(stage, done, total)

    with progress() as shown:
        return open_data(sweep.data, moves)


def summary(out: Location, losses: pa.Table) -> Output:
    """Statuses, and the best size of each family."""
    rows = losses.to_pylist()
    counts = Counter(row["status"] for row in rows)
    families_found = [family_summary(budget, rows) for budget in sorted({r["budget"] for r in rows})]
    lines = [f"{out}: " + ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))]
    for family in families_found:
        if family["loss"] is None:
            lines.append(f"  {family['budget']:.1e} FLOPs  no trial finished")
            continue
        alone = family["sizes"] == 1
        where = "" if family["interior"] or alone else "   at the edge of the grid: widen span"
        lines.append(
            f"  {family['budget']:.1e} FLOPs  best {family['params']:>9,} params, {family['tokens']:>12,} tokens, "
            f"loss {family['loss']:.4f} nats/token{where}"
        )
    lines += [f"  {r['trial']} {r['status']}: {r['reason']}" for r in rows if r["status"] != "done"]
    if any(r["status"] == "done" and r["loss_se"] is None for r in rows):
        lines.append(
            "note: the held-out text is one validation window, so losses have no standard error (loss_se is empty); "
            "raise data.val_tokens or data.val_fraction, or give more text"
        )
    lines.append(f"next: sweep fit {out} && sweep report {out}")
    return Output({"dir": str(out), "statuses": dict(counts), "families": families_found}, "\n".join(lines))


def family_summary(budget: float, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The least loss of one budget, and whether sizes on both sides of it were trained."""
    done = [r for r in rows if r["budget"] == budget and r["status"] == "done"]
    best = min(done, key=lambda r: r["loss"], default=None)
    if best is None:
        return {"budget": budget, "params": None, "tokens": None, "loss": None, "interior": False, "sizes": 0}
    sizes = [r["params_with_head"] for r in done]
    return {
        "budget": budget,
        "params": best["params_with_head"],
        "tokens": best["tokens"],
        "loss": best["loss"],
        "sizes": len(set(sizes)),
        "interior": min(sizes) < best["params_with_head"] < max(sizes),
    }
