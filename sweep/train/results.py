"""From a cohort's cursor to rows of the loss table: what was trained, what came out, and what failed and why."""

import math
from dataclasses import dataclass
from typing import Any

from sweep.design import table
from sweep.design.trial import Trial
from sweep.models import attention, counting
from sweep.tables.schema import COLUMNS
from sweep.train.cohort import CohortRun
from sweep.train.cursor import Cursor
from sweep.train.devices import peak_flops
from sweep.train.rows import Row


@dataclass(frozen=True)
class Origin:
    """What every row of one sweep shares."""

    sweep: str
    code: str
    unique_tokens: int
    bytes_per_token: float | None


def loss_rows(run: CohortRun, origin: Origin) -> list[dict[str, Any]]:
    """One row a trial as it stands, failures included."""
    return [trial_row(run, r, row, row.trial, origin) for r, row in enumerate(run.rows) if row.trial is not None]


def ended_rows(run: CohortRun, origin: Origin) -> list[dict[str, Any]]:
    """The rows of those trials that will not go further, and that nothing can change any more."""
    return [row for row in loss_rows(run, origin) if row["status"] != "partial"]


def trial_row(run: CohortRun, r: int, row: Row, trial: Trial, origin: Origin) -> dict[str, Any]:
    """One row: the plan as achieved, the result, and how it was obtained."""
    cursor = run.cursor
    result = cursor.results.get(row.key, {})
    status, reason = verdict(cursor, run.rows, r, result)
    steps = trial.steps if status == "done" else max(0, cursor.step[r])
    tokens = steps * trial.shape.batch_tokens
    loss, se = result.get("loss") if status == "done" else None, result.get("loss_se", math.nan)
    per_byte = origin.bytes_per_token
    return {
        **planned(trial),
        "sweep": origin.sweep,
        "status": status,
        "reason": reason,
        "tokens": tokens,
        "flops_exact": counting.train_flops_per_token(trial.shape) * tokens,
        "flops_6nd": counting.flops_6nd(trial.shape, float(tokens)),
        "steps": steps,
        "loss": loss,
        "loss_se": se if status == "done" and math.isfinite(se) else None,  # one validation window has none
        "bits_per_byte": loss / math.log(2) / per_byte if loss is not None and per_byte else None,
        "train_loss": result.get("train_loss"),
        "unique_tokens": origin.unique_tokens,
        "epochs": tokens / origin.unique_tokens,
        **execution(run, trial),
        "device": run.mesh.devices.flat[0].device_kind,
        "mesh": "x".join(str(n) for n in run.mesh.shape.values()),
        **speed(run, r, trial),
        "attempts": cursor.attempts,
        "code": origin.code,
    }


def planned(trial: Trial) -> dict[str, Any]:
    """The columns that the design alone decides."""
    return {name: value for name, value in table.row(trial).items() if name in COLUMNS} | {"data": trial.data}


def verdict(cursor: Cursor, rows: list[Row], r: int, result: dict[str, float]) -> tuple[str, str | None]:
    """Status and reason of a row that will not go further."""
    source = rows[r].source
    inherited = 0 <= cursor.diverged[r] < rows[r].start  # copied from a trunk that had broken in the chunk before
    if source is not None and not cursor.alive(source) and (not cursor.forked[r] or inherited):
        return "diverged", f"its trunk diverged at step {cursor.diverged[source]}: non-finite loss or gradient"
    if not cursor.alive(r):
        return "diverged", f"non-finite loss or gradient at step {cursor.diverged[r]}"
    if not result:
        return "partial", f"stopped at step {cursor.step[r]} of {rows[r].end}"
    if not math.isfinite(result["loss"]):
        return "diverged", "non-finite validation loss at the horizon"
    return "done", None


def speed(run: CohortRun, r: int, trial: Trial) -> dict[str, float | None]:
    """Throughput of a row: its own steps over its share of the cohort's device time. No peak, no MFU."""
    seconds, steps = run.cursor.wall_s[r], run.cursor.timed[r]
    if not steps or not seconds:
        return {"tokens_per_s": None, "mfu": None, "wall_s": seconds}
    tokens_per_s = steps * trial.shape.batch_tokens / seconds
    peak = peak_flops(run.mesh.devices.flat[0])
    flops = counting.train_flops_per_token(trial.shape) * tokens_per_s
    return {"tokens_per_s": tokens_per_s, "mfu": flops / (peak * run.mesh.size) if peak else None, "wall_s": seconds}


def execution(run: CohortRun, trial: Trial) -> dict[str, Any]:
    """How the program ran; none of it changes a loss but by rounding."""
    shape, how = trial.shape, run.machine.execution
    chosen = attention.choose(
        run.mesh.devices.flat[0].platform, shape.dtype, shape.heads, shape.head_dim, shape.seq_len
    )
    return {
        "mode": how.mode,
        "attention": shape.attention,
        "attention_reason": chosen.reason if chosen.implementation == shape.attention else "the config asks for it",
        "remat": how.remat,
        "micro_batches": how.micro_batches,
    }


def curve_rows(run: CohortRun) -> list[dict[str, Any]]:
    """Loss along every row; the points of a shared trunk stand under the trunk's key."""
    shape = run.cohort.shape
    per_token = counting.train_flops_per_token(shape)
    points = []
    for point in run.cursor.curves:
        tokens = point["step"] * shape.batch_tokens
        points.append({**point, "tokens": tokens, "flops_exact": per_token * tokens})
    return points
