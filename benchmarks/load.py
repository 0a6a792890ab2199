"""Ten thousand trials and a million rows: CPU seconds, wall seconds and peak memory of each verb, a process of its own.

The run directory is laid out by `sweep run --engine none`; the rows of three quarters of its cohorts are made from a
law with noise and written as the engine writes them. CPU seconds bound the wall seconds of an idle machine.

    python -m benchmarks.load /tmp/load            everything: the makers, then each verb
    python -m benchmarks.load /tmp/load --only status merge
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks import record
from sweep.tables import io
from sweep.tables.schema import CURVES, table_of

CONFIG = '''"""10,260 trials of tiny models; laid out, never trained."""

from sweep.config import Architecture, Data, Prior, Recipe, Sweep

SWEEP = Sweep(
    name="load",
    budgets=tuple(1e9 * 1.4**k for k in range(10)),
    sizes=10,
    span=3.0,
    lr_bracket=(0.25, 0.5, 1.0, 2.0, 4.0),
    seeds=tuple(range(38)),
    data=Data(path="python:stdlib", tokenizer="byte", max_bytes=40_000_000, val_tokens=16_384),
    architecture=Architecture(seq_len=64),
    recipe=Recipe(width_step=4, aspect=32.0, head_dim=4, batch_tokens=256, lr=0.03),
    prior=Prior(E=1.2, A=14.7, B=79.3, alpha=0.36, beta=0.40, noise=0.01, source="pilot"),
)
'''
MERGE = "import sys; from sweep.tables import io; print(io.merge(sys.argv[1]).num_rows)"
POINTS = 10  # of each curve of the run directory


def law(params: Any, tokens: Any) -> Any:
    """Loss of the law that the makers use, nats."""
    return 1.2 + 14.7 / params**0.36 + 79.3 / tokens**0.40


def finish(directory: Path, share: float = 0.75, seed: int = 0) -> int:
    """Write rows, curves and DONE of a share of the cohorts that are laid out; returns their trials."""
    plan = {row["trial"]: row for row in io.parquet(directory / "plan.parquet").to_pylist()}
    draw, trials = np.random.default_rng(seed), 0
    folders = sorted((directory / "cohorts").iterdir())
    for folder in folders[: int(share * len(folders))]:
        ids = [trial["trial"] for trial in json.loads((folder / "spec.json").read_text())["trials"]]
        rows, curves = [], []
        for name in ids:
            row = {
                key: plan[name][key] for key in ("budget", "params_with_head", "tokens", "flops_exact", "steps", "lr")
            }
            loss = float(law(row["params_with_head"], row["tokens"]) * np.exp(draw.normal(0, 0.01)))
            rows.append({**row, "trial": name, "sweep": "load", "status": "done", "loss": loss, "attempts": 1})
            for k in range(1, POINTS + 1):
                at = {column: row[column] * k // POINTS for column in ("tokens", "flops_exact")}
                curves.append(
                    {**at, "trial": name, "step": row["steps"] * k // POINTS, "loss": loss * (2 - k / POINTS)}
                )
        io.write(table_of(curves, CURVES), folder / "curves-000.parquet")
        io.write(table_of(rows), folder / "rows-000.parquet")
        (folder / "DONE").write_text(json.dumps({"attempt": 0}))
        trials += len(rows)
    return trials


def big_table(file: Path, rows: int, seed: int = 0) -> None:
    """A loss table of runs with parameters, tokens and loss under the law, 1 % noise."""
    draw = np.random.default_rng(seed)
    params, tokens = 10 ** draw.uniform(6, 9, rows), 10 ** draw.uniform(8, 11, rows)
    loss = law(params, tokens) * np.exp(draw.normal(0, 0.01, rows))
    columns = {"params": np.round(params).astype(int), "tokens": np.round(tokens).astype(int), "loss": loss}
    io.write(pa.table(columns), file)


def measured(command: list[str], limit: float = 300) -> dict[str, Any]:
    """CPU and wall seconds, peak resident GB, exit code and last line of one process; killed after `limit` seconds."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        pid, status, used = os.wait4(child.pid, os.WNOHANG)
        while not pid:
            if time.monotonic() - began > limit:
                child.kill()
            time.sleep(0.02)
            pid, status, used = os.wait4(child.pid, os.WNOHANG)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    return {
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "wall_s": round(time.monotonic() - began, 2),
        "peak_gb": round(used.ru_maxrss * 1024 / 1e9, 3),
        "code": child.returncode,
        "says": lines[-1][:200] if lines else "",
    }


def commands(place: Path) -> dict[str, list[str]]:
    """What is measured, by name, in order."""
    sweep, run = [sys.executable, "-m", "sweep"], str(place / "run")
    config, table = str(place / "load_config.py"), str(place / "million.parquet")
    return {
        "preview": [*sweep, "preview", config],
        "lay out": [*sweep, "run", config, "--engine", "none", "--platform", "cpu", "--out", run],
        "status": [*sweep, "status", run],
        "merge": [sys.executable, "-c", MERGE, run],
        "check 1e6": [*sweep, "check", table],
        "fit 1e6": [*sweep, "fit", table, "--bootstrap", "0"],
    }


def main() -> None:
    """Make what is missing, measure, write results/load-cpu.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("place", type=Path, help="folder for what is made; kept")
    parser.add_argument("--rows", type=int, default=10**6)
    parser.add_argument("--only", nargs="*", default=[], help="names of commands")
    parser.add_argument("--out", type=Path, default=record.RESULTS)
    args = parser.parse_args()
    args.place.mkdir(parents=True, exist_ok=True)
    (args.place / "load_config.py").write_text(CONFIG)
    big_table(args.place / "million.parquet", args.rows)
    figures = {}
    for name, command in commands(args.place).items():
        if args.only and name not in args.only:
            continue
        figures[name] = measured(command)
        print(f"{name:10s} {json.dumps(figures[name])}", flush=True)
        if name == "lay out":
            print(f"{finish(args.place / 'run')} trials are done")
    record.write(args.out, "load-cpu", {"environment": record.environment(), "rows": args.rows, "verbs": figures})


if __name__ == "__main__":
    main()
