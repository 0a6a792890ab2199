"""Columns in which rows of one configuration differ: settings that were tried, told apart from seeds and from results.

A configuration is what the law reads: params and tokens, and further inputs. Rows of it that differ in a
hyper-parameter are a search, rows that agree in everything are repeats, and only repeats show the noise of a run.

A column with a hyper-parameter's name is one. Any other column counts where its values come back (a result or an
identity is new in every row), where it varies in a tenth of the configurations, and where the columns found before it
leave it open: steps follow from a batch, a mark of the best from a learning rate.
"""

import re
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa

from sweep.tables.numbers import parse, texts
from sweep.tables.slips import TEXT_NAMES

HYPER = {
    "lr", "lrs", "learning", "batch", "bs", "bsz", "gbs", "wd", "decay", "beta", "beta1", "beta2", "betas", "eps",
    "epsilon", "warmup", "schedule", "scheduler", "sched", "cooldown", "anneal", "annealing", "optimizer", "optimiser",
    "optim", "momentum", "dropout", "clip", "clipping", "init", "mup", "ema", "accum", "hparams",
}  # fmt: skip
STARTS = ("lr", "learningrate", "batch", "warmup", "weightdecay", "beta", "optim", "schedul", "dropout")
DATA = {"unique", "epoch", "epochs", "passes"}  # of repeated data: inputs of laws that know repetition, no settings
IDENTITY = {
    "seed", "seeds", "rep", "repeat", "replicate", "repetition", "trial", "run", "job", "id", "uuid", "name", "index",
    "idx", "row", "experiment", "exp", "path", "url", "link", "file", "folder", "checkpoint", "ckpt", "date", "time",
    "created", "started", "finished", "updated", "host", "node", "device", "gpu", "gpus", "cluster", "user", "owner",
    "code", "commit", "version", "sweep", "trunk", "attempt", "attempts", "mesh", "mode", "remat", "schema", "source",
}  # fmt: skip
RESULT = {
    "loss", "losses", "val", "valid", "validation", "eval", "test", "train", "ppl", "perplexity", "bpb", "bits",
    "acc", "accuracy", "score", "error", "err", "se", "std", "metric", "mfu", "speed", "throughput", "wall", "hours",
    "seconds", "minutes", "duration", "runtime", "cost", "usd", "price", "memory", "mem", "grad", "norm", "status",
    "state", "reason", "outlier", "best", "flag", "keep", "used", "in", "ok", "excluded", "note", "notes", "comment",
    "remark", "flops", "compute", "step", "steps",
}  # fmt: skip
SCHEMA = ("lr", "batch_tokens", "weight_decay", "schedule", "warmup")  # what a sweep's own table holds of settings
SHARE, FEW = 0.1, 2  # of the configurations in which a column without a known name must vary
ROUNDED = 1e-3  # relative: one setting, written with fewer digits


def varied(table: pa.Table, rows: np.ndarray, cell: np.ndarray, *, own: bool, skip: Collection[str] = ()) -> list[str]:
    """Names of the columns in which rows of one configuration are settings, known names first.

    Args:
        rows: index in the table of the rows [m].
        cell: number of the configuration of each row [m].
        own: a sweep wrote the table.
        skip: columns that the law or the question reads.
    """
    if len(rows) == 0 or np.bincount(cell).max() < 2:
        return []
    known = [c for c in table.column_names if c not in skip and (c in SCHEMA if own else hyper(c))]
    found: list[str] = []
    for name in known:
        found += [name] * bool(count_varying(cell, levels(table, [name], rows)).any())
    if own:
        return found
    for name in table.column_names:
        if name in skip or hyper(name) or words(name) & (IDENTITY | RESULT | DATA) or name.lower() in TEXT_NAMES:
            continue
        level = levels(table, [name], rows)
        inside = np.unique(np.stack([cell, levels(table, found, rows)]), axis=1, return_inverse=True)[1].ravel()
        several = count_varying(inside, level)
        varies = np.zeros(cell.max() + 1, bool)
        varies[cell[several[inside]]] = True
        odd = varies[cell]
        recurs = len(np.unique(level[odd])) <= odd.sum() / 2
        if varies.sum() >= max(FEW, SHARE * len(varies)) and recurs:
            found.append(name)
    return found


def hyper(name: str) -> bool:
    """Whether a column has the name of a hyper-parameter, and not that of a mark such as `best_lr`."""
    if words(name) & {"best", "loss", "final", "optimal"}:
        return False
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return bool(words(name) & HYPER) or plain.startswith(STARTS)


def words(name: str) -> set[str]:
    """Words of a column's name, in lower case."""
    return set(re.split(r"[^a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()))


def levels(table: pa.Table, names: Sequence[str], rows: np.ndarray) -> np.ndarray:
    """Number of the combination of values of these columns at the rows [m]; numbers by three digits."""
    columns = [np.zeros(len(rows), int)]
    for name in names:
        values, bad = (x[rows] for x in parse(table[name]))
        if bad.any():
            values = np.array([x or "" for x in texts(table[name])], str)[rows]
        elif np.all(values > 0):
            values = np.round(np.log(values) / ROUNDED)
        columns.append(np.unique(values, return_inverse=True)[1].ravel())
    return np.unique(np.stack(columns), axis=1, return_inverse=True)[1].ravel()


def count_varying(cell: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Whether the levels [m] differ within each cell, [cells]."""
    low, high = np.full(cell.max() + 1, np.iinfo(int).max), np.full(cell.max() + 1, -1)
    np.minimum.at(low, cell, level)
    np.maximum.at(high, cell, level)
    return high > low
