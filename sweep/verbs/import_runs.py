"""`sweep import`: runs as loggers leave them, to a loss table with its curves."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import tyro

from sweep import files
from sweep.tables import io
from sweep.tables.logged.assemble import Imported, assemble
from sweep.tables.logged.inputs import add_named
from sweep.tables.logged.sources import histories
from sweep.verbs.output import Output
from sweep.verbs.table import parse_columns

REPORT = "import.json"


@dataclass(frozen=True)
class Args:
    """Make a loss table of runs that TensorBoard or W&B logged: one row a run, and its curves, for `sweep fit`.

    Reads folders of TensorBoard event files, W&B's own folder (offline runs too), histories that were exported one run
    a file (CSV, JSON, Parquet), and wandb:ENTITY/PROJECT from W&B's server. What is left out is counted, with the
    reason.

    Example: sweep import logs/ --named "gpt-{params}" --columns tokens=step*524288 loss=eval/loss --out runs/imported

    Example: sweep import wandb/ --columns params=n_params "tokens=step*batch*1024" --out runs/imported

    Then: sweep check runs/imported
    """

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Folders, files, or wandb:ENTITY/PROJECT."""
    out: str
    """Folder for losses.parquet, curves.parquet and import.json, which says what was left out."""
    columns: tuple[str, ...] = ()
    """What was logged or set, or an expression over both and step: params=n_params "tokens=step*524288" loss=eval/loss;
    also train_loss and flops."""
    named: str | None = None
    """Settings that stand in the names of runs: "gpt-{params}-s{seed}"."""


def run(args: Args) -> Output:
    """Read, assemble, write, and say what was left out."""
    stated, out = parse_columns(args.columns), files.local(args.out)
    found = histories(args.runs)
    if args.named:
        add_named(found, args.named)
    made = assemble(found, stated)
    io.write(made.losses, out / io.LOSSES_FILE)
    io.write(made.curves, out / io.CURVES_FILE)
    data = record(made, len(found), out)
    files.write_text(out / REPORT, json.dumps(data, indent=1) + "\n")
    return Output(data, describe(made, data, out))


def record(made: Imported, runs: int, out: Path) -> dict:
    """What was read, and what was not."""
    statuses = made.losses["status"].to_pylist() if "status" in made.losses.column_names else []
    return {
        "dir": str(out),
        "runs": runs,
        "rows": made.losses.num_rows,
        "points": made.curves.num_rows,
        "columns": dict(made.columns),
        "statuses": dict(Counter(map(str, statuses))),
        "dropped": [one._asdict() for one in made.lost],
    }


def describe(made: Imported, data: dict, out: Path) -> str:
    """For people."""
    states = ", ".join(f"{n} {status}" for status, n in sorted(data["statuses"].items()))
    read = ", ".join(f"{key} from {name}" for key, name in made.columns.items())
    lines = [
        f"{out}: {data['rows']} rows of {data['runs']} runs, {data['points']} points"
        + (f" ({states})" if states else "; the logger does not say which runs are finished"),
        f"read      {read}",
    ]
    lines += [f"dropped   {one.n} {one.what}: {one.why} ({one.where})" for one in made.lost]
    return "\n".join([*lines, f"next      sweep check {out}"])
