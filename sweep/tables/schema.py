"""Columns of the loss table and of the curves, with the version that the files carry."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

VERSION = 1
STATUSES = ("done", "diverged", "failed", "pending", "partial")

TEXT, WHOLE, REAL = pa.string(), pa.int64(), pa.float64()
COLUMNS: dict[str, pa.DataType] = {
    "trial": TEXT,  # identity of the trial
    "sweep": TEXT,
    "status": TEXT,  # one of STATUSES
    "reason": TEXT,  # of a status other than done
    "budget": REAL,  # nominal FLOPs of the family
    "params_total": WHOLE,
    "params_non_embedding": WHOLE,
    "params_with_head": WHOLE,
    "tokens": WHOLE,
    "flops_exact": REAL,
    "flops_6nd": REAL,
    "loss": REAL,  # validation, nats/token
    "loss_se": REAL,
    "bits_per_byte": REAL,
    "train_loss": REAL,
    "width": WHOLE,
    "depth": WHOLE,
    "heads": WHOLE,
    "seq_len": WHOLE,
    "vocab": WHOLE,
    "batch_tokens": WHOLE,
    "steps": WHOLE,
    "lr": REAL,
    "weight_decay": REAL,
    "schedule": TEXT,
    "warmup": WHOLE,
    "seed": WHOLE,
    "data_seed": WHOLE,
    "data": TEXT,  # fingerprint of the tokens
    "unique_tokens": WHOLE,
    "epochs": REAL,
    "trunk": TEXT,  # rows of one trunk share a history: they are resampled together
    "mode": TEXT,  # vmap, map
    "attention": TEXT,  # xla, chunked, cudnn, splash
    "attention_reason": TEXT,
    "remat": TEXT,  # none, dots, full: what the backward pass computed again
    "micro_batches": WHOLE,
    "device": TEXT,
    "mesh": TEXT,
    "mfu": REAL,
    "tokens_per_s": REAL,
    "wall_s": REAL,
    "attempts": WHOLE,
    "code": TEXT,
    "schema": WHOLE,
}
CURVE_COLUMNS: dict[str, pa.DataType] = {
    "trial": TEXT,
    "step": WHOLE,
    "tokens": WHOLE,
    "flops_exact": REAL,
    "train_loss": REAL,
    "loss": REAL,  # validation, nats/token
}


def schema_of(columns: Mapping[str, pa.DataType]) -> pa.Schema:
    """Arrow schema with the version in its metadata."""
    return pa.schema(list(columns.items()), metadata={"sweep_schema": str(VERSION)})


SCHEMA = schema_of(COLUMNS)
CURVES = schema_of(CURVE_COLUMNS)


def table_of(rows: Iterable[Mapping[str, Any]], schema: pa.Schema = SCHEMA) -> pa.Table:
    """Rows as a table of `schema`; what a row lacks is null.

    Raises:
        ValueError: a column that the schema does not have, or a status that is none of STATUSES.
    """
    rows = [dict(row) for row in rows]
    for row in rows:
        if unknown := set(row) - set(schema.names):
            raise ValueError(f"no such column in the loss table: {', '.join(sorted(unknown))}")
        if "status" in row and row["status"] not in STATUSES:
            raise ValueError(f"status {row['status']!r} is none of {', '.join(STATUSES)}")
        if "schema" in schema.names:
            row.setdefault("schema", VERSION)
    return pa.Table.from_pylist(rows, schema=schema)
