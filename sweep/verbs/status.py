"""`sweep status`: how far a sweep is, read from its directory; the sweep itself need not be running."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from sweep.design import table
from sweep.errors import SweepError
from sweep.fit import fit
from sweep.tables import io
from sweep.train import store
from sweep.train.cohort import Log
from sweep.verbs.output import Output

SILENT = 120.0  # seconds without a line in the log after which a cohort counts as stopped


@dataclass(frozen=True)
class Args:
    """Per trial: state, step, speed, attempts; the time left; and the law on what is done so far.

    Works on a sweep that runs, was stopped, or was killed: it only reads.

    Example: sweep status runs/laptop
    """

    dir: tyro.conf.Positional[str]
    """Run directory."""


def run(args: Args) -> Output:
    """The table of trials, the time left, and the law so far."""
    out = Path(args.dir)
    record = store.read(out)
    plan = table.read(out / "plan.parquet").to_pylist()
    rows = {row["trial"]: row for row in io.merged(out).to_pylist()}
    progress = live(out)
    trials = [trial_status(trial, rows.get(trial["trial"]), progress) for trial in plan]
    left = eta(out, trials)
    law = law_so_far(out)
    lines = [
        f"{out}: sweep {record['config']['name']}, {counted(trials)}" + (f", about {left:.0f} s left" if left else "")
    ]
    lines += [describe(t) for t in trials] + [law["text"]]
    data = {"dir": str(out), "hash": record["hash"], "trials": trials, "eta_s": left, "law": law}
    return Output(data, "\n".join(lines))


def live(out: Path) -> dict[str, dict[str, Any]]:
    """Last step of every trial that its cohort's log speaks of, with the log's age."""
    seen: dict[str, dict[str, Any]] = {}
    for folder in sorted(out.glob("cohorts/*")):
        events = Log(folder / "log.jsonl").events()
        attempts = max((e["begun"] for e in events if "begun" in e), default=0)
        for event in events:
            for key, step in event.get("rows", {}).items():
                seen[key] = {"step": abs(step), "last": events[-1], "attempts": attempts}
    return seen


def trial_status(trial: dict[str, Any], row: dict[str, Any] | None, seen: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One trial: its row if it has one, else what the log says of it or of its trunk."""
    base = {k: trial[k] for k in ("trial", "budget", "params_with_head", "tokens", "steps", "flops_exact")}
    if row is not None:
        keep = ("status", "reason", "loss", "tokens_per_s", "mfu", "attempts", "wall_s")
        return {**base, "step": row["steps"] or 0, **{k: row[k] for k in keep}}
    here = seen.get(trial["trial"]) or seen.get(trial["trunk"] or "")
    if here is None:
        return {**base, "status": "pending", "reason": None, "step": 0, "loss": None, "attempts": 0}
    running = "stopped" not in here["last"] and time.time() - here["last"]["time"] < SILENT
    return {
        **base,
        "status": "partial",
        "reason": "training" if running else "stopped; the same command continues",
        "step": min(here["step"], trial["steps"]),
        "loss": None,
        "attempts": here["attempts"],
    }


def eta(out: Path, trials: list[dict[str, Any]]) -> float | None:
    """Seconds left at the speed so far (finished and under way), or None before there is any."""
    times = [event["time"] for log in out.glob("cohorts/*/log.jsonl") for event in Log(log).events()]
    share = [t["flops_exact"] * (1.0 if t["status"] == "done" else t["step"] / t["steps"]) for t in trials]
    done, total = sum(share), sum(t["flops_exact"] for t in trials)
    unfinished = any(t["status"] in ("pending", "partial") for t in trials)
    if not times or not done or not unfinished or time.time() - max(times) > SILENT:
        return None
    return (max(times) - min(times)) * (total - done) / done


def law_so_far(out: Path) -> dict[str, Any]:
    """The law on the trials that are done, or why there is none yet."""
    try:
        # the table, not the folder: fitting a folder writes its merged tables
        found = fit(io.merged(out), bootstrap=0, diagnostics=False)
    except SweepError as error:
        return {"params": None, "text": f"law so far: none ({error})"}
    terms = ", ".join(f"{name} {value:.4g}" for name, value in found.params.items())
    return {"params": found.params, "text": f"law so far ({found.record['n']} trials, {found.status}): {terms}"}


def counted(trials: list[dict[str, Any]]) -> str:
    """12 done, 3 pending."""
    statuses = [t["status"] for t in trials]
    return ", ".join(f"{statuses.count(s)} {s}" for s in sorted(set(statuses)))


def describe(t: dict[str, Any]) -> str:
    """One line a trial."""
    loss = f"loss {t['loss']:.4f}" if t["loss"] is not None else f"step {t['step']}/{t['steps']}"
    speed = f"  {t['tokens_per_s']:,.0f} tokens/s" if t.get("tokens_per_s") else ""
    reason = f"  {t['reason']}" if t["reason"] else ""
    size = f"{t['params_with_head']:>11,} params"
    return f"  {t['trial']}  {t['budget']:.1e}  {size}  {t['status']:8s} {loss}{speed}{reason}"
