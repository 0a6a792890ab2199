"""`plan.parquet`: the trials as designed, one row each, with what the loss table will say that is known beforehand."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from sweep import parquet
from sweep.design.trial import Trial
from sweep.errors import InputError
from sweep.files import whole
from sweep.storage import Location, readable

TYPES = {
    "trial": pa.string(),
    "budget": pa.float64(),
    "params_total": pa.int64(),
    "params_non_embedding": pa.int64(),
    "params_with_head": pa.int64(),
    "tokens": pa.int64(),
    "flops_exact": pa.float64(),
    "flops_6nd": pa.float64(),
    "tokens_per_param": pa.float64(),
    "width": pa.int64(),
    "depth": pa.int64(),
    "heads": pa.int64(),
    "seq_len": pa.int64(),
    "vocab": pa.int64(),
    "batch_tokens": pa.int64(),
    "steps": pa.int64(),
    "lr": pa.float64(),
    "weight_decay": pa.float64(),
    "schedule": pa.string(),
    "warmup": pa.int64(),
    "cooldown": pa.int64(),
    "seed": pa.int64(),
    "data_seed": pa.int64(),
    "trunk": pa.string(),
}  # parameters and FLOPs by the conventions of models.counting; warm-up and cooldown in steps


def row(trial: Trial) -> dict[str, Any]:
    """One trial as plain values, keyed by column; `trunk` is None for a run of its own."""
    shape, params = trial.shape, trial.params
    return {
        "trial": trial.id,
        "budget": trial.budget,
        "params_total": params.total,
        "params_non_embedding": params.non_embedding,
        "params_with_head": params.with_head,
        "tokens": trial.tokens,
        "flops_exact": trial.flops_exact,
        "flops_6nd": trial.flops_6nd,
        "tokens_per_param": trial.tokens / params.with_head,
        "width": shape.width,
        "depth": shape.depth,
        "heads": shape.heads,
        "seq_len": shape.seq_len,
        "vocab": shape.vocab,
        "batch_tokens": shape.batch_tokens,
        "steps": trial.steps,
        "lr": trial.lr,
        "weight_decay": trial.weight_decay,
        "schedule": trial.schedule,
        "warmup": trial.warmup,
        "cooldown": trial.cooldown,
        "seed": trial.seed,
        "data_seed": trial.data_seed,
        "trunk": trial.trunk,
    }


def table(trials: Iterable[Trial]) -> pa.Table:
    """The trials as an Arrow table."""
    return pa.Table.from_pylist([row(t) for t in trials], schema=pa.schema(TYPES))


def write(trials: Iterable[Trial], path: Location) -> None:
    """Write the table whole or not at all. Raises InputError where the file cannot be written."""
    with whole(path) as sink:
        parquet.write(table(trials), sink)


def read(path: Location) -> pa.Table:
    """The table of a written plan. Raises InputError where there is none or the file is not one."""
    try:
        found = parquet.read(readable(path))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no plan here; `sweep run CONFIG --out DIR` writes one") from error
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not a readable Parquet file; run the sweep again to write it anew") from error
    if missing := [name for name in TYPES if name not in found.column_names]:
        raise InputError(f"{path}: not a plan, it has no column {missing[0]!r}; run the sweep again to write it anew")
    return found
