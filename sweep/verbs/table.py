"""Options that several verbs share: how a loss table is read, what is minimised over it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tyro

from sweep.errors import InputError
from sweep.fit.objective import Objective
from sweep.tables.read import TableFile


@dataclass(frozen=True)
class TableArgs:
    """A loss table and how it is read."""

    table: tyro.conf.Positional[str]
    """CSV, Parquet, JSON or Markdown file, or the directory of a sweep."""
    columns: tuple[str, ...] = ()
    """Names in your table, or expressions, such as params=N "tokens=C/(6*N)" loss=val; also flops, budget, trunk, run
    for curves, weight (of a row, in fit), and what a law reads and predicts besides."""
    where: str | None = None
    """Keep the rows that satisfy this, such as "outlier == 0" or "epochs <= 1 and dataset == 'c4'"."""
    units: str | None = None
    """Of the loss: nats, bits (both per token) or bpb (bits per byte, fitted as they are); guessed and said where not
    stated."""
    bytes_per_token: str | None = None
    """A number or a column: turns bpb into nats/token, and nats or bits (per token) into bits/byte."""
    best_of: str | None = None
    """Columns of settings, such as lr,batch: keep the best of them in each configuration (params, tokens)."""
    wide: str | None = None
    """Columns that become rows: "budget=loss" where they are named by numbers, "Step, {run} - eval/loss" where each
    is a run."""
    drop_unfinished: bool = False
    """Leave out rows whose loss is missing, infinite or a word (diverged, OOM), and count them."""

    @property
    def source(self) -> str | TableFile:
        """The table as everything that reads one takes it."""
        if self.wide is None and not self.drop_unfinished:
            return self.table
        return TableFile(self.table, self.wide, self.drop_unfinished)

    @property
    def reading(self) -> Mapping[str, Any]:
        """Keywords of everything that reads a table. Raises InputError for a pair of --columns without two sides."""
        units = {"units": self.units, "bytes_per_token": self.bytes_per_token}
        best_of = tuple(name.strip() for name in (self.best_of or "").split(",") if name.strip())
        return {"columns": parse_columns(self.columns), "where": self.where, "best_of": best_of, **units}


@dataclass(frozen=True)
class FittingArgs(TableArgs):
    """A table and the objective that is minimised over it."""

    objective: str = "huber"
    """huber, lad, log_mse (all three in ln loss) or mse (in loss); of another law in what it predicts."""
    delta: float = 1e-3
    """Residual of ln loss above which huber counts linearly instead of squared."""

    @property
    def minimised(self) -> Objective:
        """The objective. Raises InputError for an unknown name or threshold."""
        return Objective(self.objective, self.delta)


def parse_columns(pairs: tuple[str, ...]) -> dict[str, str]:
    """{"params": "N"} of ("params=N",). Raises InputError for a pair without a name on both sides."""
    result = {}
    for pair in pairs:
        key, separator, name = pair.partition("=")
        if not (key and separator and name):
            raise InputError(f"--columns {pair}: write input=column, such as params=N")
        result[key] = name
    return result
