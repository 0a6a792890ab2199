"""From histories to a loss table, one row a run, and its curves; and what was left out on the way, and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sweep.errors import InputError
from sweep.tables.logged.history import STEP, History, Lost
from sweep.tables.logged.inputs import chosen, names_of, read_by, values
from sweep.tables.records import of_records
from sweep.tables.schema import CURVE_COLUMNS

OWN = ("trial", "status", "reason", "params", "tokens", "flops", "loss", "train_loss", "steps")
STATES = {"finished": "done", "running": "partial", "pending": "pending"}  # of W&B; all others failed
POINTS = pa.schema([("flops" if name == "flops_exact" else name, kind) for name, kind in CURVE_COLUMNS.items()])
SHOWN = 3


@dataclass(frozen=True)
class Imported:
    """Tables of `losses.parquet` and `curves.parquet`, which input was read from what, and what was lost."""

    losses: pa.Table
    curves: pa.Table
    columns: Mapping[str, str]
    lost: Sequence[Lost]


def assemble(runs: Sequence[History], stated: Mapping[str, str]) -> Imported:
    """A row for each run that has params, tokens and a loss at some step: those of its last such step.

    Raises:
        InputError: nothing holds an input, or no run has all of them.
    """
    columns = chosen(runs, stated)
    rows, curves, lost = [], [], [one for run in runs for one in run.lost]
    for run in runs:
        row, points, left = of_run(run, values(run, columns), columns)
        lost += left
        rows += [row] * (row is not None)
        curves += points
    if not rows:
        why = "; ".join(one.why for one in lost if one.what == "runs") or "they have no points"
        raise InputError(f"none of {len(runs)} runs has params, tokens and a loss at one step: {why}")
    lost += unread(runs, columns)
    if not any(row["status"] for row in rows):  # a logger that does not say how runs ended
        rows = [{k: v for k, v in row.items() if k not in ("status", "reason")} for row in rows]
    losses = of_records(rows, "runs")
    return Imported(losses, pa.Table.from_pylist(curves, schema=POINTS), columns, summed(lost))


def of_run(
    run: History, found: Mapping[str, np.ndarray], columns: Mapping[str, str]
) -> tuple[dict[str, Any] | None, list[dict[str, Any]], list[Lost]]:
    """(row, points of the curve, what was left out) of a run."""
    sizes = np.unique(found["params"][np.isfinite(found["params"]) & (found["params"] > 0)])
    if len(sizes) != 1:
        why = f"no params ({columns['params']})" if not len(sizes) else f"{len(sizes)} sizes in one run"
        return None, [], [Lost("runs", 1, why, run.name)]
    params, tokens, loss = float(sizes[0]), found["tokens"], found["loss"]
    train = found.get("train_loss", np.full(len(loss), np.nan))
    flops = found.get("flops", 6 * params * tokens)
    placed = np.isfinite(tokens) & (tokens > 0)
    logged = np.isfinite(loss) | np.isfinite(train)
    lost = [
        Lost("points", int((logged & ~placed).sum()), f"no tokens at that step ({columns['tokens']})", run.name),
        Lost("points", int((~logged).sum()), "no loss at that step", run.name),
    ]
    scored = np.flatnonzero(placed & np.isfinite(loss))
    if not len(scored):
        return None, [], [*lost, Lost("runs", 1, f"no step with tokens and a loss ({columns['loss']})", run.name)]
    last = scored[np.argmax(tokens[scored])]
    status = STATES.get(run.state, "failed") if run.state else None
    reason = f"its logger says {run.state}" if status not in (None, "done") else None
    if broke(run, columns["loss"], int(run.points[last][STEP])):
        status, reason = "diverged", "a loss that is not finite was logged after the last finite one"
    row = {
        "trial": run.name,
        "status": status,
        "reason": reason,
        "params": whole(params),
        "tokens": whole(float(tokens[last])),
        **({"flops": float(flops[last])} if "flops" in columns else {}),
        "loss": float(loss[last]),
        **({"train_loss": finite(float(train[last]))} if "train_loss" in columns else {}),
        "steps": run.points[last][STEP],
        **{f"config.{k}" if k in OWN else k: v for k, v in run.config.items() if k not in columns.values()},
    }
    points = [
        {
            "trial": run.name,
            "step": run.points[i][STEP],
            "tokens": round(tokens[i]),
            "flops": finite(flops[i]),
            "train_loss": finite(train[i]),
            "loss": finite(loss[i]),
        }
        for i in np.flatnonzero(placed & logged)
    ]
    return row, points, lost


def broke(run: History, name: str, last: int) -> bool:
    """Whether NaN or infinity was logged as the loss after step `last`."""
    after = [point.get(name) for point in run.points if point[STEP] > last]
    return any(isinstance(x, float) and not np.isfinite(x) for x in after) or "NaN" in after


def unread(runs: Sequence[History], columns: Mapping[str, str]) -> list[Lost]:
    """Names that were logged and that nothing asks for."""
    used = set().union(*map(read_by, columns.values())) | {STEP}
    others = [name for name in names_of(runs)[0] if name not in used and not name.startswith("_")]
    if not others:
        return []
    listed = ", ".join(others[:SHOWN]) + ", …" * (len(others) > SHOWN)
    return [Lost("metrics", len(others), f"not asked for: {listed}", "all runs")]


def summed(lost: Sequence[Lost]) -> list[Lost]:
    """One entry for each kind, with the first few places."""
    counts: Counter[tuple[str, str]] = Counter()
    places: dict[tuple[str, str], list[str]] = {}
    for one in filter(lambda one: one.n, lost):
        counts[one.what, one.why] += one.n
        places.setdefault((one.what, one.why), []).append(one.where)
    return [
        Lost(what, count, why, ", ".join(places[what, why][:SHOWN]) + ", …" * (len(places[what, why]) > SHOWN))
        for (what, why), count in counts.items()
    ]


def whole(value: float) -> int | float:
    """A count; as it is where it is none."""
    return int(value) if value == int(value) else float(value)


def finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
