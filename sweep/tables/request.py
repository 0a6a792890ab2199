"""What is asked of a table, and which of its columns holds each input."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sweep.errors import InputError
from sweep.laws import Law
from sweep.nearest import nearest
from sweep.tables import further, settings, usual
from sweep.tables.missing import missing
from sweep.tables.problem import Problem, check_codes
from sweep.tables.source import Source
from sweep.tables.units import check_units

NEEDED = ("params", "tokens", "loss")
INPUTS = (*NEEDED, "flops", "budget", "trunk", "run", "weight")
SWEEP_NAMES = {"params": "params_with_head", "flops": "flops_exact"}  # of a table that a sweep wrote


@dataclass(frozen=True)
class Request:
    """The options with which a table is read; see sweep.tables.load.load."""

    columns: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None
    units: str | None = None
    bytes_per_token: str | float | int | None = None
    despite: tuple[str, ...] = ()
    law: Law | None = None
    by: str | None = None
    best_of: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """The input that is fitted: the loss, or what else the law predicts."""
        return self.law.target if self.law else "loss"

    def check(self) -> None:
        """Raise InputError for a unit, a code or an input that does not exist, or options that do not go together."""
        check_units(self.units, self.bytes_per_token)
        check_codes(self.despite)
        settings.check_options(self.law, self.columns, self.units)
        keys = (*INPUTS, *further.keys(self.law))
        for key in self.columns:
            if key not in keys:
                raise InputError(f"--columns {key}=…: no such input{nearest(key, keys)}")


def evenly(columns: Mapping[str, str] | None) -> None:
    """InputError for row weights where they are not taken."""
    if "weight" in (columns or {}):
        raise InputError("--columns weight=… is of sweep fit alone: comparisons and the multiverse count rows alike")


@dataclass(frozen=True)
class Names:
    """Which column of a table, or which expression over its columns, holds each input.

    Attributes:
        column: input -> column or expression; of an input that nobody named, the column it would have.
        stated: inputs that the user named.
        own: a sweep wrote the table.
        known: columns of the table.
        remarks: what is said of columns that were taken by their usual names.
    """

    column: Mapping[str, str]
    stated: Collection[str]
    own: bool
    known: Collection[str]
    remarks: tuple[Problem, ...] = ()

    def has(self, key: str) -> bool:
        """Whether the table has an input, by its name or a stated one."""
        return key in self.stated or self.column.get(key, key) in self.known


def map_columns(source: Source, request: Request) -> Names:
    """The columns that hold the inputs. Raises InputError where the stated column of runs is not there."""
    known = source.table.column_names
    own = {"status", *SWEEP_NAMES.values()} <= set(known)
    keys = (*INPUTS, *further.keys(request.law))
    found = {} if own else usual.usual(known, request.columns)
    column = {key: (SWEEP_NAMES.get(key, key) if own else key) for key in keys} | found | dict(request.columns)
    if "run" in request.columns and request.columns["run"] not in known:
        raise missing(source.table, ["run"], column, source.name)
    taken, said = usual.remarks(source.table, found, column, source.name)
    column |= {key: key for key in found.keys() - taken.keys()}
    return Names(column, set(request.columns), own, known, tuple(said))
