"""Fit the cheap runs of published tables, predict the dear ones: errors and coverage of each law and of `auto`.

    SWEEP_DATASETS=... python benchmarks/extrapolation.py --resamples 200 --out benchmarks/results/extrapolation.json

Every task is a published table of real runs, split by a rule that was fixed before anything was fitted. An error is
|ln predicted - ln loss| of a held-out run, in percent; coverage is the share of held-out losses inside the 90 %
prediction interval. Numbers are means over the runs of a task; the last line is the mean over tasks (median, of
widths). No setting of `auto` is chosen by these tasks. A task is fitted once: its answers are kept under --cache.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import record
from sweep.errors import SweepError
from sweep.fit.auto import AUTO, MEMBERS, Auto
from sweep.fit.auto_fit import fit_auto

Columns = dict[str, np.ndarray]
LEVEL = 0.9


@dataclass(frozen=True)
class Task:
    """A table, the rows that are used, those of them that are fitted and those that are predicted."""

    name: str
    table: str
    used: Callable[[Columns], Any]
    fitted: Callable[[Columns], Any]
    asked: Callable[[Columns], Any]
    trunk: str | None = None


def every(columns: Columns) -> np.ndarray:
    """All rows."""
    return np.ones(len(columns["loss"]), bool)


def good(columns: Columns) -> Any:
    """Rows that the source did not mark as outliers."""
    return columns["outlier"] == 0


TASKS = (
    Task("epoch_chinchilla_svg", "epoch_chinchilla_svg", good, lambda c: c["flops"] < 1e21,
         lambda c: c["flops"] >= 1e21),
    Task("oa_marin_comma", "oa_marin_comma", good, lambda c: c["flops"] <= 3.1e19, lambda c: c["flops"] >= 8.9e19),
    Task("gadre_104", "gadre_104", lambda c: c["dataset"] == "c4_original", lambda c: c["params"] < 5e8,
         lambda c: c["params"] > 1e9),
    Task("gemstone_cool_begin", "gemstone_cool_begin", every, lambda c: c["params"] < 1.1e9,
         lambda c: c["params"] > 1.8e9, "run"),
    Task("gemstone_hot", "gemstone_hot", every, lambda c: c["params"] < 1.1e9, lambda c: c["params"] > 1.8e9, "run"),
    Task("xlstm_llama_ctx2048", "xlstm_llama_ctx2048", good, lambda c: c["flops"] <= 1.1e19,
         lambda c: c["flops"] > 2.9e19),
    Task("misfitting_final", "misfitting_final", lambda c: c["best_lr"] == 1, lambda c: c["params"] < 1.1e9,
         lambda c: c["params"] > 1.1e9),
    Task("datablations", "datablations", lambda c: c["in_fit182"] == 1, lambda c: c["epochs"] <= 2.5,
         lambda c: c["epochs"] > 2.5),
    Task("steplaw_dense_best", "steplaw_dense_best", every, lambda c: c["flops"] < 1e20, lambda c: c["flops"] >= 1e20),
    Task("kyo_chinchilla", "kyo_chinchilla", every, lambda c: c["flops"] < 1e21, lambda c: c["flops"] >= 1e21),
)  # fmt: skip


def rows_of(table: Path, task: Task) -> tuple[Columns, Columns]:
    """(rows to fit, rows to predict), each name -> values."""
    read = pyarrow.csv.read_csv(table)
    columns = {name: np.array(read[name].to_pylist()) for name in read.column_names}
    used = np.asarray(task.used(columns), bool)
    masks = used & np.asarray(task.fitted(columns), bool), used & np.asarray(task.asked(columns), bool)
    names = ("params", "tokens", "flops", "loss", *([task.trunk] if task.trunk else []))
    cheap, dear = ({name: columns[name][m] for name in names} for m in masks)
    if "budget" in columns:
        budget = np.array([np.nan if x is None else float(x) for x in columns["budget"]])[masks[0]]
        cheap |= {"budget": budget} if np.isfinite(budget).all() else {}
    if task.trunk:
        cheap["trunk"] = cheap.pop(task.trunk)
    return cheap, dear


def judged(name: str, predicted: Any, interval: Any, loss: np.ndarray) -> dict[str, Any]:
    """One law's predictions against the losses of the held-out runs."""
    error = np.log(np.asarray(predicted)) - np.log(loss)
    low, high = (np.asarray(x, float) for x in interval)
    known = bool(np.isfinite(low).all())
    return {
        "law": name,
        "error_percent": float(100 * np.abs(error).mean()),
        "bias_percent": float(100 * error.mean()),
        "coverage_percent": float(100 * np.mean((low <= loss) & (loss <= high))) if known else None,
        "width_percent": float(100 * np.mean(np.log(high / low))) if known else None,
    }


def solve(task: Task, table: Path, resamples: int) -> dict[str, Any]:
    """One task: fitted by all laws, and what each predicts."""
    began, (cheap, dear) = time.process_time(), rows_of(table, task)
    fitted: Auto = fit_auto(cheap, bootstrap=resamples, level=LEVEL)
    loss = dear["loss"].astype(float)
    asked = {"params": dear["params"].astype(float), "tokens": dear["tokens"].astype(float)}
    entries = []
    for name, answer in [*fitted.members.items(), (AUTO, fitted)]:
        found = answer.predict(**asked)
        entries.append(judged(name, found.value, found.interval, loss))
    return {
        "task": task.name, "fitted": len(cheap["loss"]), "asked": len(loss), "laws": entries,
        AUTO: {k: v for k, v in fitted.record[AUTO].items() if k in ("weights", "origins", "calibration", "left_out")},
        "cpu_s": time.process_time() - began,
    }  # fmt: skip


def summary(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each law over the tasks where it gives an interval: means, and those of the additive law on the same tasks."""
    rows = []
    for law in (*MEMBERS, AUTO):
        pairs = [({e["law"]: e for e in t["laws"]}.get(law), t["laws"][0]) for t in tasks]
        both = [(a, b) for a, b in pairs if a and a["width_percent"] and b["width_percent"]]
        if not both:
            continue
        error, of_first = (float(np.mean([p[i]["error_percent"] for p in both])) for i in (0, 1))
        ratio = [a["width_percent"] / b["width_percent"] for a, b in both]
        rows.append({
            "law": law, "tasks": len(both), "error_percent": error, "of_additive": error / of_first,
            "coverage_percent": float(np.mean([a["coverage_percent"] for a, _ in both])),
            "width_of_additive": float(np.median(ratio)),
        })  # fmt: skip
    return rows


def main() -> None:
    """Run the tasks whose tables are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    home, tasks = Path(os.environ.get("SWEEP_DATASETS", "datasets")), []
    for task in TASKS:
        table, kept = home / f"{task.table}.csv", args.cache and args.cache / f"{task.name}.json"
        if args.only and task.name not in args.only:
            continue
        if not table.exists():
            print(f"{task.name}: skipped, no {table}")
            continue
        if kept and kept.exists():
            found = json.loads(kept.read_text())
        else:
            try:
                found = solve(task, table, args.resamples)
            except SweepError as error:
                print(f"{task.name}: skipped, {error}")
                continue
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(found))
        tasks.append(found)
        told = "  ".join(
            f"{e['law']} {e['error_percent']:.2f} % ({percent(e['coverage_percent'])}, {percent(e['width_percent'])})"
            for e in found["laws"]
        )
        print(f"{task.name}: {found['fitted']} -> {found['asked']}  {told}  {found[AUTO]['weights']}", flush=True)
    if not tasks:
        return
    rows = summary(tasks)
    for row in rows:
        print(
            f"mean of {row['tasks']}: {row['law']}  error {row['error_percent']:.2f} % ({row['of_additive']:.2f} of "
            f"additive's)  coverage {row['coverage_percent']:.0f} %  width {row['width_of_additive']:.2f} of additive's"
        )
    if args.out:
        data = {"level": LEVEL, "resamples": args.resamples, "summary": rows, "tasks": tasks, **record.environment()}
        args.out.write_text(json.dumps(data, indent=1) + "\n")


def percent(value: float | None) -> str:
    """A share for people."""
    return "-" if value is None else f"{value:.1f} %"


if __name__ == "__main__":
    main()
